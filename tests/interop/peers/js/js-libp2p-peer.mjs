// A js-libp2p node that a test drives over stdin and stdout. ../README.md describes its commands.
import { createLibp2p } from 'libp2p'

import { emit, programArguments, serveStdin } from './control.mjs'
import { dhtCommands } from './dht.mjs'
import { nodeCommands, nodeOptions } from './node.mjs'
import { protocolCommands, serveProtocols } from './protocols.mjs'

const AGENT = 'js-libp2p-peer'

const options = programArguments()
const node = await createLibp2p({ ...await nodeOptions(AGENT, options), start: false })
const commands = { ...nodeCommands(node, AGENT), ...protocolCommands(node), ...dhtCommands(node) }
await serveProtocols(node)
await node.start()
if (options.topic != null) {
  node.services.pubsub.subscribe(options.topic)
}

emit({ event: 'ready', ...commands.info() })
await serveStdin(commands)
process.exit(0)
