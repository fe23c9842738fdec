// A Helia node (blocks in memory, Bitswap over TCP) that a test drives over stdin and stdout. ../README.md describes
// its commands.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

import { emit, programArguments, serveStdin } from './control.mjs'
import { nodeCommands, nodeOptions } from './node.mjs'

const AGENT = 'helia-peer'
/** By default Helia ends a peer's stream that says nothing for 10 s, and wants that are on their way in it are lost until
 * the peer says them again; on a busy machine that makes a transfer stand still for minutes. */
const PATIENCE = { messageReceiveTimeout: 600_000, messageSendTimeout: 60_000, sendBlocksTimeout: 60_000 }
/** Entries of one directory that are fetched at once. */
const DOWNLOADS_MAX = 64

const blockstore = new MemoryBlockstore()
const light = createHeliaLight({ datastore: new MemoryDatastore(), blockstore })
const helia = withBitswap(withLibp2pLight(light, await nodeOptions(AGENT, programArguments())), PATIENCE)
await helia.start()
const fs = unixfs(helia)

/** All files, directories and links under a path, as the importer wants them. */
async function * walk (path, name) {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const from = join(path, entry.name)
    const to = `${name}/${entry.name}`
    if (entry.isDirectory()) {
      yield { path: to }
      yield * walk(from, to)
    } else if (entry.isFile()) {
      yield { path: to, content: createReadStream(from) }
    }
  }
}

async function * candidates (path) {
  const name = basename(path)
  if ((await stat(path)).isDirectory()) {
    yield { path: name }
    yield * walk(path, name)
  } else {
    yield { path: name, content: createReadStream(path) }
  }
}

/** Writes a file or a directory with all that's in it, and returns how many files there were. */
async function download (cid, to, signal) {
  const { type } = await fs.stat(cid, { signal })
  if (type !== 'directory') {
    await pipeline(fs.cat(cid, { signal }), createWriteStream(to))
    return 1
  }
  await mkdir(to)
  const running = new Set()
  let files = 0
  for await (const entry of fs.ls(cid, { signal })) {
    const one = download(entry.cid, join(to, entry.name), signal).then(count => { files += count; running.delete(one) })
    running.add(one)
    if (running.size >= DOWNLOADS_MAX) {
      await Promise.race(running)
    }
  }
  await Promise.all(running)
  return files
}

const commands = {
  ...nodeCommands(helia.libp2p, AGENT),

  async add ({ path, options }, signal) {
    let last
    for await (const entry of fs.addAll(candidates(path), { ...options, signal })) {
      last = entry
    }
    return { cid: last.cid.toString() }
  },

  async get ({ cid, path }, signal) {
    return { files: await download(CID.parse(cid), path, signal) }
  },

  async cat ({ cid, offset, length }, signal) {
    const digest = createHash('sha256')
    let bytes = 0
    for await (const piece of fs.cat(CID.parse(cid), { offset, length, signal })) {
      digest.update(piece)
      bytes += piece.byteLength
    }
    return { bytes, sha256: digest.digest('hex') }
  },

  async ls ({ cid, path }, signal) {
    const names = []
    for await (const entry of fs.ls(CID.parse(cid), { path, signal })) {
      names.push(entry.name)
    }
    return { names }
  },

  async has ({ cid }, signal) {
    return { has: await blockstore.has(CID.parse(cid), { signal }) }
  }
}

emit({ event: 'ready', ...commands.info() })
await serveStdin(commands)
process.exit(0)
