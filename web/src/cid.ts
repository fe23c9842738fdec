// CIDs and UnixFS, as far as telling a file from a folder takes.

const base58Digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const base32Digits = "abcdefghijklmnopqrstuvwxyz234567";
const base36Digits = "0123456789abcdefghijklmnopqrstuvwxyz";

export const rawCodec = 0x55;
export const dagPbCodec = 0x70;

/** The codec's number; null if this is no CID that the page can read. */
export function codecOf(cid: string): number | null {
  if (/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(cid)) return dagPbCodec;
  const head = decode(cid);
  if (!head || head[0] !== 1) return null;
  return varint(head, 1)?.value ?? null;
}

function decode(cid: string): Uint8Array | null {
  const digits = cid.slice(1);
  switch (cid[0]) {
    case "b":
      return base32(digits);
    case "B":
      return base32(digits.toLowerCase());
    case "z":
      return positional(digits, base58Digits);
    case "k":
      return positional(digits, base36Digits);
    case "f":
    case "F":
      return positional("1" + digits.toLowerCase(), "0123456789abcdef")?.slice(1) ?? null;
    default:
      return null;
  }
}

function base32(text: string): Uint8Array | null {
  const out: number[] = [];
  let held = 0;
  let bits = 0;
  for (const letter of text) {
    const digit = base32Digits.indexOf(letter);
    if (digit < 0) return null;
    held = ((held << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((held >> bits) & 0xff);
    }
  }
  return Uint8Array.from(out);
}

function positional(text: string, digits: string): Uint8Array | null {
  if (text.length > 200) return null;
  let number = 0n;
  for (const letter of text) {
    const digit = digits.indexOf(letter);
    if (digit < 0) return null;
    number = number * BigInt(digits.length) + BigInt(digit);
  }
  const out: number[] = [];
  for (; number > 0n; number >>= 8n) out.unshift(Number(number & 0xffn));
  return Uint8Array.from(out);
}

function varint(data: Uint8Array, at: number): { value: number; next: number } | null {
  let value = 0;
  let scale = 1;
  for (let i = at; i < data.length && i < at + 8; i++) {
    const byte = data[i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: i + 1 };
    scale *= 128;
  }
  return null;
}

/** The root of what someone typed or pasted: a CID, /ipfs/CID/path, ipfs://CID/path or a gateway's link. */
export function parseContentPath(text: string): { cid: string; path: string[] } | null {
  let rest = text.trim();
  const isUrl = /^(https?|ipfs):/i.test(rest);
  if (/^http/i.test(rest)) {
    try {
      const url = new URL(rest);
      const label = url.hostname.split(".");
      // A gateway that gives every root an origin of its own has the CID in the host's name.
      rest = label[1] === "ipfs" ? `${label[0]}${url.pathname}` : url.pathname;
    } catch {
      return null;
    }
  }
  if (isUrl) rest = rest.replace(/[?#].*$/, "");
  rest = rest.replace(/^ipfs:\/\//i, "").replace(/^\/?ipfs\//, "").replace(/^\/+/, "");
  const [cid = "", ...path] = rest.split("/").filter((part) => part !== "");
  if (codecOf(cid) === null) return null;
  return { cid, path: isUrl ? path.map((part) => safeDecode(part)) : path };
}

export function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export type NodeKind = "folder" | "file" | "symlink" | "data";

export interface NodeInfo {
  cid: string;
  kind: NodeKind;
  /** Bytes of the content, for a folder about what all of it takes; null if not known. */
  size: number | null;
}

interface DagPbJson {
  Data?: { "/": { bytes: string } };
  Links?: { Tsize?: number }[];
}

/** Reads what `dag get` says about a dag-pb node. */
export function readUnixfs(cid: string, node: DagPbJson): NodeInfo {
  const links = (node.Links ?? []).reduce((sum, link) => sum + (link.Tsize ?? 0), 0);
  const encoded = node.Data?.["/"]?.bytes;
  if (encoded === undefined) return { cid, kind: "data", size: links };
  const data = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  let type = -1;
  let fileSize: number | null = null;
  // Fields of the protobuf message: 1 type, 2 data, 3 file size.
  for (let at = 0; at < data.length; ) {
    const key = varint(data, at);
    if (!key) break;
    const number = varint(data, key.next);
    if (!number) break;
    const wire = key.value & 7;
    if (key.value >> 3 === 1) type = number.value;
    if (key.value >> 3 === 3) fileSize = number.value;
    if (wire === 0) at = number.next;
    else if (wire === 2) at = number.next + number.value;
    else break;
  }
  if (type === 1 || type === 5) return { cid, kind: "folder", size: links };
  if (type === 4) return { cid, kind: "symlink", size: fileSize };
  if (type === 0 || type === 2) return { cid, kind: "file", size: fileSize };
  return { cid, kind: "data", size: links };
}
