// One CID or path: a folder's list with breadcrumbs, or a file's preview.
import { bytesOf, open, stream, type ListedLink, type Listing } from "./api";
import type { NodeInfo } from "./cid";
import { arrange, copyButton, fill, h, icon, moreButton } from "./dom";
import { errorBox, explain } from "./errors";
import { itemActions } from "./files";
import * as format from "./format";
import { contentPath, gateway, gatewayUrl, shareLink } from "./gateway";
import { harmlessType, iconFor, kindOfBytes, kindOfName, type Kind } from "./kinds";
import { fetchIntoNode, lookUp, saveToDisk, viewLink } from "./transfer";

const rowsAtFirst = 200;
const rowsMore = 1000;
const drawMilliseconds = 150;
const textBytesMax = 64 * 1024;
/** Media that the page holds itself when there is no gateway. */
const heldMediaBytesMax = 32 * 1024 * 1024;

interface Target {
  cid: string;
  path: string[];
  /** What it was called where it was added or linked. */
  givenName: string;
}

export function browseView(target: Target, signal: AbortSignal): Element {
  const { cid, path } = target;
  const name = path.at(-1) ?? (target.givenName || format.short(cid, 12, 8));
  const facts = h("p", { class: "browse-facts", "data-testid": "facts" });
  const actions = h("div", { class: "row" });
  const body = h("section", { class: "card", "aria-label": "Content" });
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  const words = h("p", { class: "working" }, "Looking…");
  const slowly = h(
    "div",
    { class: "waiting", hidden: true },
    h("p", { class: "quiet" }, "Not all of it is here yet; the node asks its peers. If none of them has it, connect to one that does."),
    h("button", { type: "button", class: "button small", onclick: () => stop.abort() }, "Stop looking"),
  );
  const waiting = h("div", { class: "waiting" }, words, slowly);
  const slow = setTimeout(() => (slowly.hidden = false), 1500);
  fill(body, waiting);

  const load = async () => {
    try {
      const info = await lookUp(cid, path, stop.signal);
      fill(actions, headActions(target, name, info));
      const showList = (list: Element[]) => {
        words.textContent = "Waiting for more of the folder…";
        body.prepend(...list);
      };
      if (info.kind === "folder") fill(waiting, await showFolder(showList, facts, target, info, stop.signal));
      else if (info.kind === "file") await showFile(body, facts, target, name, info, stop.signal);
      else showOther(body, facts, info);
    } catch (error) {
      if (signal.aborted) return;
      const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
      fill(waiting, stop.signal.aborted ? errorBox({ what: "Stopped looking.", tryThis: "Connect to a peer that has it, then try again." }, again) : errorBox(explain(error, "content"), again));
    } finally {
      clearTimeout(slow);
    }
  };
  void load();
  return h("div", { class: "view" }, h("header", { class: "view-head" }, breadcrumbs(target), h("h1", { class: "breakable" }, name), facts, actions), body);
}

function breadcrumbs({ cid, path, givenName }: Target): Element {
  const crumbs: Element[] = [h("li", null, h("a", { href: "#/files" }, "Files"))];
  [cid, ...path].forEach((part, index) => {
    const label = index === 0 ? givenName || format.short(cid, 8, 6) : part;
    const last = index === path.length;
    crumbs.push(h("li", null, last ? h("span", { "aria-current": "page" }, label) : h("a", { href: viewLink(cid, path.slice(0, index), givenName) }, label)));
  });
  return h("nav", { class: "crumbs", "aria-label": "Path" }, h("ol", null, crumbs));
}

function headActions({ cid, path }: Target, name: string, info: NodeInfo): Element[] {
  let link = "";
  void shareLink(cid, path, info.kind === "file" ? name : "").then((text) => (link = text));
  const buttons: Element[] = [];
  if (info.kind !== "data") {
    buttons.push(
      h("button", { type: "button", class: "button primary", onclick: () => void saveToDisk(cid, path, name, info) }, icon("download"), h("span", null, info.kind === "folder" ? "Download as tar" : "Download")),
      h("button", { type: "button", class: "button", title: "Bring all of it into this node", onclick: () => fetchIntoNode(cid, path, name) }, icon("fetch"), h("span", null, "Fetch to my node")),
    );
  }
  buttons.push(copyButton(() => info.cid, "Copy the CID", "Copy CID"), copyButton(() => link, "Copy a link", "Copy link"));
  return buttons;
}

function showOther(body: Element, facts: Element, info: NodeInfo): void {
  facts.textContent = info.kind === "symlink" ? "A symbolic link" : "Data that is neither file nor folder";
  fill(body, h("p", { class: "empty" }, `To look into it: kith dag get ${info.cid}`));
}

/** Lists a folder as its entries come. Once it takes a while, `showList` gets the list; returns what is to say at the end. */
async function showFolder(showList: (list: Element[]) => void, facts: Element, target: Target, info: NodeInfo, signal: AbortSignal): Promise<Element | null> {
  const links: ListedLink[] = [];
  const rows = new Map<ListedLink, Element>();
  const list = h("ul", { class: "list", "data-testid": "listing" });
  let limit = rowsAtFirst;
  let state = " · still listing…";
  const draw = () => {
    facts.textContent = `Folder · ${format.count(links.length, "entry", "entries")}${info.size ? ` · about ${format.bytes(info.size)}` : ""}${state}`;
    const shown = links.slice(0, limit).map((link) => {
      const row = rows.get(link) ?? linkRow(target, link);
      rows.set(link, row);
      return row;
    });
    arrange(list, shown);
    more.hidden = links.length <= limit;
    more.textContent = `Show ${format.count(Math.min(rowsMore, links.length - limit), "more", "more")}`;
    if (!list.isConnected) showList([list, more]);
  };
  const more = moreButton(list, () => {
    limit += rowsMore;
    draw();
  });
  let drawn = 0;
  // By the clock: the next entry may be long in coming.
  const timer = setInterval(() => {
    if (links.length === drawn) return;
    drawn = links.length;
    draw();
  }, drawMilliseconds);
  try {
    for await (const part of stream<Listing>("ls", { arg: contentPath(target.cid, target.path), stream: true }, signal)) {
      for (const object of part.Objects) links.push(...(object.Links ?? []));
    }
  } catch (error) {
    state = " · not all of it";
    if (links.length > 0) draw();
    throw error;
  } finally {
    clearInterval(timer);
  }
  // Folders first; what was drawn on the way is put in order.
  const collator = new Intl.Collator(undefined, { numeric: true });
  links.sort((a, b) => Number(b.Type === 1) - Number(a.Type === 1) || collator.compare(a.Name, b.Name));
  state = "";
  draw();
  return links.length === 0 ? h("p", { class: "empty" }, "This folder is empty.") : null;
}

function linkRow({ cid, path, givenName }: Target, link: ListedLink): Element {
  const folder = link.Type === 1;
  const inside = [...path, link.Name];
  const note = link.Type === 4 ? `link to ${link.Target ?? ""}` : folder ? "folder" : format.bytes(link.Size);
  return h(
    "li",
    { class: "entry", "data-name": link.Name },
    icon(folder ? "folder" : link.Type === 4 ? "link" : iconFor(link.Name)),
    h(
      "span",
      { class: "entry-main" },
      h("a", { href: viewLink(cid, inside, givenName) }, link.Name),
      h("span", { class: "entry-note" }, note, " · ", h("span", { class: "mono", title: link.Hash }, format.short(link.Hash, 8, 6))),
    ),
    h("span", { class: "entry-actions" }, itemActions(cid, inside, link.Name, folder, link.Hash)),
  );
}

async function showFile(body: Element, facts: Element, target: Target, name: string, info: NodeInfo, signal: AbortSignal): Promise<void> {
  const { cid, path } = target;
  let kind = kindOfName(name);
  let head: Uint8Array | null = null;
  if (kind === "other" || kind === "text") {
    head = await beginning(target, textBytesMax, signal);
    const seen = kindOfBytes(head);
    kind = kind === "text" && seen !== "text" && head.length > 0 ? "other" : kind === "text" ? "text" : seen;
  }
  const words: Record<Kind, string> = { image: "Image", audio: "Sound", video: "Video", text: "Text", other: "File" };
  facts.textContent = `${words[kind]}${info.size === null ? "" : ` · ${format.bytes(info.size)}`}`;
  const base = await gateway();
  const openLink = base
    ? h("p", { class: "preview-foot" }, h("a", { href: gatewayUrl(base, cid, path, { filename: name }), target: "_blank", rel: "noopener noreferrer" }, icon("open"), "Open in a tab of its own"))
    : null;
  if (kind === "text" && head) {
    const shown = h("pre", { class: "preview-text", tabindex: "0", "data-testid": "preview" });
    // A text is shown as it is, those characters included that aren't to hide in a name.
    shown.textContent = head.length === 0 ? "(empty)" : new TextDecoder().decode(head);
    const cut = info.size !== null && info.size > head.length;
    fill(body, shown, cut && h("p", { class: "quiet" }, `The first ${format.bytes(head.length)} of ${format.bytes(info.size!)}.`), openLink);
  } else if (kind === "image" || kind === "audio" || kind === "video") {
    fill(body, await media(kind, target, name, info, head, base, signal), openLink);
  } else {
    fill(body, h("div", { class: "empty-state" }, icon("file"), h("strong", null, info.size === 0 ? "This file is empty" : "No preview for this kind of file"), h("p", null, info.size === 0 ? "" : "Download it to open it with a program of yours.")), openLink);
  }
}

async function media(kind: "image" | "audio" | "video", target: Target, name: string, info: NodeInfo, head: Uint8Array | null, base: string | null, signal: AbortSignal): Promise<Element> {
  const type = harmlessType(name, head);
  let source: string;
  if (base) {
    source = gatewayUrl(base, target.cid, target.path, { filename: name });
  } else if (type === null) {
    return h("p", { class: "empty" }, "A picture of this kind can hold a script, so this page shows it only through a gateway. Download it to open it with a program of yours.");
  } else if (info.size !== null && info.size <= heldMediaBytesMax) {
    const data = await beginning(target, heldMediaBytesMax, signal);
    source = URL.createObjectURL(new Blob([data as Uint8Array<ArrayBuffer>], { type }));
    const held = source;
    signal.addEventListener("abort", () => URL.revokeObjectURL(held));
  } else {
    return h("p", { class: "empty" }, "Too large to show without a gateway. Set its address on the Me page, or download the file.");
  }
  const failed = (event: Event) =>
    (event.target as Element).replaceWith(errorBox({ what: "The browser couldn't show this.", tryThis: `Download it instead${base ? `, or check that the gateway at ${base} answers` : ""}.` }));
  if (kind === "image") return h("img", { class: "preview-media", src: source, alt: name, "data-testid": "preview", onerror: failed });
  return h(kind, { class: "preview-media", src: source, controls: true, preload: "metadata", "data-testid": "preview", onerror: failed });
}

/** The first bytes of a file, through the RPC. */
async function beginning({ cid, path }: Target, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const response = await open("cat", { arg: contentPath(cid, path), length: bytesMax }, signal);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of bytesOf(response)) {
    parts.push(part);
    length += part.length;
    if (length >= bytesMax) break;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole.subarray(0, bytesMax);
}
