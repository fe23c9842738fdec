// The page's frame: navigation, which view is shown, and whether the node answers.
import { authorization, call, reachability, refusals, setSecret, type Peer } from "./api";
import { browseView } from "./browse";
import { chainView } from "./chain";
import { chainsView } from "./chains";
import { parseContentPath, safeDecode } from "./cid";
import { every, fill, focusHeading, h, icon, type IconName } from "./dom";
import { errorBox } from "./errors";
import { accountView, blockView, transactionView } from "./explorer";
import { acceptDrops, filesView } from "./files";
import { forgetGateway } from "./gateway";
import { mountJobs } from "./jobs";
import { meView } from "./me";
import { peersView } from "./peers";

const sections: [string, string, IconName][] = [
  ["me", "Me", "me"],
  ["peers", "Peers", "peers"],
  ["files", "Files", "files"],
  ["chains", "Chains", "chains"],
];

const tabs = new Map<string, HTMLAnchorElement>();
const peerCount = h("span", { class: "badge", hidden: true });
const statusText = h("span", null, "connecting");
const status = h("div", { class: "status" }, h("span", { class: "dot", "aria-hidden": "true" }), statusText);
const banner = h("div", { class: "banner", role: "alert", hidden: true });
const gate = h("div", { class: "gate", role: "alert", hidden: true });
const main = h("main", { id: "main", tabindex: "-1" });

function frame(): Element[] {
  const links = sections.map(([name, label, symbol]) => {
    const link = h("a", { href: `#/${name}` }, icon(symbol), h("span", null, label), name === "peers" && peerCount);
    tabs.set(name, link);
    return h("li", null, link);
  });
  const skip = h("a", { class: "skip", href: "#main" }, "Skip to the content");
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  return [
    skip,
    h(
      "header",
      { class: "side" },
      h("a", { class: "brand", href: "#/me" }, h("img", { src: "./kith.svg", width: 34, height: 34, alt: "" }), h("span", null, "kith")),
      h("nav", { "aria-label": "Sections" }, h("ul", null, links)),
      status,
    ),
    h("div", { class: "content" }, banner, gate, main),
  ];
}

/** #/chains, #/chains/NAME, and below that block/NUMBER, block/HASH, tx/HASH and account/ADDRESS. */
function placeInChains([name, kind, id]: string[], signal: AbortSignal): Element {
  if (name === undefined) return chainsView(signal);
  if (id === undefined) return chainView(name, signal);
  if (kind === "block") return blockView(name, id, signal);
  if (kind === "tx") return transactionView(name, id, signal);
  return kind === "account" ? accountView(name, id, signal) : chainView(name, signal);
}

let leave = new AbortController();

/** Shows what the address says. */
function show(): void {
  leave.abort();
  leave = new AbortController();
  const [place = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [section = "", ...rest] = place.split("/").map(safeDecode);
  const target = section === "files" && rest.length > 0 ? parseContentPath(rest[0] ?? "") : null;
  for (const [name, link] of tabs) {
    if (name === (section || "me")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  let view: Element;
  if (section === "peers") view = peersView(leave.signal);
  else if (target) view = browseView({ cid: target.cid, path: rest.slice(1).filter((part) => part !== ""), givenName: new URLSearchParams(query).get("name") ?? "" }, leave.signal);
  else if (section === "files") view = filesView(leave.signal);
  else if (section === "chains") view = placeInChains(rest.filter((part) => part !== ""), leave.signal);
  else view = meView(leave.signal);
  fill(main, view);
  view.querySelector("h1")?.setAttribute("tabindex", "-1");
  const label = sections.find(([name]) => name === section)?.[1] ?? "Me";
  const inChains = section === "chains" && rest.length > 0;
  document.title = target || inChains ? `${main.querySelector("h1")?.textContent ?? label} · kith` : `${label} · kith`;
  window.scrollTo(0, 0);
}

/** Goes where the address says. The focus goes along, and so the view's name is read out. */
function route(): void {
  show();
  focusHeading();
}

function watchNode(): void {
  reachability.addEventListener("change", (event) => {
    const answers = (event as CustomEvent<boolean>).detail;
    document.body.classList.toggle("unreachable", !answers);
    statusText.textContent = answers ? "node is running" : "node doesn't answer";
    banner.hidden = answers;
    if (!answers && !banner.hasChildNodes()) fill(banner, errorBox({ what: "The node doesn't answer.", tryThis: "Is it still running? Start it again with: kith daemon. The page goes on by itself when it's back." }));
  });
  every(4000, new AbortController().signal, async () => {
    const peers = await call<{ Peers: Peer[] | null }>("swarm/peers").catch(() => null);
    const known = new Set((peers?.Peers ?? []).map((peer) => peer.Peer)).size;
    peerCount.hidden = known === 0;
    peerCount.textContent = String(known);
    peerCount.setAttribute("aria-label", `${known} connected`);
  });
}

/** Asks for a secret once the node has said that it wants one. */
function watchGate(): void {
  const input = h("input", { id: "secret", type: "password", autocomplete: "off", placeholder: "bearer:… or basic:user:password" });
  const problem = h("p", { class: "quiet small" });
  const enter = (event: Event) => {
    event.preventDefault();
    if (!setSecret(input.value)) {
      problem.textContent = "That is no secret. It looks like bearer:token, or basic:user:password.";
      return;
    }
    input.value = problem.textContent = "";
    gate.hidden = true;
    forgetGateway();
    route();
  };
  const ask = () => {
    if (!gate.hidden) return;
    gate.hidden = false;
    const what = authorization() ? "This secret doesn't open all that the page needs." : "This node wants a secret from whoever uses it.";
    const help = h("p", null, "The key API.Authorizations of its configuration says which. It's kept until you close this tab.");
    const form = h("form", { class: "inline-form", onsubmit: enter }, h("label", { for: "secret", class: "visually-hidden" }, "Secret"), input, h("button", { class: "button" }, "Use it"));
    fill(gate, h("div", { class: "notice bad" }, icon("warn"), h("div", { class: "notice-text" }, h("strong", null, what), help, form, problem)));
  };
  refusals.addEventListener("refused", ask);
}

const app = document.querySelector("#app")!;
fill(app, frame());
mountJobs(document.body);
acceptDrops();
watchGate();
window.addEventListener("hashchange", route);
show();
watchNode();
