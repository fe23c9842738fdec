// The page's chains in Chromium: with a fake of a node's ledger, and then with two nodes. Started by run.py.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, pageUrl, peerRpc, rpc } from "./browser.mjs";
import { FakeLedger, alice, bob, nobody, transaction } from "./ledger.fake.mjs";

let browser;
let page;

before(async () => {
  browser = await Browser.start();
  page = browser.page;
});

after(() => browser?.close());

const fact = (name) => page.locator(`[data-fact="${name}"]`).first();
const blockRow = (number) => page.locator(`[data-testid=blocks] [data-block="${number}"]`);

/** The value of a list of pairs that stands behind `name`. */
function pair(list, name) {
  return page.getByTestId(list).locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("xpath=following-sibling::dd[1]");
}

test("Chains lists each with how far it is, and says which can't be opened", async (test) => {
  const ledger = new FakeLedger(1235);
  ledger.more = { SyncingTo: { Number: 5000, Hash: ledger.head.hash }, Mining: { Coinbase: alice, HashesPerSecond: 2_345_678, Blocks: 4 } };
  const hostile = "<img src=x onerror=\"document.title='pwned'\">";
  ledger.others = [{ Name: "club", Error: `its files are damaged ${hostile}` }];
  await ledger.serve(page, test);
  await browser.visit("#/chains");
  await page.getByTestId("chain-count").getByText("This node takes part in 2 chains.").waitFor();
  const town = page.locator("[data-chain=town]");
  for (const text of ["proof of work", "chain id 1204332781", "1,234", "3 transactions", "2.3 MH/s", "Fetching: block 1,234 of 5,000"]) await town.getByText(text, { exact: true }).waitFor();
  assert.equal(await town.locator("progress").evaluate((bar) => bar.value / bar.max), 1234 / 5000);
  await page.locator("[data-chain=club]").getByText(hostile).waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  ledger.more = {};
  await town.getByText("not here").waitFor();
  assert.equal(await town.getByText("Fetching").isVisible(), false);
});

test("Chains is asked of the node only while it is looked at", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.visit("#/chains");
  await page.locator("[data-chain=town]").waitFor();
  await page.getByRole("link", { name: "Me", exact: true }).click();
  await page.getByTestId("peer-id").waitFor();
  const calls = ledger.calls.length;
  await page.waitForTimeout(4000);
  assert.ok(ledger.calls.length <= calls + 1, "one may have been on its way");
});

test("A chain is begun with what the form says", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.visit("#/chains");
  const begin = page.getByTestId("begin");
  const button = begin.getByRole("button", { name: "Begin" });
  await button.click();
  await begin.getByText("A chain needs a name.").waitFor();
  await begin.getByLabel("Name", { exact: true }).fill("town");
  await begin.getByLabel("Account 1", { exact: true }).fill(alice);
  await begin.getByLabel("Ether of account 1").fill("1e3");
  await button.click();
  await begin.getByText("That isn't an amount of ether.").waitFor();
  await begin.getByLabel("Ether of account 1").fill("1000.000000000000000001");
  await begin.getByRole("button", { name: "One more account" }).click();
  await begin.getByLabel("Account 2", { exact: true }).fill(bob);
  await begin.getByLabel("Ether of account 2").fill("5");
  await begin.getByRole("button", { name: "Validators" }).click();
  await button.click();
  await begin.getByText("Validators need an account each.").waitFor();
  await begin.getByLabel("This node's account").fill(bob);
  await begin.getByText("More choices").click();
  await begin.getByLabel("Seconds from block to block").fill("3");
  await button.click();
  await page.getByRole("heading", { name: "town", level: 1 }).waitFor();
  const [, query] = ledger.calls.find(([command]) => command === "chain/new");
  assert.equal(query.get("arg"), "town");
  assert.equal(query.get("consensus"), "bft");
  assert.equal(query.get("coinbase"), bob);
  assert.equal(query.get("block-time"), "3");
  assert.deepEqual(query.getAll("alloc"), [`${alice}=1000.000000000000000001`, `${bob}=5`]);
  assert.equal(query.has("difficulty"), false);
});

test("An invitation is found in what was pasted, and one is shown to copy", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(pageUrl).origin });
  await browser.visit("#/chains");
  const join = page.getByTestId("join");
  await join.getByLabel("Invitation").fill("bafybeinothing");
  await join.getByRole("button", { name: "Join" }).click();
  await join.getByText("That isn't an invitation.").waitFor();
  const invitation = `kith://chain/${ledger.head.hash}?genesis=bafkreigenesis&name=town&peer=%2Fip4%2F127.0.0.1`;
  await join.getByLabel("Invitation").fill(`  kith chain join '${invitation}'`);
  await join.getByRole("button", { name: "Join" }).click();
  await page.getByRole("heading", { name: "town", level: 1 }).waitFor();
  assert.equal(ledger.calls.find(([command]) => command === "chain/join")[1].get("arg"), invitation);
  await page.getByRole("button", { name: "Show an invitation" }).click();
  const own = await page.getByTestId("invitation").textContent();
  assert.match(own, /^kith:\/\/chain\/0x/);
  await page.getByRole("button", { name: "Copy the invitation" }).click();
  await page.locator(".did").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), own);
});

test("Blocks come as they are found, and those of a branch that was left go", async (test) => {
  const ledger = new FakeLedger(40);
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  await blockRow(39).waitFor();
  await blockRow(25).waitFor();
  assert.equal(await page.getByTestId("blocks").locator("li").count(), 15);
  const asked = () => ledger.calls.filter(([, query]) => query.get("arg") === "eth_getBlockByHash").length;
  const before = asked();
  ledger.grow([transaction()]);
  await blockRow(40).getByText("1 transaction", { exact: true }).waitFor();
  assert.equal(asked(), before + 1, "what is known isn't asked for again");
  const old = await blockRow(40).getByRole("link").first().getAttribute("href");
  ledger.leave(2);
  ledger.grow();
  ledger.grow();
  ledger.grow();
  await blockRow(41).waitFor();
  assert.equal(await page.locator(`[data-testid=blocks] a[href="${old}"]`).count(), 0);
  assert.equal(await page.getByTestId("blocks").locator("li").count(), 15);
  const numbers = await page.getByTestId("blocks").locator("li").evaluateAll((rows) => rows.map((row) => Number(row.dataset.block)));
  assert.deepEqual(numbers, Array.from({ length: 15 }, (_, index) => 41 - index));
});

test("Mining is begun for an account and stopped", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  const words = page.getByTestId("mining");
  await words.getByText("This node doesn't mine.").waitFor();
  await page.getByLabel("Account that gets what is mined").fill(alice.slice(0, 20));
  await page.getByRole("button", { name: "Mine", exact: true }).click();
  await page.getByText("Mining needs an account.").waitFor();
  await page.getByLabel("Account that gets what is mined").fill(alice);
  await page.getByLabel("On so many threads").fill("1");
  await page.getByRole("button", { name: "Mine", exact: true }).click();
  await words.getByText("950 H/s, 1 block found so far.").waitFor();
  const [, query] = ledger.calls.find(([command]) => command === "mine");
  assert.deepEqual([query.get("arg"), query.get("coinbase"), query.get("threads")], ["town", alice, "1"]);
  await page.getByRole("button", { name: "Stop mining" }).click();
  await words.getByText("This node doesn't mine.").waitFor();
  assert.equal(ledger.calls.findLast(([command]) => command === "mine")[1].get("stop"), "true");
});

test("Validators are told with who leads, who was heard, and why this node doesn't vote", async (test) => {
  const me = await (await rpc("id")).json();
  const leader = "12D3KooWREQGVTFhgjxJUnZ8sRRPpUGrUfHzmg2NpqDd4qnx1vnq";
  const silent = "12D3KooWEgUrg5DcJWF8P1uCkWnHoqPU8oJeQpmGzGCZVGwKUmgr";
  const ledger = new FakeLedger();
  const validation = {
    Running: true, Epoch: 3, View: 71, Leader: leader, Votes: false, WhyNot: "<b>its key</b> is another one", Trouble: "", Rests: false,
    Validators: [{ Peer: leader, Stake: 1_000_000, Heard: 70 }, { Peer: silent, Stake: 2_500, Heard: 0 }, { Peer: me.ID, Stake: 500, Heard: 0 }],
  };
  ledger.more = { Consensus: "bft", Validation: validation };
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  await page.getByTestId("voting").getByText("This node doesn't vote: <b>its key</b> is another one.").waitFor();
  const row = (peer) => page.locator(`[data-validator="${peer}"]`);
  for (const text of ["leads", "heard in view 70", "stake 1,000"]) await row(leader).getByText(text, { exact: true }).waitFor();
  for (const text of ["not heard yet", "stake 2.5"]) await row(silent).getByText(text, { exact: true }).waitFor();
  await row(me.ID).getByText("this node", { exact: true }).waitFor();
  await page.getByText("Epoch 3, view 71: 1 of 3 validators heard.").waitFor();
  assert.equal(await page.getByTestId("mining").count(), 0);
  ledger.more = { Consensus: "bft", Validation: { ...validation, Votes: true, WhyNot: "", Trouble: "the disk is full" } };
  await page.getByTestId("voting").getByText("This node votes.", { exact: true }).waitFor();
  await page.getByText("the disk is full").waitFor();
});

test("A block, its transactions, one of them and its accounts are looked up", async (test) => {
  const ledger = new FakeLedger(200);
  // More than a floating-point number keeps apart.
  const whole = transaction({ value: "0x" + (123456789012345678901234567891n).toString(16), input: `0xa9059cbb${"ab".repeat(40_000)}` });
  const failing = transaction({ to: null });
  const block = ledger.grow([whole, failing], { extraData: "0x3c736372697074" });
  ledger.receipts.set(whole.hash, { status: "0x1", gasUsed: "0xc350", effectiveGasPrice: "0x77359401", contractAddress: null, logs: [{ address: bob, topics: [`0x${"11".repeat(32)}`], data: "0x01" }] });
  ledger.receipts.set(failing.hash, { status: "0x0", gasUsed: "0x5208", effectiveGasPrice: "0x1", contractAddress: bob, logs: [] });
  ledger.codes.set(bob, "0x6001600255");
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  await blockRow(200).getByRole("link").first().click();
  await page.getByRole("heading", { name: "Block", level: 1 }).waitFor();
  await pair("block-facts", "Number").getByText("200").waitFor();
  await pair("block-facts", "Extra data").getByText("0x3c736372697074").waitFor();
  await page.locator(`[data-tx="${failing.hash}"]`).getByText("makes a contract").waitFor();

  await page.locator(`[data-tx="${whole.hash}"] a`).first().click();
  await page.getByTestId("tx-status").getByText("done", { exact: true }).waitFor();
  assert.equal(await pair("tx-facts", "Amount").textContent(), "123,456,789,012.345678901234567891 ether");
  assert.equal(await pair("tx-facts", "Fee").textContent(), "0.00010000000005 ether: 50,000 gas at 2.000000001 gwei");
  assert.ok((await pair("tx-facts", "Input").textContent()).length < 2000, "long things are cut");
  await page.getByText("40,004 bytes").waitFor();
  assert.equal(await page.getByTestId("logs").locator("li").count(), 1);

  await pair("tx-facts", "To").getByRole("link").click();
  await pair("account-facts", "Code").getByText("5 bytes: a contract").waitFor();
  await page.getByTestId("history").locator(`[data-tx="${whole.hash}"]`).waitFor();
  await page.getByTestId("history-reach").getByText("In blocks 73 to 200.").waitFor();
  const later = transaction({ from: bob, to: alice });
  ledger.grow([later]);
  await page.getByTestId("history").locator(`[data-tx="${later.hash}"]`).waitFor();

  await browser.visit(`#/chains/town/tx/${failing.hash}`);
  await page.getByTestId("tx-status").getByText("failed").waitFor();
  await browser.visit(`#/chains/town/account/${alice}`);
  assert.equal(await pair("account-facts", "Balance").textContent(), "123,456,789,012.34567890123456789 ether");
  assert.equal(block.number, "0xc8");
});

test("The search finds blocks, transactions and accounts, and says what it can't", async (test) => {
  const ledger = new FakeLedger(12);
  const one = transaction();
  ledger.grow([one]);
  await ledger.serve(page, test);
  const look = async (text) => {
    await page.getByLabel("Look something up in this chain").fill(text);
    await page.getByRole("button", { name: "Look up" }).click();
  };
  const heading = (name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
  await browser.visit("#/chains/town");
  await look("7");
  await heading("Block 7");
  await look("0xb");
  await heading("Block 11");
  await look(one.hash);
  await heading("Transaction");
  await look(ledger.blocks[5].hash.toUpperCase().replace("0X", "0x"));
  await heading("Block");
  await pair("block-facts", "Number").getByText("5").waitFor();
  await look(alice);
  await heading("Account");
  await look(`0x${"9".repeat(64)}`);
  await page.getByText("Nothing here has that hash.").waitFor();
  await look("<script>");
  await page.getByText("Nothing in a chain looks like that.").waitFor();
  await look("4000");
  await page.getByText("There is no such block here yet.").waitFor();
});

test("Without a wallet the command is there to copy", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.visit(`#/chains/town/account/${bob}`);
  const command = page.getByTestId("send-command");
  await command.getByText(`kith wallet send ${bob} AMOUNT --chain town`).waitFor();
  await page.getByLabel("Amount in ether").fill("0.000000000000000001");
  await command.getByText(`kith wallet send ${bob} 0.000000000000000001 --chain town`).waitFor();
  // Nothing else gets into a command that somebody will run.
  await page.getByLabel("To", { exact: true }).fill(`${bob}; reboot`);
  await page.getByLabel("Amount in ether").fill("1 $(reboot)");
  await command.getByText("kith wallet send TO AMOUNT --chain town", { exact: true }).waitFor();
});

/** A wallet in the browser that announces itself; it knows one chain, and writes down what it is asked. */
function wallet() {
  window.asked = [];
  let chain = "0x1";
  const known = new Set(["0x1"]);
  const provider = {
    async request({ method, params }) {
      window.asked.push([method, params?.[0]]);
      if (window.refusing === method) throw { code: 4001, message: "User rejected the request." };
      if (method === "eth_requestAccounts") return ["0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"];
      if (method === "eth_chainId") return chain;
      if (method === "wallet_addEthereumChain") return known.add(params[0].chainId), null;
      if (method === "wallet_switchEthereumChain") {
        if (!known.has(params[0].chainId)) throw { code: 4902, message: "Unrecognized chain ID" };
        chain = params[0].chainId;
        return null;
      }
      if (method === "eth_sendTransaction") return window.sent;
      throw { code: 4200, message: "not supported" };
    },
  };
  const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: { info: { name: "<i>Fox</i>" }, provider } }));
  window.addEventListener("eip6963:requestProvider", announce);
}

test("A wallet is told of the chain, and sends what the form says", async (test) => {
  const ledger = new FakeLedger();
  const sent = transaction();
  ledger.grow([sent]);
  await ledger.serve(page, test);
  const config = (url) => url.pathname === "/api/v0/config" && url.searchParams.get("arg") === "Addresses.Chain";
  const tells = (route) => route.fulfill({ json: { Key: "Addresses.Chain", Value: "/ip4/127.0.0.1/tcp/18545" } });
  await page.route(config, tells);
  test.after(() => page.unroute(config, tells));
  await browser.visit(`#/chains/town`);
  await page.evaluate(wallet);
  await page.evaluate((hash) => (window.sent = hash), sent.hash);
  await page.evaluate((place) => (location.hash = place), `#/chains/town/account/${alice}`);
  const button = page.getByRole("button", { name: "Send with <i>Fox</i>" });
  await button.waitFor();
  await page.getByLabel("Amount in ether").fill("1.000000000000000001");
  await page.evaluate(() => (window.refusing = "eth_sendTransaction"));
  await button.click();
  await page.getByText("You refused it in the wallet.").waitFor();
  await page.evaluate(() => (window.asked = [])).then(() => page.evaluate(() => (window.refusing = "")));
  await button.click();
  await page.getByText("Sent.", { exact: true }).waitFor();
  const asked = Object.fromEntries(await page.evaluate(() => window.asked));
  assert.deepEqual(asked.eth_sendTransaction, { from: bob, to: alice, value: "0xde0b6b3a7640001", chainId: "0x47c8a8ed" });
  await page.getByRole("link", { name: "See how it goes" }).click();
  await page.getByRole("heading", { name: "Transaction", level: 1 }).waitFor();

  // One that doesn't know the chain learns where it is.
  await browser.visit("#/chains/town");
  await page.evaluate(wallet);
  await page.evaluate((hash) => (window.sent = hash), sent.hash);
  await page.evaluate((place) => (location.hash = place), `#/chains/town/account/${nobody}`);
  await page.getByLabel("Amount in ether").fill("2");
  await button.click();
  await page.getByText("Sent.", { exact: true }).waitFor();
  const again = Object.fromEntries(await page.evaluate(() => window.asked));
  assert.equal(again.wallet_addEthereumChain.chainId, "0x47c8a8ed");
  assert.deepEqual(again.wallet_addEthereumChain.rpcUrls, ["http://127.0.0.1:18545/town"]);
});

test("A node that is slow with one thing leaves the page usable", async (test) => {
  const ledger = new FakeLedger();
  ledger.hanging = "eth_getBlockByHash";
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  await fact("Block").getByText("2", { exact: true }).waitFor();
  await page.getByTestId("mining").getByText("This node doesn't mine.").waitFor();
  await page.getByLabel("Look something up in this chain").fill("1");
  await page.getByRole("button", { name: "Look up" }).click();
  await pair("block-facts", "Number").getByText("1").waitFor();
  await page.getByRole("link", { name: "Chains" }).first().click();
  await page.locator("[data-chain=town]").waitFor();
  assert.equal(await page.locator(".banner").isVisible(), false);
});

test("A node that doesn't answer is told, and what was known stays", async (test) => {
  const ledger = new FakeLedger();
  await ledger.serve(page, test);
  await browser.visit("#/chains/town");
  await blockRow(0).waitFor();
  await page.route("**/api/v0/**", (route) => route.abort());
  try {
    await page.getByTestId("chain-state").getByText("The node doesn't answer.").waitFor();
    await page.locator("[data-testid=chain-state].stale").waitFor();
    assert.equal(await page.getByTestId("blocks").locator("li").count(), 3);
  } finally {
    await page.unroute("**/api/v0/**");
  }
  ledger.grow();
  await blockRow(3).waitFor();
  assert.equal(await page.locator("[data-testid=chain-state].stale").count(), 0);
});

test("Chains can be used by the keyboard, and are no wider than a phone", async (test) => {
  const ledger = new FakeLedger(20);
  const one = transaction({ input: `0x${"00".repeat(500)}` });
  const block = ledger.grow([one]);
  ledger.others = [{ Name: "x".repeat(64), Error: "y".repeat(300) }];
  await ledger.serve(page, test);
  await page.setViewportSize({ width: 360, height: 740 });
  try {
    const places = { "#/chains": "[data-chain=town]", "#/chains/town": "[data-block='20']", [`#/chains/town/block/${block.hash}`]: "[data-tx]", [`#/chains/town/tx/${one.hash}`]: "[data-testid=tx-facts]", [`#/chains/town/account/${alice}`]: "[data-testid=history]" };
    for (const [place, sign] of Object.entries(places)) {
      await browser.visit(place);
      await page.locator(sign).first().waitFor();
      const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(inner <= outer, `${place} is ${inner} wide`);
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll("button, a[href], input:not([aria-hidden])")]
          .filter((element) => !(element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length))
          .map((element) => element.outerHTML),
      );
      assert.deepEqual(nameless, []);
    }
  } finally {
    await page.setViewportSize({ width: 1280, height: 860 });
  }
});

// Two nodes.

const hasChains = await rpc("chain/ls").then(() => true, () => false);
const withChains = { skip: !hasChains && "the node has no chains" };
const live = `town-${Date.now()}`;

test("Two nodes: a chain is begun, mined, looked into, and joined by the other one's page", withChains, async () => {
  await browser.visit("#/chains");
  const begin = page.getByTestId("begin");
  await begin.getByLabel("Name", { exact: true }).fill(live);
  await begin.getByLabel("Account 1", { exact: true }).fill(bob);
  await begin.getByLabel("Ether of account 1").fill("1000.5");
  await begin.getByText("More choices").click();
  await begin.getByLabel("Seconds from block to block").fill("2");
  await begin.getByLabel("Hashes that the first block takes").fill("1000");
  await begin.getByRole("button", { name: "Begin" }).click();
  await page.getByRole("heading", { name: live, level: 1 }).waitFor();
  await blockRow(0).waitFor();

  await page.getByLabel("Account that gets what is mined").fill(alice);
  await page.getByLabel("On so many threads").fill("1");
  await page.getByRole("button", { name: "Mine", exact: true }).click();
  await page.getByTestId("mining").getByText("H/s").waitFor();
  await blockRow(2).waitFor({ timeout: 120_000 });

  await page.getByRole("button", { name: "Show an invitation" }).click();
  const invitation = await page.getByTestId("invitation").textContent();

  await blockRow(1).getByRole("link").first().click();
  await pair("block-facts", "Number").getByText("1").waitFor();
  await pair("block-facts", "Author").getByRole("link").click();
  await pair("account-facts", "Balance").getByText(/^[1-9]\d* ether$/).waitFor();
  await page.getByLabel("Look something up in this chain").fill(bob);
  await page.getByRole("button", { name: "Look up" }).click();
  await pair("account-facts", "Balance").getByText("1,000.5 ether", { exact: true }).waitFor();

  await joinBySecondPage(invitation);
  await rpc("mine", { arg: live, stop: true });
});

/** By the second node's page, if it serves this one; else by its command. */
async function joinBySecondPage(invitation) {
  const [tried, served] = await Promise.all([pageUrl, peerRpc].map((base) => fetch(`${base}/`).then((reply) => reply.text(), () => "")));
  if (served !== tried) await rpc("chain/join", { arg: invitation }, { base: peerRpc });
  else {
    const tab = await browser.context.newPage();
    try {
      await tab.goto(`${peerRpc}/#/chains`);
      await tab.getByTestId("join").getByLabel("Invitation").fill(invitation);
      await tab.getByTestId("join").getByRole("button", { name: "Join" }).click();
      await tab.getByRole("heading", { name: live, level: 1 }).waitFor({ timeout: 60_000 });
      await tab.locator("[data-testid=blocks] [data-block='2']").waitFor({ timeout: 60_000 });
    } finally {
      await tab.close();
    }
  }
  await browser.visit(`#/chains/${live}`);
  await fact("Peers").getByText("1", { exact: true }).waitFor({ timeout: 60_000 });
  await page.getByText("Peers that hold this chain").click();
  await page.getByTestId("chain-peers").locator("li").first().waitFor();
}

test("The chains asked nobody but the node, and nothing broke the page's policy", () => {
  assert.deepEqual(browser.strangers, []);
  assert.deepEqual(browser.complaints, []);
});
