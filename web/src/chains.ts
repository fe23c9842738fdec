// The chains of this node: how far each is, a way to begin one, and one to join one.
import { RpcError } from "./api";
import { arrange, every, fill, h, icon, isBusy, setBusy } from "./dom";
import { errorBox, explain, showError, type Explanation } from "./errors";
import * as format from "./format";
import { ask, chainLink, isAddress, opened, type BrokenChain, type ChainStatus, type Invitation } from "./ledger";
import { keep, recall } from "./storage";
import { weiOf } from "./wei";

export const statusInterval = 1_500;
/** A new chain's first difficulty may be measured, and an invitation's peers are waited for. */
const beginPatience = 60_000;
const joinPatience = 120_000;
const allocationsMax = 50;

export function chainsView(signal: AbortSignal): Element {
  const heading = h("p", { "data-testid": "chain-count" }, "Asking the node…");
  const list = h("ul", { class: "chains", "data-testid": "chains" });
  const note = h("div");
  const rows = new Map<string, ChainRow>();
  const forms = h("div", { class: "columns even" }, beginCard(signal), joinCard(signal));
  /** A node that has no such command (Kubo) isn't asked again. */
  let unknown = false;
  const show = (chains: (ChainStatus | BrokenChain)[]) => {
    const shown = new Map<string, ChainRow>();
    for (const chain of chains) {
      const row = rows.get(chain.Name) ?? makeRow(chain.Name);
      row.update(chain);
      shown.set(chain.Name, row);
    }
    rows.clear();
    for (const [name, row] of shown) rows.set(name, row);
    arrange(list, [...shown.values()].map((row) => row.element));
    list.classList.remove("stale");
    heading.textContent = chains.length === 0 ? "None yet: begin one, or join one." : `This node takes part in ${format.count(chains.length, "chain")}.`;
    fill(note);
  };
  const fail = (failure: Explanation) => {
    list.classList.add("stale");
    heading.textContent = rows.size === 0 ? "Not known now." : "As they were when the node last answered.";
    showError(note, failure);
  };
  every(statusInterval, signal, async () => {
    if (unknown) return;
    try {
      show((await ask<{ Chains: (ChainStatus | BrokenChain)[] | null }>("chain/ls", {}, signal)).Chains ?? []);
    } catch (error) {
      if (signal.aborted) return;
      unknown = error instanceof RpcError && error.status === 404;
      forms.hidden = unknown;
      fail(explain(error, "chain"));
    }
  });
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, h("h1", null, "Chains"), heading),
    list,
    note,
    forms,
  );
}

interface ChainRow {
  element: HTMLElement;
  update: (chain: ChainStatus | BrokenChain) => void;
}

function makeRow(name: string): ChainRow {
  const panel = statusPanel();
  const trouble = h("div");
  const tags = h("span", { class: "tags" });
  const title = h("h2", { class: "breakable" }, h("a", { href: chainLink(name) }, format.cut(name, 80)));
  const element = h("li", { class: "card chain", "data-chain": name }, h("div", { class: "chain-head" }, title, tags), panel.element, trouble);
  let shown = "";
  const update = (chain: ChainStatus | BrokenChain) => {
    panel.element.hidden = !opened(chain);
    if (opened(chain)) panel.update(chain);
    const now = JSON.stringify(opened(chain) ? [chain.Consensus, chain.ChainID] : chain.Error);
    if (now === shown) return;
    shown = now;
    fill(tags, opened(chain) && chainTags(chain));
    fill(trouble, !opened(chain) && errorBox({ what: "The node can't open this chain.", tryThis: format.cut(chain.Error, 500) }));
  };
  return { element, update };
}

const consensusWords: Record<string, string> = { pow: "proof of work", bft: "validators" };

export function chainTags(chain: ChainStatus): Element[] {
  return [h("span", { class: "tag" }, consensusWords[chain.Consensus] ?? format.cut(chain.Consensus, 20)), h("span", { class: "tag", title: "By this number wallets know it" }, `chain id ${chain.ChainID}`)];
}

/** The figures of one chain, as short facts: a name and a few words each. */
export function chainFacts(chain: ChainStatus, now = Date.now()): [string, string][] {
  const facts: [string, string][] = [
    ["Block", chain.Head.Number.toLocaleString("en")],
    ["Newest", format.age(chain.HeadTime, now)],
    ["Peers", chain.Peers.toLocaleString("en")],
    ["Waiting", format.count(chain.Pending + chain.Queued, "transaction")],
  ];
  const validation = chain.Validation;
  if (chain.Consensus === "bft") facts.push(["Final", `block ${chain.Finalized.Number.toLocaleString("en")}`]);
  if (validation) facts.push(["This node", validation.Votes ? "votes" : "doesn't vote"]);
  if (chain.Consensus === "pow") facts.push(["Mining", chain.Mining ? format.hashRate(chain.Mining.HashesPerSecond) : "not here"]);
  return facts;
}

/** Those figures, and a bar while the chain is fetched. */
export function statusPanel(): { element: HTMLElement; update: (chain: ChainStatus) => void } {
  const figures = h("dl", { class: "chain-facts" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Blocks fetched" });
  const barWords = h("p", { class: "quiet small", "data-testid": "syncing" });
  const syncing = h("div", { class: "syncing", hidden: true }, bar, barWords);
  const values = new Map<string, HTMLElement>();
  const update = (chain: ChainStatus) => {
    const facts = chainFacts(chain);
    if (facts.map(([name]) => name).join() !== [...values.keys()].join()) {
      values.clear();
      for (const [name] of facts) values.set(name, h("dd", { "data-fact": name }));
      fill(figures, facts.map(([name]) => h("div", null, h("dt", null, name), values.get(name))));
    }
    for (const [name, text] of facts) {
      const value = values.get(name)!;
      if (value.textContent !== text) value.textContent = text;
    }
    const target = chain.SyncingTo;
    syncing.hidden = !target;
    if (!target) return;
    bar.max = Math.max(1, target.Number);
    bar.value = Math.min(chain.Head.Number, target.Number);
    barWords.textContent = `Fetching: block ${chain.Head.Number.toLocaleString("en")} of ${target.Number.toLocaleString("en")}`;
  };
  return { element: h("div", { class: "chain-panel" }, figures, syncing), update };
}

/** The way back, and where one is. */
export function chainCrumbs(name: string, here = ""): Element {
  const last = (text: string) => h("span", { "aria-current": "page" }, text);
  const chain = format.cut(name, 40);
  return h(
    "nav",
    { class: "crumbs", "aria-label": "Path" },
    h("ol", null, h("li", null, h("a", { href: "#/chains" }, "Chains")), h("li", null, here ? h("a", { href: chainLink(name) }, chain) : last(chain)), here !== "" && h("li", null, last(here))),
  );
}

// Forms.

/** A labelled field of a form. */
export function field(id: string, label: string, placeholder: string, more: Record<string, string | boolean> = {}): { row: HTMLElement; input: HTMLInputElement } {
  const input = h("input", { id, placeholder, autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...more });
  return { row: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}

/** Marks the field that is wrong, says why, and goes there. */
export function complain(outcome: Element, input: HTMLInputElement, what: string, tryThis: string): void {
  input.setAttribute("aria-invalid", "true");
  fill(outcome, errorBox({ what, tryThis }));
  input.focus();
}

export const addressHelp = "An address is 0x and 40 hexadecimal digits. Those of this node: kith wallet ls.";
const coinbaseKey = "kith.coinbase";

/** The account for which this browser last mined or validated. */
export function lastCoinbase(): string {
  return recall("browser", coinbaseKey);
}

export function keepCoinbase(address: string): void {
  keep("browser", coinbaseKey, address);
}

interface Allocation {
  row: HTMLElement;
  address: HTMLInputElement;
  amount: HTMLInputElement;
}

function allocationRow(index: number): Allocation {
  const attributes = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };
  const address = h("input", { class: "mono", placeholder: "0x…", "aria-label": `Account ${index}`, ...attributes });
  const amount = h("input", { class: "amount", inputmode: "decimal", placeholder: "ether", "aria-label": `Ether of account ${index}`, ...attributes });
  return { row: h("div", { class: "allocation" }, address, amount), address, amount };
}

/** A choice between a few, as the groups of the peers are. */
function choice(label: string, options: [string, string][], chosen: (name: string) => void): HTMLElement {
  const buttons = options.map(([name, words], index) => h("button", { type: "button", class: "group", "aria-pressed": String(index === 0), "data-choice": name, onclick: () => choose(name) }, words));
  const choose = (name: string) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset["choice"] === name));
    chosen(name);
  };
  return h("div", { class: "groups", role: "group", "aria-label": label }, buttons);
}

function beginCard(signal: AbortSignal): Element {
  let consensus = "pow";
  const name = field("chain-name", "Name", "town");
  const coinbase = field("chain-coinbase", "This node's account", "0x…", { class: "mono" });
  coinbase.input.value = lastCoinbase();
  coinbase.row.hidden = true;
  const allocations: Allocation[] = [allocationRow(1)];
  const allocationList = h("div", { class: "allocations" }, allocations[0]!.row);
  const another = h("button", { type: "button", class: "link" }, "One more account");
  another.addEventListener("click", () => {
    const next = allocationRow(allocations.length + 1);
    allocations.push(next);
    allocationList.append(next.row);
    another.hidden = allocations.length >= allocationsMax;
    next.address.focus();
  });
  const spacing = field("chain-spacing", "Seconds from block to block", "10", { inputmode: "numeric" });
  const difficulty = field("chain-difficulty", "Hashes that the first block takes", "measured", { inputmode: "numeric" });
  const chainId = field("chain-id", "Chain id", "drawn", { inputmode: "numeric" });
  const choose = (chosen: string) => {
    consensus = chosen;
    coinbase.row.hidden = chosen !== "bft";
    difficulty.row.hidden = chosen === "bft";
    spacing.input.placeholder = chosen === "bft" ? "1" : "10";
    words.textContent = kinds[chosen] ?? "";
  };
  const kinds: Record<string, string> = {
    pow: "Whoever likes finds blocks by computing; the more are built on one, the safer it is.",
    bft: "Those with a stake vote, and a block is final within seconds. This node is the first of them.",
  };
  const words = h("p", { class: "quiet small" }, kinds["pow"]);
  const button = h("button", { class: "button primary" }, icon("plus"), h("span", null, "Begin"));
  const outcome = h("div", { "data-testid": "begin-outcome" });
  const inputs = () => [name.input, coinbase.input, spacing.input, difficulty.input, chainId.input, ...allocations.flatMap((one) => [one.address, one.amount])];

  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy(button)) return;
    for (const input of inputs()) input.removeAttribute("aria-invalid");
    const wanted = name.input.value.trim();
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(wanted)) return complain(outcome, name.input, "A chain needs a name.", "Of letters, digits, dashes, dots and underscores, 64 at most, with a letter or a digit first.");
    const alloc: string[] = [];
    for (const one of allocations) {
      const [address, amount] = [one.address.value.trim(), one.amount.value.trim()];
      if (address === "" && amount === "") continue;
      if (!isAddress(address)) return complain(outcome, one.address, "That isn't an address.", addressHelp);
      if (weiOf(amount) === null) return complain(outcome, one.amount, "That isn't an amount of ether.", "It looks like 1000 or 0.25.");
      alloc.push(`${address}=${amount}`);
    }
    const account = coinbase.input.value.trim();
    if (consensus === "bft" && !isAddress(account)) return complain(outcome, coinbase.input, "Validators need an account each.", addressHelp);
    const query: Record<string, string | string[]> = { arg: wanted, consensus };
    if (alloc.length > 0) query["alloc"] = alloc;
    if (consensus === "bft") query["coinbase"] = account;
    for (const [option, { input, row }] of Object.entries({ "block-time": spacing, difficulty, "chain-id": chainId })) {
      const text = input.value.trim();
      if (text === "" || row.hidden) continue;
      if (!/^\d{1,40}$/.test(text)) return complain(outcome, input, "That isn't a number.", "It has digits only.");
      query[option] = text;
    }
    setBusy(button, true);
    fill(outcome, h("p", { class: "working" }, "Making the first block…"));
    try {
      const made = await ask<Invitation>("chain/new", query, signal, beginPatience);
      if (account) keepCoinbase(account);
      location.hash = chainLink(made.Name);
    } catch (error) {
      if (!signal.aborted) fill(outcome, errorBox(explain(error, "chain")));
    } finally {
      setBusy(button, false);
    }
  };
  return h(
    "section",
    { class: "card", "aria-label": "Begin a chain", "data-testid": "begin" },
    h("h2", null, "Begin one"),
    h(
      "form",
      { class: "form", novalidate: true, onsubmit: submit },
      name.row,
      choice("How blocks are agreed on", [["pow", "Proof of work"], ["bft", "Validators"]], choose),
      words,
      coinbase.row,
      h("div", { class: "field" }, h("span", null, "Who has how much from the beginning"), allocationList, another),
      h("details", { class: "more" }, h("summary", null, "More choices"), h("div", { class: "form" }, spacing.row, difficulty.row, chainId.row)),
      h("div", { class: "row" }, button),
    ),
    outcome,
  );
}

/** The invitation in what was pasted, which may be the command that others show; "" if there is none. */
export function invitationIn(text: string): string {
  return /kith:\/\/chain\/[^\s'"<>]+/.exec(text)?.[0] ?? "";
}

function joinCard(signal: AbortSignal): Element {
  const invitation = field("invitation", "Invitation", "kith://chain/0x…", { class: "mono" });
  const name = field("join-name", "Another name for it here", "as it is called there");
  const button = h("button", { class: "button primary" }, icon("arrow"), h("span", null, "Join"));
  const outcome = h("div", { "data-testid": "join-outcome" });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy(button)) return;
    for (const input of [invitation.input, name.input]) input.removeAttribute("aria-invalid");
    const link = invitationIn(invitation.input.value);
    if (link === "") return complain(outcome, invitation.input, "That isn't an invitation.", "It begins with kith://chain/0x… Who takes part in the chain finds it on the chain's page, to copy.");
    const query: Record<string, string> = { arg: link };
    if (name.input.value.trim() !== "") query["name"] = name.input.value.trim();
    setBusy(button, true);
    fill(outcome, h("p", { class: "working" }, "Fetching its first block from those who invite…"));
    try {
      const joined = await ask<Invitation>("chain/join", query, signal, joinPatience);
      location.hash = chainLink(joined.Name);
    } catch (error) {
      if (!signal.aborted) fill(outcome, errorBox(explain(error, "chain")));
    } finally {
      setBusy(button, false);
    }
  };
  return h(
    "section",
    { class: "card", "aria-label": "Join a chain", "data-testid": "join" },
    h("h2", null, "Join one"),
    h("p", { class: "quiet" }, "Paste the invitation that somebody gave you. Your node fetches all blocks and checks each."),
    h("form", { class: "form", novalidate: true, onsubmit: submit }, invitation.row, h("details", { class: "more" }, h("summary", null, "More choices"), name.row), h("div", { class: "row" }, button)),
    outcome,
  );
}
