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

/** The values of all `--listen ADDR`, and that of `--security NAME`. */
export function programArguments () {
  const listen = []
  let security = 'noise'
  for (let i = 2; i < process.argv.length; i += 2) {
    const flag = process.argv[i].replace(/^-+/, '')
    const value = process.argv[i + 1]
    if (!['listen', 'security'].includes(flag) || value == null) {
      throw new Error(`unknown option ${process.argv[i]}; there are --listen MULTIADDR and --security NAME`)
    }
    if (flag === 'listen') {
      listen.push(value)
    } else {
      security = value
    }
  }
  return { listen: listen.length > 0 ? listen : ['/ip4/127.0.0.1/tcp/0'], security }
}
