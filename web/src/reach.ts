// Can others reach me, and does all work: the node's own words on it. A node that has none (Kubo) gets no such cards.
import { RpcError, call, type Checkup, type NatStatus } from "./api";
import { every, fill, h, icon, type IconName } from "./dom";
import * as format from "./format";
import { glyph } from "./glyph";

const natInterval = 5_000;
const checkInterval = 20_000;

/** The node has no such command. */
function isUnknown(error: unknown): boolean {
  return error instanceof RpcError && error.status === 404;
}

/** The node's sentences, with peer ids short and commands set apart. */
function sentence(text: string): (string | HTMLElement)[] {
  const short = text.replace(/\b(?:12D3KooW|16Uiu2HA|Qm)[A-Za-z0-9]{36,}/g, (id) => format.short(id, 10, 8));
  return short.split("`").map((part, index) => (index % 2 === 1 ? h("code", null, part) : part));
}

interface Headline {
  state: "good" | "relay" | "bad" | "open";
  symbol: IconName;
  text: string;
}

export function headline(status: NatStatus): Headline {
  if (status.Reachability === "Public") return { state: "good", symbol: "globe", text: "Others reach you directly" };
  if (status.Reachability !== "Private") return { state: "open", symbol: "question", text: "Finding out whether others reach you" };
  if (status.Relays.Reservations.some((one) => one.Held)) return { state: "relay", symbol: "relay", text: "Others reach you through a relay" };
  return { state: "bad", symbol: "warn", text: "Nobody can call you yet" };
}

const verdicts: Record<string, [string, string]> = { Public: ["reached", "good"], Private: ["not reached", "bad"], Unknown: ["not known", "open"] };
const natWords: Record<string, string> = {
  none: "none",
  "endpoint-independent": "lets holes be punched",
  "endpoint-dependent": "hinders hole punching",
  unknown: "not known yet",
};

/** The short facts below the headline: a name and a few words each. */
export function facts(status: NatStatus): [string, string][] {
  const router = status.PortMapping;
  const held = status.Relays.Reservations.filter((one) => one.Held).length;
  const holes = status.HolePunching;
  const behind: Record<string, string> = { cgnat: ", behind your provider's", "double-nat": ", behind another one" };
  return [
    ["NAT", (natWords[status.NAT.Mapping] ?? status.NAT.Mapping) + (behind[status.NAT.Behind] ?? "")],
    ["Router", !router.Enabled ? "isn't asked" : router.Protocol === "" ? "opens no ports" : `${format.count(router.Mappings.length, "port")} open by ${router.Protocol}`],
    ["Relays", !status.Relays.Enabled ? "off" : status.Relays.Wanted ? `${held} in use, ${status.Relays.Known} known` : `not needed, ${status.Relays.Known} known`],
    ["Hole punching", !holes.Enabled ? "off" : holes.Begun === 0 ? "not needed yet" : `${holes.Dialed + holes.Punched} of ${holes.Begun} worked`],
  ];
}

export function reachCard(signal: AbortSignal): HTMLElement {
  const card = h("section", { class: "card reach", "aria-label": "Reachability", hidden: true });
  const mark = h("div", { class: "reach-mark", "aria-hidden": "true" });
  const title = h("h2", { "data-testid": "reach-title" });
  const summary = h("p", { class: "quiet", "data-testid": "reach-summary" });
  const advice = h("ul", { class: "advice" });
  const figures = h("dl", { class: "reach-facts" });
  const found = h("div", { class: "reach-found" });
  const details = h("details", { class: "more" }, h("summary", null, "What others found"), found);
  card.append(h("div", { class: "reach-head" }, mark, h("div", { class: "reach-text" }, title, summary, advice)), figures, details);
  let shown = "";
  const show = (status: NatStatus) => {
    card.hidden = false;
    card.classList.remove("stale");
    const now = JSON.stringify(status);
    if (now === shown) return;
    shown = now;
    const { state, symbol, text } = headline(status);
    card.dataset["state"] = state;
    fill(mark, icon(symbol));
    if (title.textContent !== text) title.textContent = text;
    fill(summary, sentence(status.Summary));
    fill(advice, status.Advice.map((one) => h("li", null, sentence(one))));
    fill(figures, facts(status).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
    fill(found, foundList(status));
  };
  every(natInterval, signal, async () => {
    if (card.dataset["unknown"]) return;
    try {
      show(await call<NatStatus>("nat/status", {}, signal));
    } catch (error) {
      if (signal.aborted) return;
      if (isUnknown(error)) card.dataset["unknown"] = "true";
      // That the node doesn't answer is told elsewhere on the page, and once.
      else card.classList.add("stale");
    }
  });
  return card;
}

function foundList(status: NatStatus): Element[] {
  const row = (state: string, text: string, note: string) => h("li", { class: "found" }, h("span", { class: `dot-small ${state}`, "aria-hidden": "true" }), h("code", { class: "breakable" }, text), h("span", { class: "quiet small" }, note));
  const addresses = status.Addresses.map((one) => {
    const [words, state] = verdicts[one.Reachability] ?? verdicts["Unknown"]!;
    const tries = one.Reached + one.Failed;
    return row(state, one.Address, [words, tries > 0 && `${one.Reached} of ${format.count(tries, "try", "tries")}`, one.Since && format.since(one.Since)].filter(Boolean).join(", "));
  });
  const seen = status.Observed.map((one) => row(one.Believed ? "good" : "open", one.Address, `seen from ${format.count(one.Networks, "network")}`));
  const ports = status.PortMapping.Mappings.map((one) => row("good", `${one.Transport} ${one.Outside} → ${one.Inside}`, `${status.PortMapping.Router} by ${status.PortMapping.Protocol}`));
  const relays = status.Relays.Reservations.map((one) =>
    h("li", { class: "found" }, glyph(one.Relay, 22), h("code", { class: "breakable" }, format.short(one.Relay, 10, 8)), h("span", { class: "quiet small" }, one.Held ? `holds a place${one.Expires ? ` until ${format.since(one.Expires).replace("since ", "")}` : ""}` : one.LastFailure || "is being asked")),
  );
  const part = (name: string, rows: Element[], none: string) => h("div", { class: "found-part" }, h("p", { class: "eyebrow" }, name), rows.length > 0 ? h("ul", null, rows) : h("p", { class: "quiet small" }, none));
  return [
    part("Your addresses, as peers could dial them", addresses, "None that the internet could reach."),
    part("Where peers see you", seen, "Nobody has said yet."),
    part("Ports that the router passes on", ports, "None."),
    part("Relays", relays, status.Relays.Wanted ? "None yet." : "None in use."),
  ];
}

const checkNames: Record<string, string> = {
  clock: "Clock",
  disk: "Disk",
  network: "Network",
  listening: "Listening",
  peers: "Peers",
  dht: "Directory (DHT)",
  reachability: "Reachability",
  relays: "Relays",
  bandwidth: "Bandwidth",
  limits: "Limits",
};

export function checkupWords(checkup: Checkup): string {
  if (checkup.Problems > 0) return `${format.count(checkup.Problems, "problem")} to look at`;
  return checkup.Warnings > 0 ? `Works, with ${format.count(checkup.Warnings, "thing")} to look at` : "All is well";
}

export function healthCard(signal: AbortSignal): HTMLElement {
  const card = h("section", { class: "card health", "aria-label": "Health", hidden: true });
  const title = h("span", { class: "health-title", "data-testid": "health" });
  const list = h("ul", { class: "checks" });
  const details = h("details", null, h("summary", { class: "health-head" }, icon("pulse"), h("h2", null, "Checkup"), title), list);
  card.append(details);
  let shown = "";
  const show = (checkup: Checkup) => {
    card.hidden = false;
    const now = JSON.stringify(checkup);
    if (now === shown) return;
    shown = now;
    title.textContent = checkupWords(checkup);
    card.dataset["state"] = checkup.Problems > 0 ? "bad" : checkup.Warnings > 0 ? "relay" : "good";
    const states = { ok: "good", warning: "relay", problem: "bad" };
    fill(
      list,
      checkup.Checks.map((one) =>
        h(
          "li",
          { class: "check-row", "data-check": one.Name },
          h("span", { class: `dot-small ${states[one.State] ?? "open"}`, "aria-hidden": "true" }),
          h("span", { class: "check-name" }, checkNames[one.Name] ?? one.Name, h("span", { class: "visually-hidden" }, `: ${one.State}`)),
          h("div", { class: "check-text" }, h("p", null, sentence(one.Text)), one.Advice !== "" && h("p", { class: "quiet" }, sentence(one.Advice))),
        ),
      ),
    );
  };
  every(checkInterval, signal, async () => {
    if (card.dataset["unknown"]) return;
    try {
      show(await call<Checkup>("doctor", {}, signal));
    } catch (error) {
      if (isUnknown(error)) card.dataset["unknown"] = "true";
    }
  });
  return card;
}
