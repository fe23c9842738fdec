// Failures for people: what happened, and what to try. The node's own words stay at hand.
import { RpcError, UnreachableError, isTimeout, wantsSecret } from "./api";
import { fill, h, icon } from "./dom";

export interface Explanation {
  what: string;
  tryThis: string;
  /** What the node said, or the browser, word for word. */
  said?: string;
  speaker?: "node" | "browser";
}

type Rule = [RegExp, string, string];

const connectRules: Rule[] = [
  [/dial to self|self attempted|this node itself/i, "That's this node's own address.", "Ask the other person for theirs: it's on the Me page of their node."],
  // Of several addresses tried, this answer says the most.
  [/peer ?id (mis|doesn|does not)|mismatch|another peer answered/i, "Another node answers at that address.", "The address is out of date. Ask for a fresh one, with the peer id at its end."],
  [/connection refused/i, "Nothing answers at that address.", "Is the other node running? Its port may have changed when it was started again: ask for a fresh address."],
  [/no route|unreachable/i, "There is no way to that address from here.", "An address such as 192.168… or 10… works only within its own network. Ask for one that the internet can reach."],
  [/timeout|timed out|deadline/i, "No answer came in time.", "The other node may be off, or a firewall or router stands before it. Ask them to connect to you instead."],
  [/no (good )?addresses|not find|routing|no known address/i, "This node doesn't know where that peer is.", "Paste a whole address, such as /ip4/…/tcp/…/p2p/…, instead of the peer id alone."],
  [/gater|gated|denied|forbidden|blocked/i, "This node's settings don't allow that connection.", "Look at the address filters in the node's configuration."],
  [/limit|resource|too many/i, "This node has all the connections that it may have.", "Disconnect somebody, or allow more in the node's configuration."],
  [/parse|invalid|multiaddr|must (begin|start)|unknown protocol|not a valid|no value for/i, "That isn't an address that nodes understand.", "It looks like /ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…, with nothing left out."],
  [/backoff/i, "This node has just tried that and failed, and waits a little before it tries again.", "Try once more in half a minute."],
  [/no transport|transport/i, "This node can't speak that kind of connection.", "Ask for another of their addresses, best one with /tcp/."],
];

const contentRules: Rule[] = [
  [/^more than \d+ files|^too large for a browser/i, "That is more than a page can carry.", "Use the command line for it: kith add -r FOLDER, kith get CID."],
  [/NotFoundError|NotReadable|could not be read|permission/i, "The browser couldn't read that.", "It may have been moved or changed meanwhile, or its permissions don't allow it."],
  [/no link named|no such (link|entry)/i, "There is nothing of that name in this folder.", "Go back to the folder and pick from its list."],
  [/is a directory/i, "That is a folder, not a file.", "Open it instead."],
  [/not found|could not find|offline/i, "Nobody that this node knows has this now.", "Connect to a peer that has it, on the Peers page, and try again."],
  [/invalid path|invalid cid|selected encoding|cid|parse|multihash/i, "That isn't a CID.", "A CID looks like bafy… or Qm…. Copy the whole of it."],
  [/no space|disk|quota|storage/i, "The node's disk is full, or its share of it is.", "Free some space, or raise Datastore.StorageMax in the node's configuration."],
  [/broke off|ended early|unexpected (end|EOF)/i, "The answer stopped before its end.", "Try again; what has arrived is kept and isn't fetched a second time."],
  [/timeout|timed out|deadline/i, "It took too long.", "Connect to a peer that has it, and try again."],
];

const chainRules: Rule[] = [
  [/already|exists|is taken/i, "There is a chain of that name, or that very chain, here already.", "Choose another name, or open the one that is here."],
  [/nobody has sent the genesis/i, "Nobody who has this chain could be reached.", "Ask whoever invited you whether their node is running, and for a fresh invitation."],
  [/the genesis differs/i, "The invitation and the chain it leads to don't match.", "Don't use it. Ask whoever invited you for another one."],
  [/invitation|isn't an address that ends in \/p2p/i, "That isn't a whole invitation.", "It begins with kith://chain/0x… Copy all of it, to the end."],
  [/there is no chain/i, "There is no chain of that name here.", "Go back to the list of chains."],
  [/can't be opened/i, "The node can't open this chain.", "Its own words say why."],
  [/missing trie node|state.*(not|isn't) (available|here|kept)|pruned/i, "The node doesn't keep what it was so long ago.", "A node that joins with --archive keeps the states of all blocks."],
];

export function explain(error: unknown, topic: "connect" | "content" | "chain" | "node"): Explanation {
  if (error instanceof UnreachableError) {
    return { what: "The node doesn't answer.", tryThis: "Is it still running? Start it again with: kith daemon" };
  }
  if (isTimeout(error)) return { what: "The node takes long to answer.", tryThis: "It may be busy. Try again in a little while." };
  const said = error instanceof Error ? error.message : String(error);
  const speaker = error instanceof RpcError ? "node" : "browser";
  if (wantsSecret(error)) {
    return { what: "The node does this only for who knows a secret.", tryThis: "Enter it at the top of this page.", said };
  }
  if (error instanceof RpcError && error.status === 403) {
    return { what: "The node doesn't let this page in.", tryThis: "Open the page under the very address that the node printed when it started.", said };
  }
  if (error instanceof RpcError && (error.status === 404 || error.status === 405)) {
    return { what: `This node has no “${error.command.replaceAll("/", " ")}”.`, tryThis: "It may be an older version: kith version tells.", said };
  }
  const rules = { connect: connectRules, content: contentRules, chain: chainRules, node: [] }[topic];
  for (const [pattern, what, tryThis] of rules) if (pattern.test(said)) return { what, tryThis, said, speaker };
  return { what: "That didn't work.", tryThis: `Try again. If it stays so, the ${speaker}'s own words below${speaker === "node" ? " and its log" : ""} say more.`, said, speaker };
}

/** Shows a failure in `parent`. One that is there already stays, so that who listens to the page hears it once. */
export function showError(parent: Element, explanation: Explanation): void {
  const box = errorBox(explanation);
  if (parent.firstElementChild?.getAttribute("role") === "alert" && parent.textContent === box.textContent) return;
  fill(parent, box);
}

export function errorBox(explanation: Explanation, again?: () => void): HTMLElement {
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    icon("warn"),
    h(
      "div",
      { class: "notice-text" },
      h("strong", null, explanation.what),
      h("p", null, explanation.tryThis),
      explanation.said && h("details", null, h("summary", null, `What the ${explanation.speaker ?? "node"} said`), h("code", { class: "said" }, explanation.said)),
      again && h("button", { type: "button", class: "button small", onclick: again }, "Try again"),
    ),
  );
}
