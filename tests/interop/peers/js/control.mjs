// The control protocol: JSON lines on stdin and stdout. ../README.md describes it.
import { createInterface } from 'node:readline'

const DEFAULT_TIMEOUT_MS = 60_000

export function emit (line) {
  process.stdout.write(JSON.stringify(line) + '\n')
}

/** Runs `commands[request.cmd](request, signal)` for each line of stdin, until it ends. */
export async function serveStdin (commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    void answer(JSON.parse(line), commands)
  }
}

async function answer (request, commands) {
  try {
    const command = commands[request.cmd]
    if (command == null) {
      throw new Error(`unknown command "${request.cmd}"`)
    }
    const signal = AbortSignal.timeout(request.timeout_ms ?? DEFAULT_TIMEOUT_MS)
    emit({ ...await command(request, signal), id: request.id, ok: true })
  } catch (error) {
    emit({ id: request.id, ok: false, error: `${error.name}: ${error.message}` })
  }
}

const USAGE = '--listen MULTIADDR, --security NAME, --dht client|server, --topic TOPIC, --relayed and --relay'

/** The values of all `--listen ADDR`, those of the options that take one, and which flags there are. */
export function programArguments () {
  const found = { listen: [], security: 'noise' }
  const given = process.argv.slice(2)
  while (given.length > 0) {
    const flag = given.shift().replace(/^-+/, '')
    if (['relayed', 'relay'].includes(flag)) {
      found[flag] = true
      continue
    }
    const value = given.shift()
    if (!['listen', 'security', 'dht', 'topic'].includes(flag) || value == null) {
      throw new Error(`unknown option ${flag}; there are ${USAGE}`)
    }
    if (flag === 'listen') {
      found.listen.push(value)
    } else {
      found[flag] = value
    }
  }
  return { ...found, listen: found.listen.length > 0 ? found.listen : ['/ip4/127.0.0.1/tcp/0'] }
}
