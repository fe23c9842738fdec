// Elements without a framework. Text is always set as text: what a peer names a file never becomes markup.

type Child = Node | string | number | null | undefined | false | Child[];
type Handler = (event: never) => void;
type Attributes = Record<string, string | number | boolean | null | undefined | Handler>;

const svgNames = new Set(["svg", "path", "rect", "circle", "g", "line", "polyline", "title"]);

/** What the user reads or hears, and what others may have written. */
const spokenAttributes = new Set(["title", "aria-label", "alt"]);

/** Shows the characters that turn the order of a text around, so that "gpj.exe" doesn't pass for a picture. */
export function visible(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16)}`);
}

function appendAll(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) appendAll(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(visible(String(child))));
  }
}

/** Makes an element. `onclick` and its like take functions, `class` and every other key is an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes?: Attributes | null,
  ...children: Child[]
): HTMLElementTagNameMap[K];
export function h(name: string, attributes?: Attributes | null, ...children: Child[]): Element;
export function h(name: string, attributes?: Attributes | null, ...children: Child[]): Element {
  const element = svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, spokenAttributes.has(key) ? visible(String(value)) : String(value));
  }
  appendAll(element, children);
  return element;
}

/** Puts `children` in the place of whatever `parent` held. */
export function fill(parent: Element, ...children: Child[]): void {
  const focused = document.activeElement;
  const holdsFocus = focused !== parent && parent.contains(focused);
  parent.replaceChildren();
  appendAll(parent, children);
  if (!holdsFocus) return;
  if (focused?.isConnected) (focused as HTMLElement).focus({ preventScroll: true });
  else focusHeading();
}

/**
 * Makes `children` the children of `parent`, in that order. What is there already stays where it is, focus included; if
 * the focus was in one that goes, it passes to the next.
 */
export function arrange(parent: Element, children: Element[]): void {
  const focused = document.activeElement;
  const wanted = new Set(children);
  const holder = [...parent.children].find((child) => child.contains(focused));
  let heir = holder ?? null;
  while (heir && !wanted.has(heir)) heir = heir.nextElementSibling;
  heir ??= children.at(-1) ?? null;
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of children) {
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  if (!holder || document.activeElement === focused) return;
  const next = focused?.isConnected ? focused : heir?.querySelector("a[href], summary, button");
  if (next) (next as HTMLElement).focus({ preventScroll: true });
  else focusHeading();
}

/** Where the focus goes if what had it is gone: to the view's name. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

const iconPaths = {
  me: "M12 12.5a4.25 4.25 0 1 0 0-8.5 4.25 4.25 0 0 0 0 8.5ZM4.5 20.5c.6-3.6 3.6-5.5 7.5-5.5s6.9 1.9 7.5 5.5",
  peers: "M6 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM18 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM9 21a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.5 6.5l7 1M6.6 8.5l1.8 7.5M16.5 10.2l-6 6.3",
  files: "M3.5 7.5a2 2 0 0 1 2-2h3.7l2.1 2.5h7.2a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2Z",
  chains: "M4.5 3.5h5a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1ZM14.5 13.5h5a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1ZM10.5 7h4a3 3 0 0 1 3 3v3.5M13.5 17h-4a3 3 0 0 1-3-3v-3.5",
  folder: "M3.5 7.5a2 2 0 0 1 2-2h3.7l2.1 2.5h7.2a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2Z",
  file: "M6.5 3.5h7l4.5 4.5v10.5a2 2 0 0 1-2 2h-9.5a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2ZM13.5 3.5v4.5h4.5",
  image: "M5.5 4.5h13a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2ZM8.5 10.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM4 17.5l4.5-4.5 3 3 4-4.5 5 5",
  audio: "M9 17.5v-11l10-2v11M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0ZM19 15.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z",
  video: "M5.5 5.5h13a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2ZM10.5 9.3v5.4l4.5-2.7Z",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  copy: "M9.5 8.5h9a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-9a1.5 1.5 0 0 1-1.5-1.5v-9a1.5 1.5 0 0 1 1.5-1.5ZM16 8.5v-3a1.5 1.5 0 0 0-1.5-1.5h-9a1.5 1.5 0 0 0-1.5 1.5v9a1.5 1.5 0 0 0 1.5 1.5h2.5",
  check: "M5 12.5l4.5 4.5 9.5-10",
  download: "M12 4v11M7 10.5l5 5 5-5M4.5 19.5h15",
  upload: "M12 15.5v-11M7 9l5-5 5 5M4.5 19.5h15",
  close: "M6 6l12 12M18 6l-12 12",
  plus: "M12 5v14M5 12h14",
  open: "M14 4.5h5.5v5.5M19.5 4.5l-8 8M10 6.5h-4a1.5 1.5 0 0 0-1.5 1.5v10a1.5 1.5 0 0 0 1.5 1.5h10a1.5 1.5 0 0 0 1.5-1.5v-4",
  fetch: "M12 3.5a8.5 8.5 0 1 0 8.5 8.5M12 8v8M8.5 12.5l3.5 3.5 3.5-3.5M20.5 4.5l-4 4",
  warn: "M12 4l9 15.5h-18ZM12 10v4.5M12 17v.2",
  arrow: "M5 12h14M13 6l6 6-6 6",
  unlink: "M8 12h8M4.5 12a7.5 7.5 0 1 0 15 0 7.5 7.5 0 0 0-15 0Z",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16 16l4.5 4.5",
  globe: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.8 12h16.4M12 3.6c2.3 2.4 3.5 5.2 3.5 8.4s-1.2 6-3.5 8.4c-2.3-2.4-3.5-5.2-3.5-8.4s1.2-6 3.5-8.4Z",
  relay: "M6 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM18 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.5 12h1.5M14 12h1.5M12 13.2v-2.4",
  question: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM9.6 9.6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2.9-1.2 1.8M12 16.6v.1",
  pulse: "M3 12.5h4l2.5-6 4 11.5 2.5-5.5h5",
  up: "M12 19v-14M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
} as const;

export type IconName = keyof typeof iconPaths;

export function icon(name: IconName): Element {
  return h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: iconPaths[name] }));
}

/** A button that copies `text` and says so. `label` is what it is to assistive technology, and its tooltip. */
export function copyButton(text: () => string, label: string, caption = "", symbol: IconName = "copy"): HTMLButtonElement {
  const button = h("button", { type: "button", class: caption ? "button" : "icon-button", title: label, "aria-label": label });
  const show = (done: boolean) => {
    fill(button, icon(done ? "check" : symbol), caption !== "" && h("span", null, done ? "Copied" : caption));
    button.classList.toggle("did", done);
  };
  show(false);
  let timer = 0;
  button.addEventListener("click", async () => {
    if (!(await copyText(text()))) return announce("Your browser didn't let this page copy. Select the text and copy it by hand.");
    announce("Copied");
    show(true);
    clearTimeout(timer);
    timer = window.setTimeout(() => show(false), 1600);
  });
  return button;
}

/** A button below a list for when it's long. Once nothing is left to show, the focus goes to the first of the new rows. */
export function moreButton(list: Element, show: () => void): HTMLButtonElement {
  const button = h("button", { type: "button", class: "button small", hidden: true });
  button.addEventListener("click", () => {
    const before = list.childElementCount;
    show();
    if (button.hidden) list.children[before]?.querySelector("a")?.focus();
  });
  return button;
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages from another machine's plain http address have no clipboard; the old way works there.
    const focused = document.activeElement;
    const area = h("textarea", { class: "visually-hidden", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return done;
  }
}

/** Whether a button's work is under way. It stays focusable, and says that it takes no clicks. */
export function isBusy(button: Element): boolean {
  return button.getAttribute("aria-disabled") === "true";
}

export function setBusy(button: Element, busy: boolean): void {
  if (busy) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

const announcer = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
document.body.append(announcer);

/** Says something to who can't see the screen. */
export function announce(text: string): void {
  announcer.textContent = visible(text);
}

/** Runs `step` now and then `milliseconds` after each end, while the page is looked at and until `signal`. */
export function every(milliseconds: number, signal: AbortSignal, step: () => Promise<void>): void {
  const loop = async () => {
    while (!signal.aborted) {
      if (!document.hidden) await step();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
  };
  void loop();
}
