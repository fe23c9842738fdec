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

/** The values of all `--listen ADDR`. */
export function listenArguments () {
  const listen = []
  for (let i = 2; i < process.argv.length; i += 2) {
    if (process.argv[i].replace(/^-+/, '') !== 'listen' || process.argv[i + 1] == null) {
      throw new Error(`unknown option ${process.argv[i]}; there is only --listen MULTIADDR`)
    }
    listen.push(process.argv[i + 1])
  }
  return listen.length > 0 ? listen : ['/ip4/127.0.0.1/tcp/0']
}
