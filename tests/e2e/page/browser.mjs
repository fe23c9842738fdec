// Chromium with a profile of its own, and what the tests do with the page.
import { chromium } from "playwright-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where the page is, without a slash at the end. */
export const pageUrl = required("PAGE_URL").replace(/\/$/, "");
/** The gateway's address if the page is to use one. */
export const gateway = process.env.GATEWAY ?? "";
/** A second node: its address to connect to, and its RPC. */
export const peerAddress = required("PEER_ADDRESS");
export const peerRpc = required("PEER_RPC");

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} isn't set; tests/e2e/page/run.py sets it`);
  return value;
}

/** Calls a node's RPC from outside of the page. */
export async function rpc(command, query = {}, { base = pageUrl, body } = {}) {
  const search = new URLSearchParams(query);
  const response = await fetch(`${base}/api/v0/${command}?${search}`, { method: "POST", body });
  if (!response.ok) throw new Error(`${command}: ${response.status} ${await response.text()}`);
  return response;
}

/** Adds bytes to a node; returns the CID. */
export async function addBytes(bytes, base) {
  const body = new FormData();
  body.append("file", new Blob([bytes]), "file");
  const text = await (await rpc("add", { "cid-version": 1, progress: false }, { base, body })).text();
  return JSON.parse(text.trim().split("\n").at(-1)).Hash;
}

export async function catBytes(cid, query = {}, base = pageUrl) {
  return Buffer.from(await (await rpc("cat", { arg: cid, ...query }, { base })).arrayBuffer());
}

export class Browser {
  /** Requests to elsewhere than the page's and the gateway's origin. */
  strangers = [];
  /** What the page's console complained of. */
  complaints = [];

  static async start() {
    const browser = new Browser();
    browser.folder = await mkdtemp(join(tmpdir(), "kith-page-"));
    browser.context = await chromium.launchPersistentContext(join(browser.folder, "profile"), {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      args: flags,
      viewport: { width: 1280, height: 860 },
      acceptDownloads: true,
    });
    browser.page = browser.context.pages()[0] ?? (await browser.context.newPage());
    browser.page.setDefaultTimeout(20_000);
    browser.watch();
    return browser;
  }

  watch() {
    const own = [pageUrl, gateway].filter(Boolean).map((url) => new URL(url).origin);
    this.page.on("request", (request) => {
      const url = new URL(request.url());
      if (/^https?:$/.test(url.protocol) && !own.includes(url.origin)) this.strangers.push(request.url());
    });
    this.page.on("pageerror", (error) => this.complaints.push(String(error)));
    this.page.on("console", (message) => {
      // A refused command is part of some tests, and Chromium logs each.
      const expected = /Failed to load resource/.test(message.text());
      if (message.type() === "error" && !expected) this.complaints.push(message.text());
    });
  }

  /** Opens the page at one of its places, anew. */
  async visit(place = "#/me") {
    await this.page.goto("about:blank");
    await this.page.goto(`${pageUrl}/${place}`);
  }

  /** Drops files and folders of the disk on an element, as a file manager would. */
  async drop(paths, selector) {
    const box = await this.page.locator(selector).boundingBox();
    const x = box.x + box.width / 2;
    const y = box.y + box.height / 2;
    const session = await this.context.newCDPSession(this.page);
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x, y, data });
    await session.detach();
  }

  /** Clicks, and returns the bytes and the name of what the browser saves then, maybe by a tab of its own. */
  async download(locator) {
    const byTab = this.context.waitForEvent("page").then((tab) => tab.waitForEvent("download"));
    const [download] = await Promise.all([Promise.any([this.page.waitForEvent("download"), byTab]), locator.click()]);
    const parts = [];
    for await (const part of await download.createReadStream()) parts.push(part);
    return { name: download.suggestedFilename(), bytes: Buffer.concat(parts) };
  }

  /**
   * Lets the page have `start` of the next answers to a command, and then nothing more; or, if `failing`, the failure
   * that browsers make of a connection that ends. Until the next visit.
   */
  async standStill(command, start, failing = false) {
    const change = ([command, start, failing]) => {
      const real = window.fetch;
      window.fetch = (url, options) => {
        if (!String(url).startsWith(`/api/v0/${command}?`)) return real(url, options);
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(start));
            if (failing) setTimeout(() => controller.error(new TypeError("network error")), 300);
            options.signal?.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
          },
        });
        return Promise.resolve(new Response(body));
      };
    };
    await this.page.evaluate(change, [command, start, failing]);
  }

  /** The job of that name in the list of transfers. */
  job(name) {
    return this.page.locator(".job").filter({ has: this.page.locator(".job-name", { hasText: name }) }).first();
  }

  async close() {
    await this.context.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
