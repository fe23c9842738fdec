// Who am I: the node's identity, addresses, traffic and store.
import { call, type Bandwidth, type BitswapStat, type Identity, type RepoStat } from "./api";
import { copyButton, every, fill, h, icon } from "./dom";
import { errorBox, explain, showError } from "./errors";
import * as format from "./format";
import { gateway, gatewaySetting, setGateway } from "./gateway";
import { glyph } from "./glyph";
import { byReach, placeOf, reachText } from "./multiaddr";

const samplesMax = 60;
const chart = { width: 600, height: 120 };

export function meView(signal: AbortSignal): Element {
  const identity = h("section", { class: "card hero", "aria-label": "Identity" }, h("p", { class: "quiet" }, "Asking the node…"));
  const addresses = h("section", { class: "card" });
  every(5000, signal, async () => {
    try {
      const me = await call<Identity>("id", {}, signal);
      showIdentity(identity, me);
      showAddresses(addresses, me);
    } catch (error) {
      if (signal.aborted) return;
      shown = "";
      showError(identity, explain(error, "node"));
    }
  });
  shown = "";
  shownAddresses = "";
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", null, "Me"), h("p", null, "Your node, as others see it.")),
    identity,
    h("div", { class: "columns" }, trafficCard(signal), storeCard(signal)),
    addresses,
    gatewayCard(),
  );
}

// What is on the screen stays as it is, selection and focus included, until the node says something else.
let shown = "";
let shownAddresses = "";

function showIdentity(card: Element, me: Identity): void {
  const now = JSON.stringify([me.ID, me.AgentVersion, me.Protocols]);
  if (now === shown) return;
  shown = now;
  const protocols = [...(me.Protocols ?? [])].sort();
  fill(
    card,
    glyph(me.ID, 84),
    h(
      "div",
      { class: "hero-text" },
      h("p", { class: "eyebrow" }, "Peer id"),
      h("p", { class: "peer-id", "data-testid": "peer-id" }, me.ID),
      h("div", { class: "row" }, copyButton(() => me.ID, "Copy the peer id", "Copy id"), h("span", { class: "tag" }, me.AgentVersion || "unknown program")),
      h(
        "details",
        { class: "more" },
        h("summary", null, `Speaks ${format.count(protocols.length, "protocol")}`),
        h("ul", { class: "chips" }, protocols.map((protocol) => h("li", { class: "chip mono" }, protocol))),
      ),
    ),
  );
}

function showAddresses(card: Element, me: Identity): void {
  const list = [...(me.Addresses ?? [])].sort(byReach);
  const now = JSON.stringify(list);
  if (now === shownAddresses) return;
  shownAddresses = now;
  const rows = list.map((address) => {
    const place = placeOf(address);
    return h(
      "li",
      { class: "address" },
      h("span", { class: `tag reach-${place.reach}` }, reachText[place.reach]),
      h("code", { class: "breakable" }, address),
      copyButton(() => address, `Copy ${address}`),
    );
  });
  fill(
    card,
    h("h2", null, "Addresses"),
    h("p", { class: "quiet" }, "Somebody who wants to connect to you needs one of these."),
    rows.length > 0
      ? h("ul", { class: "list" }, rows)
      : h("p", { class: "empty" }, "This node listens nowhere, so nobody can call it. It can still call others. Addresses.Swarm in its configuration says where to listen."),
  );
}

function trafficCard(signal: AbortSignal): Element {
  const samples: Bandwidth[] = [];
  const figure = (name: string, direction: "in" | "out") => {
    const value = h("span", { class: "figure-value", "data-testid": `rate-${direction}` }, "–");
    const total = h("span", { class: "figure-note" });
    const whole = h("div", { class: `figure ${direction}` }, h("span", { class: "figure-name" }, icon(direction === "in" ? "down" : "up"), name), value, total);
    return { value, total, whole };
  };
  const received = figure("Receiving", "in");
  const sent = figure("Sending", "out");
  const inLine = h("path", { class: "line in" });
  const inArea = h("path", { class: "area in" });
  const outLine = h("path", { class: "line out" });
  const peak = h("span", { class: "chart-peak" });
  const picture = h(
    "div",
    { class: "chart" },
    h("svg", { viewBox: `0 0 ${chart.width} ${chart.height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, inArea, inLine, outLine),
    peak,
  );
  every(1000, signal, async () => {
    const now = await call<Bandwidth>("stats/bw", {}, signal).catch(() => null);
    if (!now) return;
    samples.push(now);
    if (samples.length > samplesMax) samples.shift();
    received.value.textContent = format.rate(now.RateIn);
    sent.value.textContent = format.rate(now.RateOut);
    received.total.textContent = `${format.bytes(now.TotalIn)} in all`;
    sent.total.textContent = `${format.bytes(now.TotalOut)} in all`;
    const top = Math.max(1024, ...samples.map((sample) => Math.max(sample.RateIn, sample.RateOut)));
    peak.textContent = format.rate(top);
    const incoming = curve(samples.map((sample) => sample.RateIn / top));
    inLine.setAttribute("d", incoming);
    inArea.setAttribute("d", incoming && `${incoming}L${chart.width},${chart.height}L${chart.width - (samples.length - 1) * step},${chart.height}Z`);
    outLine.setAttribute("d", curve(samples.map((sample) => sample.RateOut / top)));
  });
  return h("section", { class: "card" }, h("h2", null, "Traffic"), h("div", { class: "figures" }, received.whole, sent.whole), picture, h("p", { class: "quiet small" }, "The last minute"));
}

const step = chart.width / (samplesMax - 1);

/** A line through shares of the height, the newest at the right edge. */
function curve(shares: number[]): string {
  return shares
    .map((share, index) => {
      const x = chart.width - (shares.length - 1 - index) * step;
      return `${index === 0 ? "M" : "L"}${x.toFixed(1)},${(chart.height - 3 - share * (chart.height - 10)).toFixed(1)}`;
    })
    .join("");
}

function storeCard(signal: AbortSignal): Element {
  const meter = h("meter", { min: 0, max: 1, high: 0.9, "aria-label": "Share of the allowed space in use" });
  const used = h("span", { class: "figure-value" }, "–");
  const allowed = h("span", { class: "figure-note" });
  const facts = h("dl", { class: "facts" });
  every(4000, signal, async () => {
    const repo = await call<RepoStat>("repo/stat", {}, signal).catch(() => null);
    const swap = await call<BitswapStat>("stats/bitswap", {}, signal).catch(() => null);
    if (repo) {
      used.textContent = format.bytes(repo.RepoSize);
      allowed.textContent = repo.StorageMax > 0 ? `of ${format.bytes(repo.StorageMax)} allowed` : "no limit set";
      meter.value = repo.StorageMax > 0 ? repo.RepoSize / repo.StorageMax : 0;
    }
    const rows: [string, string][] = [];
    if (repo) rows.push(["Blocks kept", repo.NumObjects.toLocaleString("en")]);
    if (swap) {
      rows.push(["Blocks given", `${swap.BlocksSent.toLocaleString("en")} · ${format.bytes(swap.DataSent)}`]);
      rows.push(["Blocks got", `${swap.BlocksReceived.toLocaleString("en")} · ${format.bytes(swap.DataReceived)}`]);
      rows.push(["Got twice", swap.DupBlksReceived.toLocaleString("en")]);
    }
    fill(facts, rows.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
  });
  return h("section", { class: "card" }, h("h2", null, "Store"), h("div", { class: "figure" }, used, allowed), meter, facts);
}

function gatewayCard(): Element {
  const current = h("span", { class: "mono", "data-testid": "gateway" });
  const input = h("input", { id: "gateway", type: "url", inputmode: "url", placeholder: "http://127.0.0.1:8080", value: gatewaySetting(), autocomplete: "off", spellcheck: "false" });
  const problem = h("div");
  const show = async () => {
    const address = await gateway();
    current.textContent = address ?? "not found";
  };
  void show();
  const save = (event: Event) => {
    event.preventDefault();
    fill(problem);
    if (!setGateway(input.value)) {
      fill(problem, errorBox({ what: "That isn't a gateway's address.", tryThis: "It looks like http://127.0.0.1:8080. The page's own address won't do: files of others must not come from it." }));
      return;
    }
    void show();
  };
  return h(
    "section",
    { class: "card" },
    h("h2", null, "Gateway"),
    h("p", { class: "quiet" }, "Previews and downloads go through it, and so do the links that you copy if others can reach it. In use: ", current),
    h(
      "details",
      { class: "more" },
      h("summary", null, "Use another one"),
      h("form", { class: "inline-form", onsubmit: save }, h("label", { for: "gateway", class: "visually-hidden" }, "Address of the gateway"), input, h("button", { class: "button" }, "Use")),
      h("p", { class: "quiet small" }, "Leave it empty to use the node's own."),
      problem,
    ),
  );
}
