// What both JavaScript peers have in common: a TCP, WebSocket, Noise or TLS and yamux node that meets nobody by itself.
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'

import { emit } from './control.mjs'
import { dhtService } from './dht.mjs'

export const STREAMS_MAX = 8192
/** Each ping has a stream of its own, and the next one may start before the last one's is quite closed. */
const PING_LIMITS = { maxInboundStreams: 64, maxOutboundStreams: 64 }

const SECURITY = { noise, tls }

/** What a node does besides what all do: `relayed` dials and takes circuits and punches holes, `relay` is a relay, one
 * with a `topic` speaks gossipsub, where messages must be signed. */
function extras ({ relayed, relay, dht, topic }) {
  return {
    transports: relayed ? [circuitRelayTransport()] : [],
    services: {
      ...(relayed ? { dcutr: dcutr() } : {}),
      ...(relay ? { relay: circuitRelayServer() } : {}),
      ...(dht != null ? { dht: dhtService(dht) } : {}),
      ...(topic != null ? { pubsub: gossipsub() } : {})
    }
  }
}

/** QUIC is a library for each kind of machine: only who listens by it needs the one for this. */
async function quicTransports (listen) {
  if (!listen.some(addr => addr.includes('/quic-v1'))) {
    return []
  }
  const { quic } = await import('@chainsafe/libp2p-quic')
  return [quic({ maxConcurrentStreamLimit: STREAMS_MAX })]
}

export async function nodeOptions (agent, options) {
  const { listen, security } = options
  const { transports, services } = extras(options)
  if (SECURITY[security] == null) {
    throw new Error(`no such security ${security}; there are noise and tls`)
  }
  return {
    addresses: { listen },
    transports: [tcp(), webSockets(), ...await quicTransports(listen), ...transports],
    connectionEncrypters: [SECURITY[security]()],
    streamMuxers: [yamux({ maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })],
    services: { identify: identify(), identifyPush: identifyPush(), ping: ping(PING_LIMITS), ...services },
    nodeInfo: { name: agent, version: '0.0.0', userAgent: agent }
  }
}

/** The commands about connections, and the events that go with them. */
export function nodeCommands (node, agent) {
  const identified = new Map()
  const waiting = new Map()

  node.addEventListener('peer:identify', ({ detail }) => {
    const peer = detail.peerId.toString()
    // A push tells only some fields again, and in js-libp2p not the observed address.
    detail.observedAddr ??= identified.get(peer)?.observedAddr
    identified.set(peer, detail)
    waiting.get(peer)?.resolve(detail)
    waiting.delete(peer)
  })
  node.addEventListener('connection:open', ({ detail }) => {
    emit({ event: 'connected', peer: detail.remotePeer.toString() })
  })
  node.addEventListener('connection:close', ({ detail }) => {
    emit({ event: 'disconnected', peer: detail.remotePeer.toString() })
  })

  const addrs = () => node.getMultiaddrs().map(String)

  return {
    info: () => ({ peer: node.peerId.toString(), addrs: addrs(), agent }),

    'listen-addrs': () => ({ addrs: addrs() }),

    async connect ({ addr }, signal) {
      const connection = await node.dial(multiaddr(addr), { signal })
      return { peer: connection.remotePeer.toString() }
    },

    async reserve ({ addr }) {
      await node.components.transportManager.listen([multiaddr(addr).encapsulate('/p2p-circuit')])
      return {}
    },

    async disconnect ({ peer }, signal) {
      await node.hangUp(peerIdFromString(peer), { signal })
      return {}
    },

    connections: () => ({
      connections: node.getConnections().map(c => ({
        peer: c.remotePeer.toString(), addr: c.remoteAddr.toString(), direction: c.direction
      }))
    }),

    async ping ({ peer, count }, signal) {
      const rtts = []
      for (let i = 0; i < count; i++) {
        rtts.push(1000 * await node.services.ping.ping(peerIdFromString(peer), { signal }))
      }
      return { rtt_us: rtts }
    },

    async identify ({ peer }, signal) {
      if (!identified.has(peer) && !waiting.has(peer)) {
        waiting.set(peer, Promise.withResolvers())
      }
      const result = identified.get(peer) ?? await orAbort(waiting.get(peer).promise, signal)
      return {
        protocols: result.protocols,
        agent: result.agentVersion,
        protocol_version: result.protocolVersion,
        listen_addrs: result.listenAddrs.map(String),
        observed_addr: result.observedAddr?.toString() ?? ''
      }
    }
  }
}

export function orAbort (promise, signal) {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
