// Kinds of files, by the end of their names or by their first bytes.
import type { IconName } from "./dom";

export type Kind = "image" | "audio" | "video" | "text" | "other";

/**
 * The types that the page gives what it shows by itself. No browser runs a script in one of them, whatever the bytes
 * are; so SVG must not be here, nor anything of HTML, XML or PDF.
 */
const harmlessTypes: Record<string, string> = {
  "image/png": "png apng",
  "image/jpeg": "jpg jpeg jfif",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/avif": "avif",
  "image/bmp": "bmp",
  "image/x-icon": "ico",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg oga opus",
  "audio/flac": "flac",
  "audio/wav": "wav",
  "audio/mp4": "m4a",
  "audio/aac": "aac",
  "video/mp4": "mp4 m4v mov",
  "video/webm": "webm mkv",
  "video/ogg": "ogv",
};

const endings: Record<string, string> = {
  image: "svg",
  text: "txt md markdown json jsonl csv tsv log xml html htm css js mjs ts tsx jsx c h cc cpp hpp rs go py rb java kt sh bash zsh toml yaml yml ini cfg conf tex sql diff patch srt vtt cmake lua pl swift",
};

export function kindOfName(name: string): Kind {
  return kindOfType(typeOfName(name)) ?? (keyOf(endings, name) as Kind | null) ?? "other";
}

function typeOfName(name: string): string | null {
  return keyOf(harmlessTypes, name);
}

/** The key whose list has the ending of `name`. */
function keyOf(lists: Record<string, string>, name: string): string | null {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  const found = ending && Object.entries(lists).find(([, list]) => list.split(" ").includes(ending));
  return found ? found[0] : null;
}

function kindOfType(type: string | null): Kind | null {
  return type === null ? null : (type.slice(0, type.indexOf("/")) as Kind);
}

/** The type under which the page may show it from its own origin; null if that could run a script. */
export function harmlessType(name: string, head: Uint8Array | null): string | null {
  return typeOfName(name) ?? (head && typeOfBytes(head));
}

export function iconFor(name: string): IconName {
  const kind = kindOfName(name);
  return kind === "text" || kind === "other" ? "file" : kind;
}

/** Looks at a file's beginning. */
export function kindOfBytes(head: Uint8Array): Kind {
  return kindOfType(typeOfBytes(head)) ?? (looksLikeText(head) ? "text" : "other");
}

function typeOfBytes(head: Uint8Array): string | null {
  const text = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  const begins = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  if (begins(0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (begins(0xff, 0xd8, 0xff)) return "image/jpeg";
  if (text(0, 4) === "GIF8") return "image/gif";
  if (text(0, 4) === "RIFF") return text(8, 12) === "WEBP" ? "image/webp" : text(8, 12) === "WAVE" ? "audio/wav" : "video/mp4";
  if (text(4, 8) === "ftyp") return text(8, 12) === "avif" ? "image/avif" : text(8, 11) === "M4A" ? "audio/mp4" : "video/mp4";
  if (begins(0x1a, 0x45, 0xdf, 0xa3)) return "video/webm";
  if (text(0, 4) === "OggS") return "audio/ogg";
  if (text(0, 4) === "fLaC") return "audio/flac";
  if (text(0, 3) === "ID3" || begins(0xff, 0xfb)) return "audio/mpeg";
  return null;
}

function looksLikeText(head: Uint8Array): boolean {
  if (head.length === 0 || head.includes(0)) return false;
  try {
    // The last character may be cut in two.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
