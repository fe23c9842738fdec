// Adding files and folders: gathered from a drop or a file input, sent as one multipart request with progress.
import { LineParser, RpcError, UnreachableError, authorization, messageOf, rpcUrl, type AddEvent } from "./api";
import { remember, type Added } from "./added";
import * as format from "./format";
import { startJob, type Job } from "./jobs";
import { viewLink } from "./transfer";

/** A file to send, or an empty folder. */
export interface Entry {
  path: string;
  file: File | null;
}

const entriesMax = 100_000;
/** The browser reads the answer only after it sent everything; beyond this, progress lines could fill the pipe. */
const nodeProgressBytesMax = 4 * 1024 ** 3;

export function entriesOfInput(input: HTMLInputElement): Entry[] {
  return [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Must be called while the drop is handled: what was dropped is forgotten right after. */
export function entriesOfDrop(transfer: DataTransfer): Promise<Entry[]> {
  const roots: FileSystemEntry[] = [];
  const loose: Entry[] = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) roots.push(entry);
    else if (file) loose.push({ path: file.name, file });
  }
  return walk(roots, loose);
}

async function walk(roots: FileSystemEntry[], found: Entry[]): Promise<Entry[]> {
  const open = [...roots];
  for (let entry = open.pop(); entry; entry = open.pop()) {
    if (found.length > entriesMax) throw new Error(`more than ${entriesMax} files: use the command line, kith add -r`);
    const path = entry.fullPath.replace(/^\//, "");
    if (entry.isFile) {
      const fileEntry = entry as FileSystemFileEntry;
      found.push({ path, file: await new Promise<File>((resolve, reject) => fileEntry.file(resolve, reject)) });
      continue;
    }
    const children = await childrenOf(entry as FileSystemDirectoryEntry);
    if (children.length === 0) found.push({ path, file: null });
    open.push(...children);
  }
  return found;
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // Browsers hand out a hundred at a time.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return all;
    all.push(...batch);
  }
}

export interface AddOptions {
  /** All of it in one new folder. */
  together: boolean;
}

export function addEntries(entries: Entry[], options: AddOptions): Job | null {
  if (entries.length === 0) return null;
  // A folder's files must follow each other.
  const sorted = [...entries].sort((a, b) => comparePaths(a.path, b.path));
  const roots = [...new Set(sorted.map((entry) => entry.path.split("/")[0]!))];
  const name = roots.length === 1 ? roots[0]! : `${roots[0]} and ${roots.length - 1} more`;
  return startJob("add", name, async (job) => {
    const size = sorted.reduce((sum, entry) => sum + (entry.file?.size ?? 0), 0);
    job.total = size;
    const events = await send(job, sorted, size, options);
    const folders = new Set(sorted.filter((entry) => entry.file === null || entry.path.includes("/")).map((entry) => entry.path.split("/")[0]!));
    const added = topLevel(events, sorted, folders, options, name);
    if (added.length === 0) throw new RpcError("add", 200, "the answer ended early");
    remember(added);
    job.progress(size);
    job.detail = entries.length > 1 ? format.count(entries.length, "file") : "";
    const first = added[0]!;
    job.link = added.length === 1 ? viewLink(first.cid, [], first.name) : "#/files";
  });
}

function comparePaths(a: string, b: string): number {
  const left = a.split("/");
  const right = b.split("/");
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! < right[i]! ? -1 : 1;
  }
  return left.length - right.length;
}

function topLevel(events: AddEvent[], entries: Entry[], folders: Set<string>, options: AddOptions, name: string): Added[] {
  const time = Date.now();
  const sizeUnder = (root: string | null) =>
    entries.filter((entry) => root === null || entry.path === root || entry.path.startsWith(root + "/")).reduce((sum, entry) => sum + (entry.file?.size ?? 0), 0);
  const finished = events.filter((event) => event.Hash);
  if (options.together) {
    const root = finished.find((event) => event.Name === "");
    return root ? [{ cid: root.Hash!, name: name + " (folder)", size: sizeUnder(null), folder: true, time }] : [];
  }
  return finished
    .filter((event) => event.Name !== "" && !event.Name.includes("/"))
    .map((event) => ({ cid: event.Hash!, name: event.Name, size: sizeUnder(event.Name), folder: folders.has(event.Name), time }));
}

/** Sends the request. Of what browsers have, only XMLHttpRequest tells how far the sending is. */
function send(job: Job, entries: Entry[], size: number, options: AddOptions): Promise<AddEvent[]> {
  const form = new FormData();
  for (const { path, file } of entries) {
    form.append("file", file ?? new Blob([], { type: "application/x-directory" }), encodeURIComponent(path));
  }
  const query = {
    "cid-version": 1,
    progress: size < nodeProgressBytesMax,
    ...(options.together ? { "wrap-with-directory": true } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const parser = new LineParser<AddEvent>("add");
    const events: AddEvent[] = [];
    let read = 0;
    let takenBytes = 0;
    let current = { name: "", bytes: 0 };
    const take = (event: AddEvent) => {
      if (event.Hash) events.push(event);
      if (event.Bytes === undefined) return;
      takenBytes += event.Bytes - (event.Name === current.name ? current.bytes : 0);
      current = { name: event.Name, bytes: event.Bytes };
      job.detail = `the node has taken ${format.bytes(Math.min(size, takenBytes))}`;
    };
    const readMore = () => {
      const text = request.responseText;
      for (const event of parser.feed(text.slice(read))) take(event);
      read = text.length;
    };
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) job.progress(Math.floor((size * event.loaded) / event.total));
    };
    request.upload.onload = () => {
      job.detail = "the node is finishing";
    };
    request.onprogress = () => {
      if (request.status !== 200) return;
      try {
        readMore();
      } catch (error) {
        reject(error);
        request.abort();
      }
    };
    request.onload = () => {
      if (request.status >= 502 && request.status <= 504) return reject(new UnreachableError());
      if (request.status !== 200) return reject(new RpcError("add", request.status, messageOf(request.responseText)));
      try {
        readMore();
        for (const event of parser.end()) take(event);
        resolve(events);
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(new UnreachableError());
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    job.signal.addEventListener("abort", () => request.abort());
    request.open("POST", rpcUrl("add", query));
    if (authorization()) request.setRequestHeader("Authorization", authorization());
    request.send(form);
  });
}
