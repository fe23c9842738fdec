// Sending ether. The page has no keys: a wallet in the browser signs, or a command of kith's does.
import { addressHelp, complain, field } from "./chains";
import { copyButton, fill, h, icon, isBusy, setBusy } from "./dom";
import { errorBox, explain } from "./errors";
import { ask, chainLink, isAddress, spelledRight, type ChainStatus } from "./ledger";
import { findWallets, sendByWallet, walletTrouble, type Wallet } from "./wallets";
import { weiOf } from "./wei";

/** The command that sends as the form says; words in capitals stand for what isn't there yet. */
export function sendCommand(chain: string, to: string, amount: string): string {
  return `kith wallet send ${isAddress(to) ? to : "TO"} ${weiOf(amount) === null ? "AMOUNT" : amount.trim()} --chain ${chain}`;
}

/** `to` is "" where anybody may be meant. */
export function sendCard(chain: string, to: string, signal: AbortSignal): Element {
  const receiver = field("send-to", "To", "0x…", { class: "mono" });
  receiver.input.value = to;
  const amount = field("send-amount", "Amount in ether", "1.5", { inputmode: "decimal" });
  const outcome = h("div", { "data-testid": "send-outcome" });
  const buttons = h("div", { class: "row" });
  const command = h("code", { class: "breakable", "data-testid": "send-command" });
  const words = h("p", { class: "quiet small" }, "This page holds no keys, and there is no wallet in this browser. The command asks for your passphrase:");
  const current = () => sendCommand(chain, receiver.input.value.trim(), amount.input.value);
  const show = () => (command.textContent = current());
  for (const { input } of [receiver, amount]) input.addEventListener("input", show);
  show();

  const send = async (wallet: Wallet, button: HTMLButtonElement) => {
    if (isBusy(button)) return;
    for (const { input } of [receiver, amount]) input.removeAttribute("aria-invalid");
    const target = receiver.input.value.trim();
    if (!isAddress(target)) return complain(outcome, receiver.input, "That isn't an address.", addressHelp);
    const wei = weiOf(amount.input.value);
    if (wei === null) return complain(outcome, amount.input, "That isn't an amount of ether.", "It looks like 1.5, with 18 decimals at most.");
    setBusy(button, true);
    fill(outcome, h("p", { class: "working" }, "Look into your wallet: it asks whether you want this."));
    try {
      if (!(await spelledRight(chain, target, signal))) return complain(outcome, receiver.input, "There is a mistake in that address.", "Its capital and small letters don't fit its digits. Copy it again.");
      const id = (await ask<ChainStatus>("chain/status", { arg: chain }, signal)).ChainID;
      const hash = await sendByWallet(wallet, { name: chain, id }, target, wei);
      amount.input.value = "";
      show();
      const link = h("a", { href: chainLink(chain, "tx", hash) }, "See how it goes");
      fill(outcome, h("div", { class: "notice good", role: "status" }, icon("check"), h("div", { class: "notice-text" }, h("strong", null, "Sent."), h("p", null, link))));
    } catch (error) {
      if (!signal.aborted) fill(outcome, errorBox(walletTrouble(error) ?? explain(error, "chain")));
    } finally {
      setBusy(button, false);
    }
  };
  findWallets(signal, (wallet) => {
    words.textContent = "Or by the command line:";
    const button = h("button", { type: "button", class: "button primary", onclick: () => void send(wallet, button) }, icon("arrow"), h("span", null, `Send with ${wallet.name}`));
    buttons.append(button);
  });
  return h(
    "section",
    { class: "card", "aria-label": "Send", "data-testid": "send" },
    h("h2", null, "Send"),
    h("form", { class: "form", novalidate: true, onsubmit: (event: Event) => event.preventDefault() }, receiver.row, amount.row),
    buttons,
    outcome,
    words,
    h("div", { class: "row nowrap" }, command, copyButton(current, "Copy the command")),
  );
}
