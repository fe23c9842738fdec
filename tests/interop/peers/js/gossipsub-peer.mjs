// A js-libp2p node that speaks gossipsub with one peer.
//
//   gossipsub-peer.mjs ADDR TOPIC
//
// Prints {"id"} once it is subscribed and connected, then {"from", "data"} for each message of others; data is
// hexadecimal, as are the lines of standard input, each of which it publishes. Ends when that does.
import { createInterface } from 'node:readline'

import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const [address, topic] = process.argv.slice(2)

const node = await createLibp2p({
  addresses: { listen: [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), pubsub: gossipsub() }
})

const { pubsub } = node.services
pubsub.addEventListener('message', ({ detail }) => {
  const line = { from: detail.from?.toString(), data: Buffer.from(detail.data).toString('hex') }
  console.log(JSON.stringify(line))
})
pubsub.subscribe(topic)
await node.dial(multiaddr(address))
console.log(JSON.stringify({ id: node.peerId.toString() }))

for await (const line of createInterface({ input: process.stdin })) {
  await pubsub.publish(topic, Buffer.from(line, 'hex'))
}
await node.stop()
