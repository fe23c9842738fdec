// Whom do I know: the connections, and a way to make one.
import { call, type Peer } from "./api";
import { announce, arrange, copyButton, every, fill, h, icon, isBusy, setBusy } from "./dom";
import { errorBox, explain, showError, type Explanation } from "./errors";
import * as format from "./format";
import { glyph } from "./glyph";
import { placeOf, reachText } from "./multiaddr";
import { healthCard, reachCard } from "./reach";

const shownMax = 300;

/** Where peers are, as the buttons above the list tell them apart. */
const groups: [string, string, (peer: Peer) => boolean][] = [
  ["all", "All", () => true],
  ["near", "Nearby", (peer) => ["network", "computer"].includes(placeOf(peer.Addr).reach)],
  ["far", "Internet", (peer) => placeOf(peer.Addr).reach === "internet"],
  ["relay", "By relay", (peer) => placeOf(peer.Addr).reach === "relay"],
];

export function peersView(signal: AbortSignal): Element {
  const heading = h("p", { "data-testid": "peer-count" }, "Asking the node…");
  const filter = h("input", { type: "search", id: "filter", placeholder: "Filter by id, address or program", autocomplete: "off", spellcheck: "false" });
  const filterRow = h("div", { class: "search", hidden: true }, icon("search"), h("label", { for: "filter", class: "visually-hidden" }, "Filter"), filter);
  let group = "all";
  const groupRow = h("div", { class: "groups", role: "group", "aria-label": "Which peers", hidden: true });
  const groupButtons = groups.map(([name, label]) => {
    const count = h("span", { class: "group-count" });
    const button = h("button", { type: "button", class: "group", "aria-pressed": String(name === group), "data-group": name }, label, " ", count);
    button.addEventListener("click", () => {
      group = name;
      for (const each of groupButtons) each.button.setAttribute("aria-pressed", String(each.name === group));
      draw();
    });
    groupRow.append(button);
    return { name, button, count };
  });
  const list = h("ul", { class: "list peers", "data-testid": "peers" });
  const note = h("div");
  const rows = new Map<string, Row>();
  const rates = new Rates();
  let peers: Peer[] = [];
  /** Why the list isn't what it was when the node last answered. */
  let failure: Explanation | null = null;

  const draw = () => {
    const wanted = filter.value.trim().toLowerCase();
    const inGroup = groups.find(([name]) => name === group)![2];
    const chosen = peers.filter((peer) => inGroup(peer)).filter((peer) => !wanted || `${peer.Peer} ${peer.Addr} ${peer.Identify?.AgentVersion ?? ""}`.toLowerCase().includes(wanted));
    const shown = new Map<string, Row>();
    for (const peer of chosen.slice(0, shownMax)) {
      const key = `${peer.Peer} ${peer.Addr}`;
      let row = rows.get(key);
      if (!row) {
        row = makeRow(peer, refresh);
        rows.set(key, row);
      }
      shown.set(key, row);
      row.update(peer, rates.of(peer));
    }
    for (const key of rows.keys()) if (!shown.has(key)) rows.delete(key);
    arrange(list, [...shown.values()].map((row) => row.element));
    list.classList.toggle("stale", failure !== null);
    filterRow.hidden = peers.length < 6;
    groups.forEach(([name, , belongs], index) => {
      const count = peers.filter(belongs).length;
      groupButtons[index]!.count.textContent = String(count);
      groupButtons[index]!.button.hidden = count === 0 && name !== group;
    });
    groupRow.hidden = peers.length < 2;
    const different = new Set(peers.map((peer) => peer.Peer)).size;
    const connected = `Connected to ${format.count(different, "peer")}`;
    if (failure) {
      heading.textContent = peers.length === 0 ? "Not known now." : `${connected} when the node last answered.`;
      showError(note, failure);
      return;
    }
    heading.textContent = peers.length === 0 ? "Nobody yet." : `${connected}.`;
    if (peers.length === 0) {
      fill(
        note,
        h(
          "div",
          { class: "empty-state" },
          icon("peers"),
          h("strong", null, "You are on your own, for now"),
          h("p", null, "Ask a friend for an address from the Me page of their node and paste it above. Nodes in your local network find each other by themselves."),
        ),
      );
    } else {
      const hidden = chosen.length - Math.min(chosen.length, shownMax);
      fill(note, chosen.length === 0 ? h("p", { class: "empty" }, "None of them matches.") : hidden > 0 && h("p", { class: "quiet" }, `And ${format.count(hidden, "more", "more")}: filter to see them.`));
    }
  };

  async function refresh(): Promise<void> {
    try {
      const answer = await call<{ Peers: Peer[] | null }>("swarm/peers", { verbose: true, latency: true, direction: true, identify: true, details: true }, signal);
      rates.look(answer.Peers ?? [], performance.now());
      peers = (answer.Peers ?? []).sort((a, b) => a.Peer.localeCompare(b.Peer) || a.Addr.localeCompare(b.Addr));
      failure = null;
    } catch (error) {
      if (signal.aborted) return;
      failure = explain(error, "node");
    }
    draw();
  }
  filter.addEventListener("input", draw);
  every(2000, signal, refresh);
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", null, "Peers"), heading),
    reachCard(signal),
    connectCard(refresh),
    h("section", { class: "card", "aria-label": "Connections" }, filterRow, groupRow, list, note),
    healthCard(signal),
  );
}

/** What is wrong with an address before anybody is asked; null if it may be right. */
export function addressProblem(text: string): { what: string; tryThis: string } | null {
  if (text === "") return { what: "There is no address.", tryThis: "Paste one that begins with a slash, such as /ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…" };
  if (/\s/.test(text)) return { what: "There is a space in that address.", tryThis: "Paste one address at a time." };
  if (!text.startsWith("/")) {
    return { what: "That isn't an address that nodes understand.", tryThis: "It begins with a slash: /ip4/203.0.113.7/tcp/4001/p2p/12D3KooW… On the other node, the Me page has it to copy." };
  }
  if (!/\/p2p\/[^/]+/.test(text)) return { what: "The address doesn't say who is there.", tryThis: "It must end in /p2p/ and the peer's id, so that nobody else can answer in its place." };
  return null;
}

function connectCard(refresh: () => Promise<void>): Element {
  const input = h("input", {
    id: "address",
    name: "address",
    placeholder: "/ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    class: "mono",
  });
  const button = h("button", { class: "button primary" }, icon("plus"), h("span", null, "Connect"));
  const outcome = h("div", { "data-testid": "connect-outcome" });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy(button)) return;
    let address = input.value.trim();
    if (/^(12D3|16Uiu|Qm|k51|bafz)[A-Za-z0-9]+$/.test(address)) address = `/p2p/${address}`;
    const problem = addressProblem(address);
    input.setAttribute("aria-invalid", String(problem !== null));
    if (problem) {
      fill(outcome, errorBox(problem));
      input.focus();
      return;
    }
    setBusy(button, true);
    fill(outcome, h("p", { class: "working" }, "Calling…"));
    try {
      await call("swarm/connect", { arg: address });
      const id = address.slice(address.lastIndexOf("/p2p/") + 5);
      fill(outcome, h("div", { class: "notice good", role: "status" }, icon("check"), h("div", { class: "notice-text" }, h("strong", null, `Connected to ${format.short(id)}`))));
      input.value = "";
      await refresh();
    } catch (error) {
      fill(outcome, errorBox(explain(error, "connect")));
    } finally {
      setBusy(button, false);
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h2", null, h("label", { for: "address" }, "Connect to somebody")),
    h("form", { class: "inline-form", novalidate: true, onsubmit: submit }, input, button),
    outcome,
  );
}

export interface Rate {
  in: number;
  out: number;
}

/** Bytes a second of each connection: what came between two looks. A node that doesn't count (Kubo) has none. */
export class Rates {
  private before = new Map<string, { in: number; out: number; at: number }>();
  private rates = new Map<string, Rate>();

  look(peers: Peer[], at: number): void {
    const now = new Map<string, { in: number; out: number; at: number }>();
    this.rates.clear();
    for (const peer of peers) {
      if (peer.BytesIn === undefined || peer.BytesOut === undefined) continue;
      const key = Rates.key(peer);
      const was = this.before.get(key);
      now.set(key, { in: peer.BytesIn, out: peer.BytesOut, at });
      if (!was || at <= was.at) continue;
      const seconds = (at - was.at) / 1000;
      this.rates.set(key, { in: (peer.BytesIn - was.in) / seconds, out: (peer.BytesOut - was.out) / seconds });
    }
    this.before = now;
  }

  of(peer: Peer): Rate | null {
    return this.rates.get(Rates.key(peer)) ?? null;
  }

  private static key(peer: Peer): string {
    return `${peer.Peer} ${peer.Addr} ${peer.OpenedAt ?? ""}`;
  }
}

/** Less is the noise of pings and the like. */
const rateLeast = 200;

const foundWords: Record<string, string> = {
  bootstrap: "from the bootstrap list",
  peering: "kept connected, as you asked",
  mdns: "in your local network",
  dht: "through the directory (DHT)",
  given: "by an address that you gave",
  remembered: "from before",
  inbound: "it called you",
};

interface Row {
  element: HTMLElement;
  update: (peer: Peer, rate: Rate | null) => void;
}

function makeRow(first: Peer, refresh: () => Promise<void>): Row {
  const place = placeOf(first.Addr);
  const agent = h("span", { class: "peer-agent" });
  const tags = h("span", { class: "tags" });
  const latency = h("span", { class: "peer-latency", title: "Round trip" });
  const rateIn = h("span", { class: "rate in" });
  const rateOut = h("span", { class: "rate out" });
  const rates = h("span", { class: "peer-rates" }, rateIn, rateOut);
  const figures = h("dl", { class: "pairs" });
  const more = h("div", { class: "peer-more" });
  const full = () => (first.Addr.includes("/p2p/" + first.Peer) ? first.Addr : `${first.Addr}/p2p/${first.Peer}`);
  const trouble = h("div");
  const disconnect = h("button", { type: "button", class: "button small" }, icon("unlink"), h("span", null, "Disconnect"));
  disconnect.addEventListener("click", async () => {
    if (isBusy(disconnect)) return;
    setBusy(disconnect, true);
    fill(trouble);
    try {
      await call("swarm/disconnect", { arg: `/p2p/${first.Peer}` });
      announce(`Disconnected from ${format.short(first.Peer)}`);
      await refresh();
    } catch (error) {
      showError(trouble, explain(error, "connect"));
    } finally {
      setBusy(disconnect, false);
    }
  });
  const protocols = h("ul", { class: "chips" });
  const protocolsName = h("p", { class: "eyebrow" });
  more.append(
    trouble,
    h("dl", { class: "pairs" }, h("dt", null, "Peer id"), h("dd", { class: "mono breakable" }, first.Peer), h("dt", null, "Address"), h("dd", { class: "mono breakable" }, full())),
    figures,
    h("div", { class: "row" }, copyButton(full, "Copy the address", "Copy address"), disconnect),
    protocolsName,
    protocols,
  );
  const element = h(
    "li",
    { class: "peer", "data-peer": first.Peer },
    h(
      "details",
      null,
      h(
        "summary",
        null,
        glyph(first.Peer, 40),
        h("span", { class: "peer-main" }, h("span", { class: "peer-name mono" }, format.short(first.Peer, 10, 8)), agent),
        h("span", { class: "peer-where mono" }, place.where),
        tags,
        rates,
        latency,
      ),
      more,
    ),
  );
  let shown = "";
  let figuresShown = "";
  const showRate = (element: HTMLElement, name: string, value: number | undefined) => {
    const text = value === undefined || value < rateLeast ? "" : format.rate(value);
    if (element.dataset["rate"] === text) return;
    element.dataset["rate"] = text;
    fill(element, text !== "" && [icon(name === "in" ? "down" : "up"), h("span", { class: "visually-hidden" }, name === "in" ? "receiving " : "sending "), text]);
  };
  const showFigures = (peer: Peer) => {
    const pairs: [string, string][] = [];
    if (peer.Seconds !== undefined && peer.OpenedAt) pairs.push(["Connected", `${format.since(peer.OpenedAt)}, for ${format.duration(peer.Seconds)}`]);
    if (peer.FoundBy) pairs.push(["Found", foundWords[peer.FoundBy] ?? peer.FoundBy]);
    if (peer.BytesIn !== undefined && peer.BytesOut !== undefined) pairs.push(["Carried", `${format.bytes(peer.BytesIn)} in, ${format.bytes(peer.BytesOut)} out`]);
    const secured = [peer.Security, peer.Muxer].filter((name) => name).join(" ");
    if (secured) pairs.push(["Secured by", secured]);
    if (peer.Limited) pairs.push(["Limit", "The relay carries little, and not for long."]);
    const text = JSON.stringify(pairs);
    if (text === figuresShown) return;
    figuresShown = text;
    fill(figures, pairs.map(([name, value]) => [h("dt", null, name), h("dd", { class: "breakable" }, value)]));
  };
  const update = (peer: Peer, rate: Rate | null) => {
    showRate(rateIn, "in", rate?.in);
    showRate(rateOut, "out", rate?.out);
    showFigures(peer);
    const now = JSON.stringify([peer.Direction, peer.Latency, peer.Identify?.AgentVersion, peer.Streams, peer.Identify?.Protocols, peer.Muxer]);
    if (now === shown) return;
    shown = now;
    fill(agent, peer.Identify?.AgentVersion || "unknown program");
    const known = peer.Latency && peer.Latency !== "n/a" && peer.Latency !== "0s" ? tidyLatency(peer.Latency) : "–";
    latency.textContent = known;
    fill(
      tags,
      h("span", { class: "tag" }, place.transport),
      h("span", { class: `tag reach-${place.reach}`, title: place.reach === "relay" ? "Another peer passes this connection on" : "Straight to the peer" }, place.reach === "relay" ? "relayed" : "direct"),
      peer.Direction ? h("span", { class: "tag", title: peer.Direction === 1 ? "They called us" : "We called them" }, peer.Direction === 1 ? "in" : "out") : null,
      place.reach !== "relay" && place.reach !== "unknown" && h("span", { class: "tag faint" }, reachText[place.reach]),
    );
    const streams = (peer.Streams ?? []).map((stream) => stream.Protocol).filter((name) => name);
    const names = streams.length > 0 ? streams : (peer.Identify?.Protocols ?? []);
    protocolsName.textContent = streams.length > 0 ? `${format.count(streams.length, "open stream")}` : names.length > 0 ? "Speaks" : "";
    fill(protocols, [...names].sort().map((name) => h("li", { class: "chip mono" }, name)));
  };
  return { element, update };
}

/** "12.345678ms" as "12 ms". */
export function tidyLatency(text: string): string {
  const match = /^([\d.]+)(ns|µs|us|ms|s)$/.exec(text);
  if (!match) return text;
  const scale: Record<string, number> = { ns: 1e-6, µs: 1e-3, us: 1e-3, ms: 1, s: 1000 };
  const milliseconds = Number(match[1]) * (scale[match[2]!] ?? 1);
  if (milliseconds < 1) return "< 1 ms";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
