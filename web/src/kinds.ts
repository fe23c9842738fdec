// Kinds of files, by the end of their names or by their first bytes.
import type { IconName } from "./dom";

export type Kind = "image" | "audio" | "video" | "text" | "other";

const endings: Record<Exclude<Kind, "other">, string> = {
  image: "png jpg jpeg jfif gif webp avif svg bmp ico apng",
  audio: "mp3 ogg oga opus flac wav m4a aac",
  video: "mp4 m4v webm mov ogv mkv",
  text: "txt md markdown json jsonl csv tsv log xml html htm css js mjs ts tsx jsx c h cc cpp hpp rs go py rb java kt sh bash zsh toml yaml yml ini cfg conf tex sql diff patch srt vtt cmake lua pl swift",
};

export function kindOfName(name: string): Kind {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  if (!ending) return "other";
  for (const [kind, list] of Object.entries(endings)) if (list.split(" ").includes(ending)) return kind as Kind;
  return "other";
}

export function iconFor(name: string): IconName {
  const kind = kindOfName(name);
  return kind === "text" || kind === "other" ? "file" : kind;
}

/** Looks at a file's beginning. */
export function kindOfBytes(head: Uint8Array): Kind {
  const text = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  const begins = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  if (begins(0x89, 0x50, 0x4e, 0x47) || begins(0xff, 0xd8, 0xff) || text(0, 4) === "GIF8") return "image";
  if (text(0, 4) === "RIFF") return text(8, 12) === "WEBP" ? "image" : text(8, 12) === "WAVE" ? "audio" : "video";
  if (text(4, 8) === "ftyp") return text(8, 12) === "avif" ? "image" : text(8, 11) === "M4A" ? "audio" : "video";
  if (begins(0x1a, 0x45, 0xdf, 0xa3)) return "video";
  if (text(0, 4) === "OggS" || text(0, 4) === "fLaC" || text(0, 3) === "ID3" || begins(0xff, 0xfb)) return "audio";
  return looksLikeText(head) ? "text" : "other";
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
