// Files: add them, find again what was added, open what others have.
import { addedChanges, addedList, forget, type Added } from "./added";
import { parseContentPath } from "./cid";
import { arrange, copyButton, fill, h, icon, moreButton } from "./dom";
import { errorBox } from "./errors";
import * as format from "./format";
import { shareLink } from "./gateway";
import { startJob } from "./jobs";
import { iconFor } from "./kinds";
import { saveToDisk, viewLink } from "./transfer";
import { addEntries, entriesOfDrop, entriesOfInput } from "./upload";

const shownAtFirst = 50;
const shownMore = 200;

export function filesView(signal: AbortSignal): Element {
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", null, "Files"), h("p", null, "Share yours, open those of others.")),
    addCard(),
    openForm(),
    addedCard(signal),
  );
}

function addCard(): Element {
  const together = h("input", { type: "checkbox", id: "together" });
  const problem = h("div");
  const input = (folder: boolean) => {
    const element = h("input", { type: "file", multiple: true, class: "visually-hidden", tabindex: "-1", "aria-hidden": "true", webkitdirectory: folder, "data-testid": folder ? "folder-input" : "file-input" });
    element.addEventListener("change", () => {
      fill(problem);
      const entries = entriesOfInput(element);
      if (entries.length === 0 && folder) fill(problem, errorBox({ what: "That folder has no files in it.", tryThis: "To share an empty folder, drop it here." }));
      addEntries(entries, { together: together.checked });
      element.value = "";
    });
    return element;
  };
  const files = input(false);
  const folder = input(true);
  return h(
    "section",
    { class: "card drop", "aria-label": "Add files", "data-testid": "drop" },
    h("div", { class: "drop-mark" }, icon("upload")),
    h("h2", null, "Drop files or folders here"),
    h("p", { class: "quiet" }, "They stay on this machine; peers get them from you, by their CID."),
    h(
      "div",
      { class: "row center" },
      h("button", { type: "button", class: "button primary", onclick: () => files.click() }, icon("file"), h("span", null, "Choose files")),
      h("button", { type: "button", class: "button", onclick: () => folder.click() }, icon("folder"), h("span", null, "Choose a folder")),
    ),
    h("label", { class: "check" }, together, "Put several files into one folder"),
    files,
    folder,
    problem,
  );
}

/** Makes the whole window take what is dropped on it. */
export function acceptDrops(): void {
  const veil = h("div", { class: "veil", hidden: true }, h("div", null, icon("upload"), h("strong", null, "Let go to share")));
  document.body.append(veil);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  let depth = 0;
  const show = (on: boolean) => {
    veil.hidden = !on;
    if (!on) depth = 0;
  };
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth++;
    show(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) show(false);
  });
  window.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", async (event) => {
    show(false);
    if (!event.dataTransfer || !hasFiles(event)) return;
    event.preventDefault();
    const together = document.querySelector<HTMLInputElement>("#together")?.checked ?? false;
    try {
      const entries = await entriesOfDrop(event.dataTransfer);
      if (!location.hash.startsWith("#/files") || location.hash.length > 8) location.hash = "#/files";
      addEntries(entries, { together });
    } catch (error) {
      startJob("add", "What was dropped", () => Promise.reject(error));
    }
  });
}

export function openForm(): Element {
  const input = h("input", { id: "cid", placeholder: "bafy… or /ipfs/bafy…/photo.jpg or a link", autocomplete: "off", autocapitalize: "off", spellcheck: "false", class: "mono" });
  const problem = h("div", { "data-testid": "open-outcome" });
  const submit = (event: Event) => {
    event.preventDefault();
    const target = parseContentPath(input.value);
    input.setAttribute("aria-invalid", String(target === null));
    if (!target) {
      fill(
        problem,
        errorBox(
          input.value.trim() === ""
            ? { what: "There is no CID.", tryThis: "Paste the CID or the link that somebody gave you." }
            : { what: "That isn't a CID.", tryThis: "A CID looks like bafy… or Qm…. Copy the whole of it, or the whole link." },
        ),
      );
      input.focus();
      return;
    }
    fill(problem);
    location.hash = viewLink(target.cid, target.path);
  };
  return h(
    "section",
    { class: "card" },
    h("h2", null, h("label", { for: "cid" }, "Open a CID")),
    h("form", { class: "inline-form", novalidate: true, onsubmit: submit }, input, h("button", { class: "button" }, icon("arrow"), h("span", null, "Open"))),
    problem,
  );
}

function addedCard(signal: AbortSignal): Element {
  const empty = h("p", { class: "empty" }, "What you add in this browser is listed here, so that you find its CID again.");
  const list = h("ul", { class: "list" });
  const rows = new Map<string, Element>();
  let limit = shownAtFirst;
  const more = moreButton(list, () => {
    limit += shownMore;
    draw();
  });
  const draw = () => {
    const all = addedList();
    const shown = all.slice(0, limit).map((entry) => {
      const key = JSON.stringify(entry);
      const row = rows.get(key) ?? addedRow(entry);
      rows.set(key, row);
      return row;
    });
    arrange(list, shown);
    empty.hidden = all.length > 0;
    list.hidden = all.length === 0;
    more.hidden = all.length <= limit;
    more.textContent = `Show ${Math.min(shownMore, all.length - limit)} more`;
  };
  draw();
  addedChanges.addEventListener("change", draw, { signal });
  return h("section", { class: "card", "aria-label": "Added in this browser", "data-testid": "added" }, h("h2", null, "Added here"), empty, list, more);
}

function addedRow(entry: Added): Element {
  const name = entry.name || "unnamed";
  return h(
    "li",
    { class: "entry", "data-cid": entry.cid },
    icon(entry.folder ? "folder" : iconFor(entry.name)),
    h(
      "span",
      { class: "entry-main" },
      h("a", { href: viewLink(entry.cid, [], entry.name) }, name),
      h("span", { class: "entry-note" }, h("span", { class: "mono", title: entry.cid }, format.short(entry.cid, 10, 8)), ` · ${format.bytes(entry.size)} · ${format.ago(entry.time)}`),
    ),
    h("span", { class: "entry-actions" }, itemActions(entry.cid, [], name, entry.folder), removeButton(entry, name)),
  );
}

function removeButton(entry: Added, name: string): Element {
  const label = `Take ${name} off this list (the node keeps it)`;
  return h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick: () => forget(entry) }, icon("close"));
}

/** Copy the CID, copy a link, download. */
export function itemActions(cid: string, path: readonly string[], name: string, folder: boolean, own = cid): Element[] {
  let link = "";
  void shareLink(cid, path, folder ? "" : name).then((text) => (link = text));
  const label = `Download ${name}`;
  return [
    copyButton(() => own, `Copy the CID of ${name}`),
    copyButton(() => link, `Copy a link to ${name}`, "", "link"),
    h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick: () => void saveToDisk(cid, path, name, { cid, kind: folder ? "folder" : "file", size: null }) }, icon("download")),
  ];
}
