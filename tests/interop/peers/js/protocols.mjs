// The test protocols, both sides of each. ../README.md describes them.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { peerIdFromString } from '@libp2p/peer-id'

import { emit } from './control.mjs'
import { STREAMS_MAX, orAbort } from './node.mjs'

const ECHO = '/echo/1.0.0'
const SINK = '/sink/1.0.0'
const STALL = '/stall/1.0.0'
const RESET = '/reset/1.0.0'
const HALF_CLOSE = '/half-close/1.0.0'
const PERF = '/perf/1.0.0'

const CHUNK_BYTES = 64 << 10
const DIGEST_BYTES = 8 + 32
const STALL_MS_MAX = 60_000
const HALF_CLOSE_GREETING = Buffer.from('half')
/** A paused stream still takes what fits into its receive window, which grows to 16 MiB. */
const READ_BUFFER_BYTES_MAX = 32 << 20
/** A reader pauses its stream when so much is waiting to be read. */
const PAUSE_BYTES = 1 << 20

/** Reads a stream piece by piece with backpressure. js-libp2p pushes its messages, whether anybody reads or not. */
class Reader {
  #stream
  #pieces = []
  #bytes = 0
  #ended = false
  #error = null
  #wake = null

  constructor (stream) {
    this.#stream = stream
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX
    stream.addEventListener('message', ({ data }) => {
      const piece = data instanceof Uint8Array ? data : data.subarray()
      this.#pieces.push(piece)
      this.#bytes += piece.byteLength
      if (this.#bytes > PAUSE_BYTES && stream.readStatus === 'readable') {
        stream.pause()
      }
      this.#wake?.()
    })
    stream.addEventListener('end', () => { this.#ended = true; this.#wake?.() })
    stream.addEventListener('close', (event) => { this.#error ??= event.error ?? null; this.#ended = true; this.#wake?.() })
    this.#ended = stream.readableEnded
  }

  /** Stops the receive window from being renewed until something is read. */
  pause () {
    if (this.#stream.readStatus === 'readable') {
      this.#stream.pause()
    }
  }

  /** The next piece, of at most `max` bytes; null at the end; throws if the stream was reset. */
  async read (max = Infinity) {
    while (true) {
      const piece = this.#pieces.shift()
      if (piece != null) {
        const part = piece.subarray(0, max)
        if (part.byteLength < piece.byteLength) {
          this.#pieces.unshift(piece.subarray(max))
        }
        this.#bytes -= part.byteLength
        return part
      }
      if (this.#stream.readStatus === 'paused') {
        this.#stream.resume()
        continue
      }
      if (this.#error != null) {
        throw this.#error
      }
      if (this.#ended) {
        return null
      }
      await new Promise(resolve => { this.#wake = resolve })
    }
  }

  async readExactly (count) {
    const pieces = []
    for (let left = count; left > 0;) {
      const piece = await this.read(left)
      if (piece == null) {
        throw new Error(`the stream ended ${left} bytes early`)
      }
      pieces.push(piece)
      left -= piece.byteLength
    }
    return Buffer.concat(pieces)
  }

  /** Reads to the end; throws when there is more than `max`. */
  async readAll (max) {
    const pieces = []
    let count = 0
    for (let piece = await this.read(); piece != null; piece = await this.read()) {
      pieces.push(piece)
      count += piece.byteLength
      if (count > max) {
        throw new Error(`more than ${max} bytes came`)
      }
    }
    return Buffer.concat(pieces)
  }

  /** Reads to the end: how many bytes, with which digest. */
  async readDigest () {
    const digest = createHash('sha256')
    let count = 0
    for (let piece = await this.read(); piece != null; piece = await this.read()) {
      digest.update(piece)
      count += piece.byteLength
    }
    return { count, digest: digest.digest() }
  }

  /** Reads to the end and says how it came. */
  async endName () {
    try {
      await this.readDigest()
      return 'eof'
    } catch (error) {
      return error.name === 'StreamResetError' ? 'reset' : `${error.name}: ${error.message}`
    }
  }
}

/** The bytes of one transfer: one random chunk over and over, each with its number in front, so that a lost, doubled
 * or swapped chunk changes the digest. */
class Source {
  #chunk = randomBytes(CHUNK_BYTES)
  #number = 0n
  #left
  #digest = createHash('sha256')

  constructor (size) {
    this.#left = size
  }

  * [Symbol.iterator] () {
    while (this.#left > 0) {
      // The stream keeps what it's given, so that each piece is a copy.
      const piece = Buffer.from(this.#chunk.subarray(0, Math.min(this.#left, CHUNK_BYTES)))
      const number = Buffer.alloc(8)
      number.writeBigUInt64BE(this.#number++)
      number.copy(piece)
      this.#left -= piece.byteLength
      this.#digest.update(piece)
      yield piece
    }
  }

  sum () {
    return this.#digest.digest('hex')
  }
}

async function write (stream, piece) {
  if (!stream.send(piece)) {
    await drained(stream)
  }
}

/** The stream's own onDrain() waits only the first time: once resolved, its promise stays so. */
function drained (stream) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const onClose = ({ error }) => reject(error ?? new Error('the stream closed'))
  stream.addEventListener('drain', resolve)
  stream.addEventListener('close', onClose)
  return promise.finally(() => {
    stream.removeEventListener('drain', resolve)
    stream.removeEventListener('close', onClose)
  })
}

async function writeAll (stream, source) {
  for (const piece of source) {
    await write(stream, piece)
  }
}

function * zeros (count) {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let left = count; left > 0; left -= Math.min(left, CHUNK_BYTES)) {
    yield chunk.subarray(0, Math.min(left, CHUNK_BYTES))
  }
}

function uint64 (number) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}

// Servers.

async function serveEcho (stream, reader) {
  for (let piece = await reader.read(); piece != null; piece = await reader.read()) {
    await write(stream, piece)
  }
  await stream.close()
}

async function serveDigest (stream, reader) {
  const { count, digest } = await reader.readDigest()
  await write(stream, Buffer.concat([uint64(count), digest]))
  await stream.close()
}

async function serveStall (stream, reader) {
  const head = await reader.readExactly(4)
  reader.pause()
  await sleep(Math.min(head.readUInt32BE(), STALL_MS_MAX))
  await serveDigest(stream, reader)
}

async function serveReset (stream, reader, peer) {
  const mode = await reader.readExactly(1)
  if (mode.toString() !== 'L') {
    stream.abort(new Error('asked to reset'))
    return
  }
  await write(stream, mode)
  emit({ event: 'stream-end', protocol: RESET, peer, how: await reader.endName() })
  stream.abort(new Error('done'))
}

async function serveHalfClose (stream, reader, peer) {
  await reader.readExactly(1)
  await write(stream, HALF_CLOSE_GREETING)
  await stream.close()
  const { count, digest } = await reader.readDigest()
  emit({ event: 'half-close', peer, how: 'eof', bytes: count, sha256: digest.toString('hex') })
}

async function servePerf (stream, reader) {
  const head = await reader.readExactly(8)
  while (await reader.read() != null);
  await writeAll(stream, zeros(Number(head.readBigUInt64BE())))
  await stream.close()
}

export async function serveProtocols (node) {
  const servers = {
    [ECHO]: serveEcho,
    [SINK]: serveDigest,
    [STALL]: serveStall,
    [RESET]: serveReset,
    [HALF_CLOSE]: serveHalfClose,
    [PERF]: servePerf
  }
  for (const [protocol, serve] of Object.entries(servers)) {
    const handler = async (stream, connection) => {
      try {
        await serve(stream, new Reader(stream), connection.remotePeer.toString())
      } catch (error) {
        console.error(`${protocol}: ${error.stack}`)
        stream.abort(error)
      }
    }
    await node.handle(protocol, handler, { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })
  }
}

// Clients.

/** Opens a stream, runs `use(stream, reader)`, and resets the stream if that fails or takes too long. */
async function withStream (node, peer, protocol, signal, use) {
  const [connection] = node.getConnections(peerIdFromString(peer))
  if (connection == null) {
    throw new Error('not connected to that peer')
  }
  const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: STREAMS_MAX })
  try {
    return await orAbort(use(stream, new Reader(stream)), signal)
  } catch (error) {
    stream.abort(error)
    throw error
  }
}

async function readAnswer (reader) {
  const answer = await reader.readAll(DIGEST_BYTES)
  if (answer.byteLength !== DIGEST_BYTES) {
    throw new Error(`the sink answered ${answer.byteLength} bytes instead of ${DIGEST_BYTES}`)
  }
  return { remote_bytes: Number(answer.readBigUInt64BE()), remote_sha256: answer.subarray(8).toString('hex') }
}

/** Sends `size` bytes through one echo stream, then keeps it open until all streams of the command have got theirs
 * back, and only then closes it. */
async function echoOnce (stream, reader, size, arrive) {
  const source = new Source(size)
  const digest = createHash('sha256')
  const readBack = async () => {
    for (let left = size; left > 0;) {
      const piece = await reader.read(left)
      if (piece == null) {
        throw new Error(`the echo ended ${left} bytes early`)
      }
      digest.update(piece)
      left -= piece.byteLength
    }
  }
  await Promise.all([writeAll(stream, source), readBack()])
  if (digest.digest('hex') !== source.sum()) {
    throw new Error('the echo differs from what was sent')
  }
  await arrive()
  await stream.close()
  await reader.readAll(0)
}

function barrier (count) {
  const open = Promise.withResolvers()
  let missing = count
  return () => {
    if (--missing === 0) {
      open.resolve()
    }
    return open.promise
  }
}

function seconds (start) {
  return (performance.now() - start) / 1000
}

export function protocolCommands (node) {
  return {
    async 'open-streams' ({ peer, count, bytes }, signal) {
      const arrive = barrier(count)
      const stop = new AbortController()
      const either = AbortSignal.any([signal, stop.signal])
      const one = () => withStream(node, peer, ECHO, either, (s, r) => echoOnce(s, r, bytes, arrive))
      try {
        await Promise.all(Array.from({ length: count }, one))
      } catch (error) {
        stop.abort(error)
        throw error
      }
      return { streams: count, bytes: count * bytes }
    },

    send: ({ peer, bytes }, signal) => withStream(node, peer, SINK, signal, async (stream, reader) => {
      const start = performance.now()
      const source = new Source(bytes)
      await writeAll(stream, source)
      await stream.close({ signal })
      return { bytes, sha256: source.sum(), ...await readAnswer(reader), seconds: seconds(start) }
    }),

    stall: ({ peer, bytes, stall_ms: stallMs }, signal) => withStream(node, peer, STALL, signal, async (stream, reader) => {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(stallMs)
      await write(stream, head)
      // What has been accepted when four fifths of the time are over, the reader certainly hadn't taken.
      let sent = 0
      let sentWhileStalled = 0
      const timer = setTimeout(() => { sentWhileStalled = sent }, stallMs * 4 / 5)
      const start = performance.now()
      const source = new Source(bytes)
      for (const piece of source) {
        await write(stream, piece)
        sent += piece.byteLength
      }
      await stream.close({ signal })
      const answer = await readAnswer(reader)
      clearTimeout(timer)
      return { bytes, sha256: source.sum(), ...answer, sent_while_stalled: sentWhileStalled, seconds: seconds(start) }
    }),

    perf: ({ peer, upload, download }, signal) => withStream(node, peer, PERF, signal, async (stream, reader) => {
      const start = performance.now()
      await write(stream, uint64(download))
      await writeAll(stream, zeros(upload))
      await stream.close({ signal })
      const uploadSeconds = seconds(start)
      let received = 0
      for (let piece = await reader.read(); piece != null; piece = await reader.read()) {
        received += piece.byteLength
      }
      return {
        uploaded: upload, downloaded: received, upload_seconds: uploadSeconds, download_seconds: seconds(start) - uploadSeconds
      }
    }),

    reset: ({ peer, by }, signal) => withStream(node, peer, RESET, signal, async (stream, reader) => {
      if (by === 'remote') {
        await write(stream, Buffer.from('R'))
        return { saw: await reader.endName() }
      }
      await write(stream, Buffer.from('L'))
      await reader.readExactly(1)
      stream.abort(new Error('asked to reset'))
      return {}
    }),

    'half-close': ({ peer, bytes }, signal) => withStream(node, peer, HALF_CLOSE, signal, async (stream, reader) => {
      await write(stream, Buffer.from('H'))
      const greeting = await reader.readAll(HALF_CLOSE_GREETING.byteLength)
      if (!greeting.equals(HALF_CLOSE_GREETING)) {
        throw new Error(`greeted with ${greeting}`)
      }
      const source = new Source(bytes)
      await writeAll(stream, source)
      await stream.close({ signal })
      return { bytes, sha256: source.sum() }
    })
  }
}
