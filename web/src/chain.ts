// One chain: how far it is, its latest blocks as they come, who makes them, and how others join.
import { call, type Identity } from "./api";
import { addressHelp, chainCrumbs, chainTags, complain, field, keepCoinbase, lastCoinbase, statusInterval, statusPanel } from "./chains";
import { announce, arrange, copyButton, every, fill, h, icon, isBusy, setBusy } from "./dom";
import { errorBox, explain, showError } from "./errors";
import { accountLink, searchForm } from "./explorer";
import * as format from "./format";
import { glyph } from "./glyph";
import { RecentBlocks, ask, chainLink, isAddress, linked, quantity, type Block, type ChainPeer, type ChainStatus, type Invitation, type Validation } from "./ledger";
import { sendCard } from "./send";
import { stakeText } from "./wei";

const blocksShown = 15;
const peersShown = 100;
const validatorsShown = 200;
const peersInterval = 3_000;

export function chainView(name: string, signal: AbortSignal): Element {
  const tags = h("div", { class: "tags" });
  const panel = statusPanel();
  panel.element.hidden = true;
  const note = h("div");
  const card = h("section", { class: "card chain", "aria-label": "State", "data-testid": "chain-state" }, panel.element, note);
  const maker = h("div", { class: "stack" });
  let makers: Makers | null = null;
  const blocks = blocksCard(name);
  every(statusInterval, signal, async () => {
    try {
      const status = await ask<ChainStatus>("chain/status", { arg: name }, signal);
      panel.element.hidden = false;
      card.classList.remove("stale");
      panel.update(status);
      fill(note);
      if (!makers) {
        fill(tags, chainTags(status));
        makers = status.Consensus === "bft" ? validatorsCard(signal) : miningCard(name, signal);
        fill(maker, makers.element);
      }
      makers.update(status);
      await blocks.follow(status, signal);
    } catch (error) {
      if (signal.aborted) return;
      card.classList.add("stale");
      showError(note, explain(error, "chain"));
    }
  });
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, chainCrumbs(name), h("h1", { class: "breakable" }, format.cut(name, 80)), tags),
    searchForm(name, signal),
    card,
    blocks.element,
    maker,
    sendCard(name, "", signal),
    invitationCard(name, signal),
    peersCard(name, signal),
  );
}

interface Makers {
  element: HTMLElement;
  update: (status: ChainStatus) => void;
}

interface BlockRow extends ReturnType<typeof linked> {
  time: number;
  transactions: number;
  gasShare: number;
  author: string;
}

function rowOf(block: Block): BlockRow {
  const limit = quantity(block.gasLimit);
  return {
    ...linked(block),
    time: Number(quantity(block.timestamp)),
    transactions: block.transactions?.length ?? 0,
    gasShare: limit > 0n ? Number((quantity(block.gasUsed) * 1000n) / limit) / 10 : 0,
    author: block.miner,
  };
}

/** The latest blocks, newest first. A block that the chain has left goes, and one that comes is put before the others. */
function blocksCard(name: string): { element: Element; follow: (status: ChainStatus, signal: AbortSignal) => Promise<void> } {
  const list = h("ul", { class: "list blocks", "data-testid": "blocks" });
  const rows = new Map<string, { element: HTMLElement; age: HTMLElement; time: number }>();
  const recent = new RecentBlocks<BlockRow>(name, blocksShown, false, rowOf);
  const draw = () => {
    const now = Date.now();
    for (const block of recent.blocks) if (!rows.has(block.hash)) rows.set(block.hash, makeBlockRow(name, block));
    const wanted = new Set(recent.blocks.map((block) => block.hash));
    for (const hash of rows.keys()) if (!wanted.has(hash)) rows.delete(hash);
    for (const { age, time } of rows.values()) {
      const text = format.age(time, now);
      if (age.textContent !== text) age.textContent = text;
    }
    arrange(list, recent.blocks.map((block) => rows.get(block.hash)!.element));
  };
  return {
    element: h("section", { class: "card", "aria-label": "Latest blocks" }, h("h2", null, "Latest blocks"), list),
    follow: (status, signal) => recent.advance(status.Head, signal, draw),
  };
}

function makeBlockRow(name: string, block: BlockRow): { element: HTMLElement; age: HTMLElement; time: number } {
  const age = h("span", { class: "quiet" });
  const element = h(
    "li",
    { class: "block", "data-block": block.number },
    h("a", { href: chainLink(name, "block", block.hash), "aria-label": `Block ${block.number}` }, block.number.toLocaleString("en")),
    age,
    h("span", null, format.count(block.transactions, "transaction")),
    h("span", { class: "quiet", title: "Of the gas that a block may use" }, `${block.gasShare} % gas`),
    h("span", null, h("span", { class: "quiet" }, "by "), accountLink(name, block.author)),
  );
  return { element, age, time: block.time };
}

function miningCard(name: string, signal: AbortSignal): Makers {
  const words = h("p", { "data-testid": "mining" });
  const account = field("coinbase", "Account that gets what is mined", "0x…", { class: "mono" });
  account.input.value = lastCoinbase();
  const threads = field("threads", "On so many threads", "all but one", { inputmode: "numeric", class: "amount" });
  const begin = h("button", { class: "button primary" }, icon("pulse"), h("span", null, "Mine"));
  const stop = h("button", { type: "button", class: "button" }, icon("close"), h("span", null, "Stop mining"));
  const outcome = h("div", { "data-testid": "mine-outcome" });
  const work = async (button: HTMLButtonElement, query: Record<string, string | boolean>) => {
    if (isBusy(button)) return;
    setBusy(button, true);
    fill(outcome);
    try {
      update(await ask<ChainStatus>("mine", { arg: name, ...query }, signal));
    } catch (error) {
      if (!signal.aborted) fill(outcome, errorBox(explain(error, "chain")));
    } finally {
      setBusy(button, false);
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    for (const { input } of [account, threads]) input.removeAttribute("aria-invalid");
    const coinbase = account.input.value.trim();
    if (!isAddress(coinbase)) return complain(outcome, account.input, "Mining needs an account.", addressHelp);
    const count = threads.input.value.trim();
    if (!/^\d{0,4}$/.test(count)) return complain(outcome, threads.input, "That isn't a number of threads.", "Leave it empty to use all of this computer but one.");
    keepCoinbase(coinbase);
    void work(begin, count === "" ? { coinbase } : { coinbase, threads: count });
  };
  stop.addEventListener("click", () => void work(stop, { stop: true }));
  const form = h("form", { class: "form", novalidate: true, onsubmit: submit }, account.row, threads.row, h("div", { class: "row" }, begin));
  const stopRow = h("div", { class: "row" }, stop);
  const update = (status: ChainStatus) => {
    const mining = status.Mining;
    form.hidden = Boolean(mining);
    stopRow.hidden = !mining;
    const text = mining
      ? `Mining for ${format.short(mining.Coinbase, 8, 6)}: ${format.hashRate(mining.HashesPerSecond)}, ${format.count(mining.Blocks, "block")} found so far.`
      : "This node doesn't mine. Blocks come from those who do.";
    if (words.textContent !== text) words.textContent = text;
  };
  return { element: h("section", { class: "card", "aria-label": "Mining" }, h("h2", null, "Mining"), words, form, stopRow, outcome), update };
}

/** What to say of who votes, and why this node does or doesn't. */
export function votingWords(validation: Validation): string {
  if (!validation.Running) return "Voting isn't under way here now.";
  if (!validation.Votes) return `This node doesn't vote${validation.WhyNot ? `: ${format.cut(validation.WhyNot, 300)}` : ""}.`;
  return validation.Rests ? "This node votes. Nothing waits, so all rest." : "This node votes.";
}

function validatorsCard(signal: AbortSignal): Makers {
  const words = h("p", { "data-testid": "voting" });
  const place = h("p", { class: "quiet small" });
  const trouble = h("div");
  const list = h("ul", { class: "list", "data-testid": "validators" });
  let own = "";
  void call<Identity>("id", {}, signal).then((me) => (own = me.ID), () => undefined);
  let shown = "";
  const update = (status: ChainStatus) => {
    const validation = status.Validation;
    if (!validation) {
      words.textContent = "The node doesn't tell who votes yet.";
      return;
    }
    const now = JSON.stringify([validation, own]);
    if (now === shown) return;
    shown = now;
    const all = validation.Validators ?? [];
    words.textContent = votingWords(validation);
    const heard = all.filter((one) => one.Heard > 0 || (one.Peer === own && validation.Votes)).length;
    place.textContent = validation.Running ? `Epoch ${validation.Epoch}, view ${validation.View}: ${heard} of ${format.count(all.length, "validator")} heard.` : "";
    fill(trouble, validation.Trouble !== "" && errorBox({ what: "In trouble at the moment.", tryThis: format.cut(validation.Trouble, 500) }));
    fill(list, validation.Running && all.slice(0, validatorsShown).map((one) => validatorRow(one, validation, own)));
  };
  return { element: h("section", { class: "card", "aria-label": "Validators" }, h("h2", null, "Validators"), words, place, trouble, list), update };
}

function validatorRow(one: { Peer: string; Stake: number; Heard: number }, validation: Validation, own: string): Element {
  const self = one.Peer === own;
  return h(
    "li",
    { class: "entry", "data-validator": one.Peer },
    glyph(one.Peer, 30),
    h("span", { class: "entry-main" }, h("span", { class: "mono", title: one.Peer }, format.short(one.Peer, 10, 8)), h("span", { class: "entry-note" }, `stake ${stakeText(one.Stake)}`)),
    h(
      "span",
      { class: "tags" },
      self && h("span", { class: "tag" }, "this node"),
      one.Peer === validation.Leader && h("span", { class: "tag reach-internet" }, "leads"),
      !self && h("span", { class: one.Heard > 0 ? "tag" : "tag reach-relay" }, one.Heard > 0 ? `heard in view ${one.Heard}` : "not heard yet"),
    ),
  );
}

function invitationCard(name: string, signal: AbortSignal): Element {
  const body = h("div", { class: "stack" });
  const show = h("button", { type: "button", class: "button" }, icon("link"), h("span", null, "Show an invitation"));
  show.addEventListener("click", async () => {
    if (isBusy(show)) return;
    setBusy(show, true);
    try {
      const { Invite: text } = await ask<Invitation>("chain/invite", { arg: name }, signal);
      fill(body, h("code", { class: "said", "data-testid": "invitation" }, format.cut(text, 10_000)), h("div", { class: "row" }, copyButton(() => text, "Copy the invitation", "Copy invitation")));
      body.querySelector("button")?.focus();
      announce("The invitation is shown");
    } catch (error) {
      if (!signal.aborted) fill(body, show, errorBox(explain(error, "chain")));
    } finally {
      setBusy(show, false);
    }
  });
  fill(body, h("div", { class: "row" }, show));
  return h("section", { class: "card", "aria-label": "Invitation" }, h("h2", null, "Invite others"), h("p", { class: "quiet" }, "Whoever has this text may join: on the Chains page of their node, or with kith chain join."), body);
}

/** Who holds the chain, too: asked for only while it is looked at. */
function peersCard(name: string, signal: AbortSignal): Element {
  const list = h("ul", { class: "list", "data-testid": "chain-peers" });
  const note = h("div");
  const details = h("details", { class: "more" }, h("summary", null, "Peers that hold this chain"), list, note);
  let shown = "";
  const look = async () => {
    if (!details.open) return;
    try {
      const peers = (await ask<{ Peers: ChainPeer[] | null }>("chain/peers", { arg: name }, signal)).Peers ?? [];
      const now = JSON.stringify(peers);
      if (now === shown) return;
      shown = now;
      fill(list, peers.slice(0, peersShown).map(peerRow));
      fill(note, peers.length === 0 && h("p", { class: "empty" }, "Nobody now."), peers.length > peersShown && h("p", { class: "quiet" }, `And ${format.count(peers.length - peersShown, "more", "more")}.`));
    } catch (error) {
      if (signal.aborted) return;
      shown = "";
      showError(note, explain(error, "chain"));
    }
  };
  details.addEventListener("toggle", () => void look());
  every(peersInterval, signal, look);
  return h("section", { class: "card", "aria-label": "Peers of the chain" }, details);
}

function peerRow(peer: ChainPeer): Element {
  return h(
    "li",
    { class: "entry" },
    glyph(peer.Peer, 30),
    h("span", { class: "entry-main" }, h("span", { class: "mono", title: peer.Peer }, format.short(peer.Peer, 10, 8)), h("span", { class: "entry-note mono" }, format.cut(peer.Addr ?? "", 120))),
    peer.Head && h("span", { class: "tag" }, `block ${peer.Head.Number.toLocaleString("en")}`),
  );
}
