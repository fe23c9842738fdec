// A small picture of a peer id, so that people recognise each other's nodes at a glance. It proves nothing.
import { h } from "./dom";

export function glyph(id: string, pixels = 40): Element {
  // FNV-1a, stirred; the ids' beginnings are all alike.
  let seed = 0x811c9dc5;
  for (const letter of id) seed = Math.imul(seed ^ letter.charCodeAt(0), 0x01000193);
  const next = (): number => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
    seed = Math.imul(seed ^ (seed >>> 12), 0x297a2d39);
    seed ^= seed >>> 15;
    return (seed >>> 0) / 2 ** 32;
  };
  const hue = Math.floor(next() * 360);
  const cells: Element[] = [];
  for (let x = 0; x < 3; x++) {
    for (let y = 0; y < 5; y++) {
      const pick = next();
      if (pick < 0.45) continue;
      const color = `hsl(${pick > 0.85 ? (hue + 48) % 360 : hue} 55% ${pick > 0.85 ? 62 : 48}%)`;
      for (const column of x === 2 ? [2] : [x, 4 - x]) {
        cells.push(h("rect", { x: 6 + column * 8, y: 6 + y * 8, width: 8.3, height: 8.3, rx: 1.5, fill: color }));
      }
    }
  }
  return h(
    "svg",
    { class: "glyph", viewBox: "0 0 52 52", width: pixels, height: pixels, "aria-hidden": "true" },
    h("rect", { width: 52, height: 52, rx: 14, fill: `hsl(${hue} 45% 50% / .16)` }),
    cells,
  );
}
