// What the page of browser.mjs runs: a Helia node that can only dial, as pages in browsers are, and by WebSocket alone.
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { identify } from '@libp2p/identify'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

const options = {
  addresses: { listen: [] },
  transports: [webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() },
  // By default a browser's node dials neither loopback nor what isn't secured by TLS.
  connectionGater: { denyDialMultiaddr: () => false }
}

const hex = bytes => Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, '0')).join('')

/** Dials a peer, pings it, and fetches a file from it by Bitswap. Stays connected until `part()`. */
globalThis.meet = async (address, cid) => {
  const light = createHeliaLight({ datastore: new MemoryDatastore(), blockstore: new MemoryBlockstore() })
  const helia = withBitswap(withLibp2pLight(light, options))
  await helia.start()
  const connection = await helia.libp2p.dial(multiaddr(address))
  const rtt = await helia.libp2p.services.ping.ping(connection.remotePeer)
  const parts = []
  for await (const part of unixfs(helia).cat(CID.parse(cid))) {
    parts.push(part)
  }
  const content = new Uint8Array(await new Blob(parts).arrayBuffer())
  const peer = { id: connection.remotePeer.toString(), addr: connection.remoteAddr.toString() }
  globalThis.part = () => helia.stop()
  const id = helia.libp2p.peerId.toString()
  return { id, agent: navigator.userAgent, peer, rtt, bytes: content.length, sha256: hex(await crypto.subtle.digest('SHA-256', content)) }
}
