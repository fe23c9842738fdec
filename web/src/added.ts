// What was added in this browser. The list is the browser's; the bytes are the node's.
import { keep, recall } from "./storage";

export interface Added {
  cid: string;
  name: string;
  size: number;
  folder: boolean;
  time: number;
}

const key = "kith.added";
const entriesMax = 500;

export const addedChanges = new EventTarget();

export function addedList(): Added[] {
  try {
    const value: unknown = JSON.parse(recall("browser", key) || "[]");
    return Array.isArray(value) ? value.filter(isAdded) : [];
  } catch {
    return [];
  }
}

function isAdded(value: unknown): value is Added {
  const entry = value as Added | null;
  return typeof entry?.cid === "string" && typeof entry.name === "string" && typeof entry.size === "number" && typeof entry.time === "number";
}

export function remember(entries: Added[]): void {
  const fresh = new Set(entries.map((entry) => entry.cid + "/" + entry.name));
  save([...entries, ...addedList().filter((entry) => !fresh.has(entry.cid + "/" + entry.name))]);
}

export function forget(gone: Added): void {
  save(addedList().filter((entry) => entry.cid !== gone.cid || entry.name !== gone.name));
}

function save(entries: Added[]): void {
  keep("browser", key, JSON.stringify(entries.slice(0, entriesMax)));
  addedChanges.dispatchEvent(new Event("change"));
}

window.addEventListener("storage", (event) => {
  if (event.key === key) addedChanges.dispatchEvent(new Event("change"));
});
