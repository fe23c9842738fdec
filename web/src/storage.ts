// What the browser keeps for the page. One that is told to keep nothing throws; then it lasts until the page is closed.

const stores = { tab: () => sessionStorage, browser: () => localStorage };
const held = new Map<string, string>();

/** "" if nothing is kept under that key. */
export function recall(where: keyof typeof stores, key: string): string {
  try {
    return held.get(key) ?? stores[where]().getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Keeps `text`; "" forgets what was kept. */
export function keep(where: keyof typeof stores, key: string, text: string): void {
  try {
    if (text === "") stores[where]().removeItem(key);
    else stores[where]().setItem(key, text);
    held.delete(key);
  } catch {
    held.set(key, text);
  }
}
