// What stands in a chain: a block, a transaction, an account, and the search for any of them.
import { chainCrumbs, complain, statusInterval } from "./chains";
import { copyButton, every, fill, h, icon, isBusy, moreButton, setBusy } from "./dom";
import { errorBox, explain, showError } from "./errors";
import * as format from "./format";
import { historyOf, type Found } from "./history";
import { ask, byteCount, chainLink, isAddress, isHash, quantity, rpc, whole, type Block, type ChainStatus, type Log, type Receipt, type Transaction } from "./ledger";
import { sendCard } from "./send";
import { etherShort, etherText, gweiText } from "./wei";

const rowsAtFirst = 50;
const rowsMore = 200;
const dataShown = 1_024;
const topicsShown = 4;

// Pieces.

function short(text: string): string {
  return format.short(format.cut(text, 100), 10, 8);
}

export function accountLink(chain: string, address: string): Element {
  return isAddress(address) ? h("a", { class: "mono", href: chainLink(chain, "account", address), title: address }, short(address)) : h("span", { class: "mono" }, short(address));
}

function hashLink(chain: string, kind: "block" | "tx", hash: string): Element {
  return h("a", { class: "mono", href: chainLink(chain, kind, hash), title: hash }, short(hash));
}

function ether(wei: string): Element {
  const amount = quantity(wei);
  return h("span", { title: `${etherText(amount)} ether` }, `${etherShort(amount)} ether`);
}

/** Pairs of a name and what there is to say. */
type Facts = [string, (Element | string)[] | Element | string][];

function factList(facts: Facts, testId: string): Element {
  return h("dl", { class: "pairs", "data-testid": testId }, facts.map(([name, value]) => [h("dt", null, name), h("dd", { class: "breakable" }, value)]));
}

function withCopy(text: string, label: string): Element {
  return h("span", { class: "with-copy" }, h("code", { class: "breakable" }, format.cut(text, 200)), copyButton(() => text, label));
}

/** Bytes that anybody may have written: their beginning, and all of them to copy. */
function dataBox(data: string, label: string): Element {
  const bytes = byteCount(data);
  if (bytes === 0) return h("span", { class: "quiet" }, "none");
  return h(
    "div",
    { class: "data" },
    h("div", { class: "row" }, h("span", { class: "quiet small" }, format.count(bytes, "byte")), copyButton(() => data, label)),
    h("code", { class: "said" }, format.cut(data, dataShown)),
  );
}

/** A view of something in a chain: its head, and a card whose content `load` fills, anew every second or two. */
function view(chain: string, here: string, title: string, id: string, signal: AbortSignal, load: (card: Element) => Promise<boolean>, ...more: Element[]): Element {
  const card = h("section", { class: "card", "aria-label": title }, h("p", { class: "working" }, "Asking the node…"));
  const note = h("div");
  let settled = false;
  every(statusInterval, signal, async () => {
    if (settled) return;
    try {
      settled = await load(card);
      fill(note);
    } catch (error) {
      if (signal.aborted) return;
      if (card.querySelector(".working")) fill(card, h("p", { class: "empty" }, "Not known now."));
      showError(note, explain(error, "chain"));
    }
  });
  return h(
    "div",
    { class: "view" },
    h("header", { class: "view-head" }, chainCrumbs(chain, here), h("h1", null, title), id !== "" && withCopy(id, `Copy ${id}`)),
    searchForm(chain, signal),
    card,
    note,
    more,
  );
}

// Search.

/** Where the text of a search leads; null if it could be nothing in a chain. A hash may be a block's or a transaction's. */
export function searchTarget(text: string): { kind: "block" | "account" | "hash"; id: string } | null {
  const wanted = text.trim().replace(/^#/, "").replaceAll(",", "");
  if (/^\d{1,15}$/.test(wanted)) return { kind: "block", id: String(Number(wanted)) };
  const hex = /^[0-9a-f]{40}$|^[0-9a-f]{64}$/i.test(wanted) ? `0x${wanted}` : wanted;
  if (isAddress(hex)) return { kind: "account", id: hex };
  if (isHash(hex)) return { kind: "hash", id: hex.toLowerCase() };
  return /^0x[0-9a-f]{1,12}$/i.test(hex) ? { kind: "block", id: String(Number(hex)) } : null;
}

export function searchForm(chain: string, signal: AbortSignal): Element {
  const input = h("input", { type: "search", id: "find", placeholder: "Block number, hash, transaction or address", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const button = h("button", { class: "button" }, icon("arrow"), h("span", null, "Look up"));
  const outcome = h("div", { "data-testid": "search-outcome" });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy(button)) return;
    input.removeAttribute("aria-invalid");
    fill(outcome);
    const target = searchTarget(input.value);
    if (!target) return complain(outcome, input, "Nothing in a chain looks like that.", "Give a block's number, an address (0x and 40 digits), or the hash of a block or a transaction (0x and 64).");
    if (target.kind !== "hash") {
      location.hash = chainLink(chain, target.kind, target.id);
      return;
    }
    setBusy(button, true);
    try {
      const [transaction, block] = await Promise.all([rpc<Transaction | null>(chain, signal, "eth_getTransactionByHash", target.id), rpc<Block | null>(chain, signal, "eth_getBlockByHash", target.id, false)]);
      if (transaction || block) location.hash = chainLink(chain, transaction ? "tx" : "block", target.id);
      else complain(outcome, input, "Nothing here has that hash.", "It may be of another chain, or of a transaction that nobody has told this node yet.");
    } catch (error) {
      if (!signal.aborted) fill(outcome, errorBox(explain(error, "chain")));
    } finally {
      setBusy(button, false);
    }
  };
  return h(
    "section",
    { class: "find", role: "search" },
    h("form", { class: "inline-form", novalidate: true, onsubmit: submit }, h("div", { class: "search" }, icon("search"), h("label", { for: "find", class: "visually-hidden" }, "Look something up in this chain"), input), button),
    outcome,
  );
}

// A block.

/** `id`: a number in decimal, or a hash. */
export function blockView(chain: string, id: string, signal: AbortSignal): Element {
  const byHash = isHash(id);
  const number = /^\d{1,15}$/.test(id) ? `0x${Number(id).toString(16)}` : null;
  let shown = "";
  return view(chain, byHash ? "Block" : `Block ${format.cut(id, 20)}`, byHash ? "Block" : `Block ${format.cut(id, 20)}`, byHash ? id : "", signal, async (card) => {
    if (!byHash && number === null) throw new Error("a block has a number or a hash");
    // Another block may take a number's place; to see that, its header is enough.
    if (shown && (await rpc<{ hash: string } | null>(chain, signal, "eth_getHeaderByNumber", number))?.hash === shown) return false;
    const block = await rpc<Block | null>(chain, signal, byHash ? "eth_getBlockByHash" : "eth_getBlockByNumber", byHash ? id : number, true);
    if (!block) {
      fill(card, h("p", { class: "empty" }, "There is no such block here yet."));
      return false;
    }
    if (block.hash !== shown) fill(card, blockFacts(chain, block), transactionList(chain, whole(block.transactions)));
    shown = block.hash;
    return byHash;
  });
}

function blockFacts(chain: string, block: Block): Element {
  const number = Number(quantity(block.number));
  const time = Number(quantity(block.timestamp));
  const limit = quantity(block.gasLimit);
  const used = quantity(block.gasUsed);
  const neighbours = [number > 0 && h("a", { href: chainLink(chain, "block", block.parentHash) }, "the one before"), h("a", { href: chainLink(chain, "block", number + 1) }, "the next")];
  const facts: Facts = [
    ["Number", [number.toLocaleString("en"), " ", h("span", { class: "beside" }, neighbours.filter((one) => one !== false))]],
    ["Hash", h("code", null, block.hash)],
    ["Time", `${format.moment(time)}, ${format.age(time)}`],
    ["Author", accountLink(chain, block.miner)],
    ["Gas", `${used.toLocaleString("en")} of ${limit.toLocaleString("en")} used`],
  ];
  if (block.baseFeePerGas) facts.push(["Base fee", gweiText(quantity(block.baseFeePerGas))]);
  if (quantity(block.difficulty) > 0n) facts.push(["Difficulty", quantity(block.difficulty).toLocaleString("en")]);
  facts.push(["Size", format.bytes(Number(quantity(block.size)))]);
  if (byteCount(block.extraData) > 0) facts.push(["Extra data", h("code", null, format.cut(block.extraData, 70))]);
  return factList(facts, "block-facts");
}

function transactionList(chain: string, transactions: Transaction[]): Element {
  if (transactions.length === 0) return h("p", { class: "empty" }, "No transactions.");
  return growingList("transactions", transactions.map((transaction) => () => transactionRow(chain, transaction)));
}

/** A list that shows its first rows, and more when asked to. */
function growingList(testId: string, rows: (() => Element)[]): Element {
  const list = h("ul", { class: "list", "data-testid": testId });
  let limit = rowsAtFirst;
  const draw = () => {
    list.append(...rows.slice(list.childElementCount, limit).map((make) => make()));
    more.hidden = rows.length <= limit;
    more.textContent = `Show ${Math.min(rowsMore, rows.length - limit)} more`;
  };
  const more = moreButton(list, () => {
    limit += rowsMore;
    draw();
  });
  draw();
  return h("div", { class: "stack" }, list, more);
}

function transactionRow(chain: string, one: Transaction, note = ""): Element {
  return h(
    "li",
    { class: "transfer", "data-tx": one.hash },
    hashLink(chain, "tx", one.hash),
    h("span", null, accountLink(chain, one.from), h("span", { class: "quiet" }, " → "), one.to ? accountLink(chain, one.to) : h("span", { class: "tag" }, "makes a contract")),
    h("span", { class: "amount-shown" }, ether(one.value), note !== "" && h("span", { class: "quiet small" }, ` ${note}`)),
  );
}

// A transaction.

export function transactionView(chain: string, hash: string, signal: AbortSignal): Element {
  let shown = "";
  return view(chain, "Transaction", "Transaction", format.cut(hash, 100), signal, async (card) => {
    if (!isHash(hash)) throw new Error("a transaction has a hash of 64 digits");
    const receipt = await rpc<Receipt | null>(chain, signal, "eth_getTransactionReceipt", hash);
    // It may move to another block; until then there is nothing new.
    const now = JSON.stringify(receipt);
    if (receipt && now === shown) return false;
    const transaction = await rpc<Transaction | null>(chain, signal, "eth_getTransactionByHash", hash);
    const before = shown;
    shown = receipt ? now : transaction ? "waiting" : "unknown";
    if (shown === before) return false;
    if (transaction) fill(card, transactionFacts(chain, transaction, receipt), logList(chain, receipt?.logs ?? []));
    else fill(card, h("p", { class: "empty" }, "This node knows no such transaction. It may not have been told yet."));
    return false;
  });
}

function statusTag(transaction: Transaction, receipt: Receipt | null): Element {
  if (transaction.blockNumber === null || !receipt) return h("span", { class: "tag reach-relay", "data-testid": "tx-status" }, "waiting");
  const failed = receipt.status !== undefined && quantity(receipt.status) === 0n;
  return h("span", { class: failed ? "tag bad" : "tag reach-internet", "data-testid": "tx-status" }, failed ? "failed: it changed nothing, and its fee is paid" : "done");
}

function transactionFacts(chain: string, transaction: Transaction, receipt: Receipt | null): Element {
  const facts: Facts = [["Status", statusTag(transaction, receipt)]];
  if (transaction.blockNumber !== null) {
    const number = Number(quantity(transaction.blockNumber));
    facts.push(["Block", h("a", { href: chainLink(chain, "block", number) }, number.toLocaleString("en"))]);
  }
  facts.push(["From", accountLink(chain, transaction.from)]);
  if (transaction.to) facts.push(["To", accountLink(chain, transaction.to)]);
  else facts.push(["Makes", receipt?.contractAddress ? accountLink(chain, receipt.contractAddress) : "a contract"]);
  facts.push(["Amount", `${etherText(quantity(transaction.value))} ether`]);
  if (receipt) {
    const fee = quantity(receipt.gasUsed) * quantity(receipt.effectiveGasPrice);
    facts.push(["Fee", `${etherText(fee)} ether: ${quantity(receipt.gasUsed).toLocaleString("en")} gas at ${gweiText(quantity(receipt.effectiveGasPrice))}`]);
  } else {
    facts.push(["Gas", `${quantity(transaction.gas).toLocaleString("en")} at most`]);
  }
  facts.push(["Nonce", quantity(transaction.nonce).toLocaleString("en")], ["Type", quantity(transaction.type).toString()], ["Input", dataBox(transaction.input, "Copy the input")]);
  return factList(facts, "tx-facts");
}

function logList(chain: string, logs: Log[]): Element | null {
  if (logs.length === 0) return null;
  const row = (log: Log) =>
    h(
      "li",
      { class: "log" },
      h("div", null, h("span", { class: "quiet" }, "by "), accountLink(chain, log.address)),
      (log.topics ?? []).slice(0, topicsShown).map((topic) => h("code", { class: "breakable" }, format.cut(topic, 66))),
      dataBox(log.data, "Copy the data"),
    );
  return h("div", { class: "stack" }, h("h2", null, format.count(logs.length, "log")), growingList("logs", logs.map((log) => () => row(log))));
}

// An account.

export function accountView(chain: string, address: string, signal: AbortSignal): Element {
  const history = historyOf(chain, address);
  const reach = h("p", { class: "quiet small", "data-testid": "history-reach" });
  const list = h("div");
  const card = h("section", { class: "card", "aria-label": "Latest transactions" }, h("h2", null, "Latest transactions"), reach, list);
  let shown = "";
  let listed: readonly Found[] | null = null;
  const drawHistory = () => {
    reach.textContent = history.reach && `In ${history.reach}.`;
    const same = listed && listed.length === history.transactions.length && listed.every((one, index) => one.transaction.hash === history.transactions[index]?.transaction.hash);
    if (same) return;
    listed = history.transactions;
    fill(list, listed.length === 0 ? h("p", { class: "empty" }, "None there.") : growingList("history", listed.map(({ transaction, time }) => () => transactionRow(chain, transaction, format.age(time)))));
  };
  const load = async (facts: Element) => {
    if (!isAddress(address)) throw new Error("an account has an address of 40 digits");
    const status = await ask<ChainStatus>("chain/status", { arg: chain }, signal);
    const at = (method: string) => rpc<string>(chain, signal, method, address, "latest");
    const [balance, nonce, code] = await Promise.all([at("eth_getBalance"), at("eth_getTransactionCount"), at("eth_getCode")]);
    const size = byteCount(code);
    const now = JSON.stringify([balance, nonce, size]);
    if (now !== shown) {
      shown = now;
      fill(
        facts,
        factList(
          [
            ["Balance", `${etherText(quantity(balance))} ether`],
            ["Sent", format.count(Number(quantity(nonce)), "transaction")],
            ["Code", size === 0 ? "none: somebody with a key" : `${format.count(size, "byte")}: a contract`],
          ],
          "account-facts",
        ),
      );
    }
    await history.follow(status.Head, signal, drawHistory);
    return false;
  };
  return view(chain, "Account", "Account", format.cut(address, 100), signal, load, card, ...(isAddress(address) ? [sendCard(chain, address, signal)] : []));
}
