// Fetching content into the node, and from there into the browser's downloads.
import { bytesOf, call, open, RpcError, type Bandwidth, type BitswapStat, type Peer } from "./api";
import { codecOf, dagPbCodec, rawCodec, readUnixfs, type NodeInfo } from "./cid";
import { every, h } from "./dom";
import * as format from "./format";
import { contentPath, gateway, gatewayUrl } from "./gateway";
import { startJob, type Job } from "./jobs";

const peersWatchedMax = 24;
const watchMilliseconds = 1000;
/** Less than this a second is talk, not content. */
const givingBytes = 4096;
/** What the page holds on its way to the disk. */
const saveBytesMax = 2 * 1024 ** 3;

/** What a path leads to. Waits for peers if the node has to. */
export async function lookUp(cid: string, path: readonly string[], signal?: AbortSignal): Promise<NodeInfo> {
  let target = cid;
  if (path.length > 0) {
    const resolved = await call<{ Cid: { "/": string }; RemPath: string }>("dag/resolve", { arg: contentPath(cid, path) }, signal);
    if (resolved.RemPath) throw new RpcError("dag/resolve", 200, `no link named "${resolved.RemPath}"`);
    target = resolved.Cid["/"];
  }
  const codec = codecOf(target);
  if (codec === rawCodec) {
    const stat = await call<{ Size: number }>("block/stat", { arg: target }, signal);
    return { cid: target, kind: "file", size: stat.Size };
  }
  if (codec !== dagPbCodec) return { cid: target, kind: "data", size: null };
  return readUnixfs(target, await call("dag/get", { arg: target }, signal));
}

/** The content's bytes through the node: a file as it is, a folder as a tar. */
async function* contentBytes(job: Job, cid: string, path: readonly string[]): AsyncGenerator<Uint8Array> {
  const info = await lookUp(cid, path, job.signal);
  job.total = info.size;
  const folder = info.kind !== "file";
  const response = await open(folder ? "get" : "cat", { arg: contentPath(cid, path), ...(folder ? { archive: true } : {}) }, job.signal);
  const announced = Number(response.headers.get("X-Content-Length") ?? NaN);
  if (!folder && Number.isFinite(announced)) job.total = announced;
  let done = 0;
  let tail = new Uint8Array(0);
  for await (const part of bytesOf(response)) {
    done += part.length;
    job.progress(done);
    if (folder) tail = lastBytes(tail, part, 1024);
    yield part;
  }
  // A failure on the way is told in a trailer, which pages can't read; so the end itself is looked at.
  const whole = folder ? tail.length === 1024 && tail.every((byte) => byte === 0) : job.total === null || done >= job.total;
  if (!whole) throw new RpcError("get", 200, "the answer ended early");
  job.total = done;
}

function lastBytes(before: Uint8Array, part: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  if (part.length >= count) return part.slice(-count);
  const joined = new Uint8Array(before.length + part.length);
  joined.set(before);
  joined.set(part, before.length);
  return joined.slice(-count);
}

/** Brings all of it into the node, so that it is there when its peers aren't. */
export function fetchIntoNode(cid: string, path: readonly string[], name: string): Job {
  return startJob("fetch", name, async (job) => {
    job.link = viewLink(cid, path);
    watchSources(job);
    for await (const _part of contentBytes(job, cid, path)) {
      // The node keeps what it hands out; the page has no use for it.
    }
  });
}

/** Through the gateway where the browser can do it alone, else through this page. */
export async function saveToDisk(cid: string, path: readonly string[], name: string, info: NodeInfo): Promise<void> {
  const base = await gateway();
  if (base && info.kind === "file") {
    clickLink(gatewayUrl(base, cid, path, { filename: name, download: "true" }), { target: "_blank" });
    return;
  }
  const fileName = info.kind === "file" ? name : `${name}.tar`;
  startJob("save", fileName, async (job) => {
    watchSources(job);
    const parts: BlobPart[] = [];
    let held = 0;
    for await (const part of contentBytes(job, cid, path)) {
      held += part.length;
      if (held > saveBytesMax) throw new Error(`too large for a browser to hold: use the command line, kith get ${cid}`);
      parts.push(part as Uint8Array<ArrayBuffer>);
    }
    const url = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
    clickLink(url, { download: fileName });
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
}

/** Whether the node counts a peer's bytes; one that can't, tells those of all under any peer's name. */
async function tellsPerPeer(signal: AbortSignal): Promise<boolean> {
  const me = await call<{ ID: string }>("id", {}, signal);
  return (await call<Bandwidth>("stats/bw", { peer: me.ID }, signal)).TotalIn === 0;
}

/** A link to elsewhere needs a tab of its own: what it answers may be no download, and the page must stay. */
function clickLink(url: string, more: { target: "_blank" } | { download: string }): void {
  const link = h("a", { href: url, rel: "noopener", hidden: true, ...more });
  document.body.append(link);
  link.click();
  link.remove();
}

/** Says from how many peers a job's bytes come, as long as it runs. */
function watchSources(job: Job): void {
  const stop = new AbortController();
  job.signal.addEventListener("abort", () => stop.abort());
  const before = new Map<string, number>();
  const givers = new Set<string>();
  let perPeer: boolean | null = null;
  let receivedAtFirst = -1;
  every(watchMilliseconds, stop.signal, async () => {
    if (job.state !== "running") {
      stop.abort();
      return;
    }
    try {
      const stat = await call<BitswapStat>("stats/bitswap", {}, stop.signal);
      if (receivedAtFirst < 0) receivedAtFirst = stat.DataReceived;
      const peers = new Set(((await call<{ Peers: Peer[] | null }>("swarm/peers", {}, stop.signal)).Peers ?? []).map((peer) => peer.Peer));
      job.stalledText = peers.size === 0 ? "this node knows no peer: connect to one that has it" : `none of ${format.count(peers.size, "peer")} has sent more yet`;
      perPeer ??= await tellsPerPeer(stop.signal);
      let giving = 0;
      for (const peer of [...peers].slice(0, perPeer ? peersWatchedMax : 0)) {
        const total = (await call<Bandwidth>("stats/bw", { peer }, stop.signal)).TotalIn;
        if (total - (before.get(peer) ?? total) > givingBytes) {
          giving++;
          givers.add(peer);
        }
        before.set(peer, total);
      }
      const received = stat.DataReceived - receivedAtFirst;
      if (giving > 0) job.detail = `from ${format.count(giving, "peer")}`;
      else if (received > 0 && givers.size > 0) job.detail = `from ${format.count(givers.size, "peer")}`;
      else if (received > 0) job.detail = `${format.count(peers.size, "peer")} connected`;
      else job.detail = job.done > 0 ? "already here" : "";
    } catch (error) {
      // A node that refuses to tell a peer's share still tells the rest.
      if (error instanceof RpcError && error.command === "stats/bw") perPeer = false;
    }
  });
}

export function viewLink(cid: string, path: readonly string[], name = ""): string {
  const query = name ? `?name=${encodeURIComponent(name)}` : "";
  return `#/files/${[cid, ...path].map(encodeURIComponent).join("/")}${query}`;
}
