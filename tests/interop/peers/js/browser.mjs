// Chromium as a peer: a page with js-libp2p and Helia in it dials ADDRESS, pings it and fetches the file CID by Bitswap.
//
//   browser.mjs ADDRESS CID      prints one line of JSON, what browser-page.mjs's meet() returns, and stays connected until
//                                the end of standard input
import { createServer } from 'node:http'
import { finished } from 'node:stream/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build } from 'esbuild'
import { chromium } from 'playwright-core'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']
const MEETING_MS = 60_000

const [address, cid] = process.argv.slice(2)

const bundle = await build({
  entryPoints: [join(import.meta.dirname, 'browser-page.mjs')],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  logLevel: 'error'
})
const server = createServer((request, response) => {
  const script = request.url === '/page.js'
  response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html')
  response.end(script ? bundle.outputFiles[0].text : '<!doctype html><title>peer</title><script type="module" src="/page.js"></script>')
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const profile = await mkdtemp(join(tmpdir(), 'kith-browser-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS
})
try {
  const page = context.pages()[0] ?? await context.newPage()
  page.setDefaultTimeout(MEETING_MS)
  page.on('console', message => console.error(message.text()))
  page.on('pageerror', error => console.error(String(error)))
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction(() => globalThis.meet !== undefined)
  console.log(JSON.stringify(await page.evaluate(([to, what]) => globalThis.meet(to, what), [address, cid])))
  await finished(process.stdin.resume())
  await page.evaluate(() => globalThis.part())
} finally {
  await context.close()
  server.close()
  await rm(profile, { recursive: true, force: true })
}
