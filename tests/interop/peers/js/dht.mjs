// The Kademlia DHT of the js-libp2p peer, in a network of its own on loopback, and its commands.
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'

const PUBLIC_KEY = '/pk/'

/** Of mode `client` or `server`. */
export function dhtService (mode) {
  return kadDHT({
    protocol: '/ipfs/lan/kad/1.0.0',
    clientMode: mode === 'client',
    // Loopback addresses are all that there are.
    peerInfoMapper: passthroughMapper
  })
}

/** The events of that name in a query. */
async function found (query, name) {
  const events = []
  for await (const event of query) {
    if (event.name === name) {
      events.push(event)
    }
  }
  return events
}

const publicKeyOf = peer => Buffer.concat([Buffer.from(PUBLIC_KEY), peerIdFromString(peer).toMultihash().bytes])

export function dhtCommands (node) {
  const { dht } = node.services
  if (dht == null) {
    return {}
  }
  return {
    'dht-peers': () => ({ count: dht.routingTable.size }),

    async 'find-peer' ({ peer }, signal) {
      const [last] = await found(dht.findPeer(peerIdFromString(peer), { signal }), 'FINAL_PEER')
      return { addrs: last?.peer.multiaddrs.map(String) ?? [] }
    },

    /** Answers who was asked to remember it. */
    async provide ({ cid }, signal) {
      const answered = await found(dht.provide(CID.parse(cid), { signal }), 'PEER_RESPONSE')
      return { peers: [...new Set(answered.filter(e => e.messageName === 'ADD_PROVIDER').map(e => e.from.toString()))] }
    },

    async 'find-providers' ({ cid }, signal) {
      const events = await found(dht.findProviders(CID.parse(cid), { signal }), 'PROVIDER')
      return { peers: [...new Set(events.flatMap(e => e.providers.map(p => p.id.toString())))] }
    },

    async 'put-public-key' ({ peer, data }, signal) {
      const answered = await found(dht.put(publicKeyOf(peer), Buffer.from(data, 'hex'), { signal }), 'PEER_RESPONSE')
      return { peers: [...new Set(answered.filter(e => e.messageName === 'PUT_VALUE').map(e => e.from.toString()))] }
    },

    async 'get-public-key' ({ peer }, signal) {
      const events = await found(dht.get(publicKeyOf(peer), { signal }), 'VALUE')
      return { data: events.map(e => Buffer.from(e.value).toString('hex')) }
    }
  }
}
