// Where the gateway is: what people set, else what the node's configuration or the node itself says.
//
// Files of others are shown from the gateway's origin only, never from the page's: a page of theirs would have the
// RPC at its feet there.
import { call, reachability } from "./api";
import { keep, recall } from "./storage";

const settingKey = "kith.gateway";
let known: Promise<string | null> | undefined;

/** "http://127.0.0.1:8080", without a slash; null if there is none. */
export function gateway(): Promise<string | null> {
  known ??= find()
    .catch(() => null)
    .then((url) => (url === location.origin ? null : url));
  return known;
}

/** What was told before a secret was taken, or by a node that has gone, may be different now. */
export function forgetGateway(): void {
  known = undefined;
}
reachability.addEventListener("change", (event) => {
  if (!(event as CustomEvent<boolean>).detail) forgetGateway();
});

/** What the user set; "" for nothing. */
export function gatewaySetting(): string {
  return recall("browser", settingKey);
}

/** Returns false if that is no address. */
export function setGateway(text: string): boolean {
  const url = text.trim() === "" ? "" : httpOrigin(text.trim());
  if (url === null || url === location.origin) return false;
  keep("browser", settingKey, url);
  known = undefined;
  return true;
}

async function find(): Promise<string | null> {
  const set = httpOrigin(gatewaySetting());
  if (set) return set;
  const configured = await call<{ Value: unknown }>("config", { arg: "Addresses.Gateway" }).catch(() => null);
  const values = Array.isArray(configured?.Value) ? configured.Value : [configured?.Value];
  // Who isn't told the configuration asks for the file.
  let mayBeAnyPort = configured === null;
  for (const value of values) {
    const place = httpPlace(value);
    if (!place) continue;
    if (place.port === "0") mayBeAnyPort = true;
    else return `http://${place.host}:${place.port}`;
  }
  return mayBeAnyPort ? told() : null;
}

/** A node that listens on any free port tells which one in a file beside the page. */
async function told(): Promise<string | null> {
  const response = await fetch("./gateway.txt", { cache: "no-store" });
  const url = response.ok ? httpOrigin((await response.text()).trim()) : null;
  return url && url.replace(/\/\/(0\.0\.0\.0|\[::\])/, `//${location.hostname}`);
}

/** Where a server listens that is configured so, such as /ip4/127.0.0.1/tcp/8080, as addresses of pages have it. */
export function httpPlace(address: unknown): { host: string; port: string } | null {
  const match = typeof address === "string" ? /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/.exec(address) : null;
  return match && { host: hostFor(match[1]!), port: match[2]! };
}

function hostFor(listening: string): string {
  if (listening === "0.0.0.0" || listening === "::") return location.hostname;
  return listening.includes(":") ? `[${listening}]` : listening;
}

function httpOrigin(text: string): string | null {
  if (!/^https?:\/\/[^\s<>]+$/.test(text) || text.length > 300) return null;
  try {
    return new URL(text).origin;
  } catch {
    return null;
  }
}

export function contentPath(cid: string, path: readonly string[] = []): string {
  return ["/ipfs", cid, ...path].join("/");
}

export function gatewayUrl(base: string, cid: string, path: readonly string[], query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString();
  return `${base}/ipfs/${[cid, ...path].map(encodeURIComponent).join("/")}${search && "?" + search}`;
}

/** What one gives to somebody else, who can't open an address that only this computer reaches. */
export async function shareLink(cid: string, path: readonly string[], name: string): Promise<string> {
  const base = await gateway();
  if (!base || onLoopback(base)) return `ipfs://${[cid, ...path.map(encodeURIComponent)].join("/")}`;
  return gatewayUrl(base, cid, path, path.length === 0 && name ? { filename: name } : {});
}

function onLoopback(url: string): boolean {
  const host = new URL(url).hostname;
  return /^(127(\.\d+){3}|\[::1\]|(.+\.)?localhost)$/.test(host);
}
