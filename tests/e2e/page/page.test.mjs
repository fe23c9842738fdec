// The node's page in Chromium, against whatever node PAGE_URL leads to. run.py starts the nodes and sets the variables.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { deflateSync } from "node:zlib";
import { Browser, addBytes, catBytes, gateway, pageUrl, peerAddress, peerRpc, rpc } from "./browser.mjs";

const mebibyte = 1 << 20;
const peerId = peerAddress.slice(peerAddress.lastIndexOf("/p2p/") + 5);
let browser;
let page;
let tree;
let treeCid;

before(async () => {
  browser = await Browser.start();
  page = browser.page;
  tree = await makeTree(join(browser.folder, "holiday"));
});

after(() => browser?.close());

beforeEach(() => disconnect());

async function disconnect() {
  await rpc("swarm/disconnect", { arg: `/p2p/${peerId}` }).catch(() => undefined);
}

/** A folder as people have them: text, a picture, a folder inside, names with spaces, signs and letters of all kinds. */
async function makeTree(root) {
  const files = {
    "readme.txt": Buffer.from("Dear diary,\n<script>document.title = 'pwned'</script>\n"),
    "sun & sea #1 100%.txt": Buffer.from("sunny\n"),
    "photos/red.png": png(40, 30),
    "photos/größe ß.bin": randomBytes(700_000),
    "empty.txt": Buffer.alloc(0),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return { root, files };
}

/** A red picture of that size. */
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value >>> 0;
  });
  const crc = (bytes) => (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc(body), body.length + 4);
    return framed;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.from(Array.from({ length: width }, () => [220, 40, 40]).flat())]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/** The files of a tar as { name: bytes }. */
function readTar(tar) {
  const files = {};
  let longName = "";
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const field = (from, length) => tar.subarray(at + from, at + from + length).toString().replace(/\0.*$/s, "");
    const size = parseInt(field(124, 12).trim() || "0", 8);
    const type = field(156, 1);
    const body = tar.subarray(at + 512, at + 512 + size);
    const prefix = field(345, 155);
    if (type === "x") longName = /\d+ path=(.*)\n/.exec(body.toString())?.[1] ?? "";
    else if (type === "L") longName = body.toString().replace(/\0.*$/s, "");
    else {
      if (type === "0" || type === "") files[longName || (prefix ? `${prefix}/` : "") + field(0, 100)] = Buffer.from(body);
      longName = "";
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** The page as it is when it knows no gateway. */
async function withoutGateway(use) {
  await page.route("**/gateway.txt", (route) => route.fulfill({ status: 404, body: "no gateway\n" }));
  try {
    await use();
  } finally {
    await page.unroute("**/gateway.txt");
  }
}

/** What has the focus. */
function focused() {
  return page.evaluate(() => document.activeElement.tagName);
}

async function ended(name, state = "done") {
  const job = browser.job(name);
  await job.and(page.locator(`[data-state="${state}"]`)).waitFor();
  return job;
}

async function connectByThePage() {
  await browser.visit("#/peers");
  await page.getByLabel("Connect to somebody").fill(peerAddress);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("Connected to", { exact: false }).first().waitFor();
  await page.locator(`[data-peer="${peerId}"]`).waitFor();
}

test("Me shows the node's id, program and addresses", async () => {
  const me = await (await rpc("id")).json();
  await browser.visit("#/me");
  assert.equal(await page.getByTestId("peer-id").textContent(), me.ID);
  await page.getByText(me.AgentVersion, { exact: true }).waitFor();
  for (const address of me.Addresses) await page.getByText(address, { exact: true }).waitFor();
});

test("Me shows traffic and the store", async () => {
  await browser.visit("#/me");
  await page.waitForFunction(() => /B\/s$/.test(document.querySelector("[data-testid=rate-in]").textContent));
  await page.getByText("Blocks kept").waitFor();
});

test("Me copies an address", async () => {
  await browser.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(pageUrl).origin });
  const me = await (await rpc("id")).json();
  await browser.visit("#/me");
  await page.getByRole("button", { name: `Copy ${me.Addresses[0]}` }).click();
  await page.locator(".did").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), me.Addresses[0]);
});

test("Files adds a file by the input, and lists it after a reload", async () => {
  const content = randomBytes(3 * mebibyte + 17);
  await browser.visit("#/files");
  await page.getByTestId("file-input").setInputFiles({ name: "noise 1%.bin", mimeType: "application/octet-stream", buffer: content });
  await ended("noise 1%.bin");
  const entry = page.getByTestId("added").locator(".entry", { hasText: "noise 1%.bin" });
  const cid = await entry.getAttribute("data-cid");
  assert.deepEqual(await catBytes(cid), content);
  await browser.visit("#/files");
  await entry.waitFor();
});

test("Files adds a dropped file", async () => {
  await browser.visit("#/files");
  await browser.drop([join(tree.root, "readme.txt")], "[data-testid=drop]");
  await ended("readme.txt");
  const cid = await page.getByTestId("added").locator(".entry", { hasText: "readme.txt" }).getAttribute("data-cid");
  assert.deepEqual(await catBytes(cid), tree.files["readme.txt"]);
});

test("Files adds a dropped folder with all that is in it", async () => {
  await browser.visit("#/files");
  await browser.drop([tree.root], "[data-testid=drop]");
  await ended("holiday");
  treeCid = await page.getByTestId("added").locator(".entry", { hasText: "holiday" }).getAttribute("data-cid");
  for (const [name, content] of Object.entries(tree.files)) assert.deepEqual(await catBytes(`/ipfs/${treeCid}/${name}`), content, name);
});

test("Files adds a folder by the input, with the same CID", async () => {
  await browser.visit("#/files");
  await page.getByTestId("folder-input").setInputFiles(tree.root);
  await ended("holiday");
  assert.equal(await page.getByTestId("added").locator(".entry", { hasText: "holiday" }).first().getAttribute("data-cid"), treeCid);
});

test("Files puts several files into one folder if asked to", async () => {
  await browser.visit("#/files");
  await page.getByLabel("Put several files into one folder").check();
  await page.getByTestId("file-input").setInputFiles([
    { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
    { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("two") },
  ]);
  await ended("a.txt and 1 more");
  const cid = await page.getByTestId("added").locator(".entry", { hasText: "a.txt and 1 more" }).getAttribute("data-cid");
  assert.equal(String(await catBytes(`/ipfs/${cid}/b.txt`)), "two");
});

test("A folder is browsed with breadcrumbs, and a hostile text stays text", async () => {
  await browser.visit("#/files");
  await page.getByLabel("Open a CID").fill(`/ipfs/${treeCid}`);
  await page.getByRole("button", { name: "Open" }).click();
  const listing = page.getByTestId("listing");
  await listing.locator("[data-name=photos]").waitFor();
  await page.getByTestId("facts").getByText("4 entries").waitFor();
  const names = await listing.locator("li").evaluateAll((rows) => rows.map((row) => row.dataset.name));
  assert.deepEqual(names.sort(), ["empty.txt", "photos", "readme.txt", "sun & sea #1 100%.txt"]);
  assert.match(await listing.locator('[data-name="readme.txt"]').textContent(), new RegExp(`${tree.files["readme.txt"].length} B`));

  await listing.getByRole("link", { name: "sun & sea #1 100%.txt" }).click();
  await page.getByTestId("preview").getByText("sunny").waitFor();
  await page.goBack();
  await listing.getByRole("link", { name: "readme.txt" }).click();
  assert.equal(await page.getByTestId("preview").textContent(), String(tree.files["readme.txt"]));
  assert.notEqual(await page.title(), "pwned");

  await page.getByRole("navigation", { name: "Path" }).getByRole("link").nth(1).click();
  await listing.getByRole("link", { name: "photos" }).click();
  await listing.locator('[data-name="größe ß.bin"]').waitFor();
});

test("A picture is shown", async () => {
  await browser.visit(`#/files/${treeCid}/photos/red.png`);
  const picture = page.getByTestId("preview");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector("[data-testid=preview]").naturalWidth === 40);
  const source = await picture.getAttribute("src");
  assert.ok(gateway ? source.startsWith(gateway) : source.startsWith("blob:"), source);
});

test("A picture that can hold a script is never made a part of the page", async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const cid = await addBytes(Buffer.from(svg), pageUrl);
  const picture = await addBytes(tree.files["photos/red.png"], pageUrl);
  await withoutGateway(async () => {
    await browser.visit("#/me");
    await page.evaluate(() => {
      window.blobTypes = [];
      const real = URL.createObjectURL;
      URL.createObjectURL = (blob) => (window.blobTypes.push(blob.type), real.call(URL, blob));
    });
    const types = async (place, done) => {
      await page.evaluate((place) => (location.hash = place), place);
      await done();
      return page.evaluate(() => window.blobTypes.splice(0));
    };
    const told = () => page.getByText("A picture of this kind can hold a script").waitFor();
    const shown = () => page.waitForFunction(() => document.querySelector("[data-testid=preview]")?.naturalWidth === 40);
    assert.deepEqual(await types(`#/files/${cid}?name=evil.svg`, told), []);
    assert.deepEqual(await types(`#/files/${cid}?name=evil.SVG`, told), []);
    assert.deepEqual(await types(`#/files/${picture}?name=red.png`, shown), ["image/png"]);
    assert.deepEqual(await types(`#/files/${picture}?name=red`, shown), ["image/png"]);
    // Even under a picture's name it is no document that runs.
    assert.deepEqual(await types(`#/files/${cid}?name=evil.png`, () => page.getByText("The browser couldn't show this.").waitFor()), ["image/png"]);
    for (const name of ["evil.html", "evil.xml", "evil.pdf", "evil"]) {
      assert.deepEqual(await types(`#/files/${cid}?name=${name}`, () => page.getByRole("heading", { name, exact: true }).waitFor()), []);
    }
    await page.evaluate((cid) => (location.hash = `#/files/${cid}?name=evil.svg`), cid);
    await page.getByRole("heading", { name: "evil.svg" }).waitFor();
    const saved = await browser.download(page.getByRole("button", { name: "Download", exact: true }));
    assert.equal(saved.bytes.toString(), svg);
    assert.deepEqual(await page.evaluate(() => window.blobTypes), ["application/octet-stream"]);
  });
});

test("A download through a gateway that doesn't answer leaves the page as it is", async () => {
  await browser.visit("#/me");
  await page.evaluate(() => localStorage.setItem("kith.gateway", "http://127.0.0.1:9"));
  try {
    await browser.visit(`#/files/${treeCid}/readme.txt`);
    const place = page.url();
    const button = page.getByRole("button", { name: "Download", exact: true });
    const [tab] = await Promise.all([browser.context.waitForEvent("page"), button.click()]);
    await tab.close();
    assert.equal(page.url(), place);
    await button.waitFor();
  } finally {
    await page.evaluate(() => localStorage.removeItem("kith.gateway"));
  }
});

test("A link that is copied names no gateway of this computer, and can be opened", async () => {
  await browser.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(pageUrl).origin });
  await browser.visit(`#/files/${treeCid}`);
  const name = "sun & sea #1 100%.txt";
  const button = page.getByRole("button", { name: `Copy a link to ${name}` });
  const picture = await button.innerHTML();
  await button.click();
  await page.locator(".did").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, `ipfs://${treeCid}/${encodeURIComponent(name)}`);
  await page.locator(".did").waitFor({ state: "detached" });
  assert.equal(await button.innerHTML(), picture);
  await browser.visit("#/files");
  await page.getByLabel("Open a CID").fill(link);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByTestId("preview").getByText("sunny").waitFor();
});

test("A folder of which a part doesn't come is shown as far as it came", async () => {
  const lines = ["one.txt", "two.txt"].map((Name) => JSON.stringify({ Objects: [{ Hash: treeCid, Links: [{ Name, Hash: treeCid, Size: 1, Type: 2 }] }] }) + "\n");
  await browser.visit("#/me");
  await browser.standStill("ls", lines.join(""));
  await page.evaluate((cid) => (location.hash = `#/files/${cid}`), treeCid);
  const listing = page.getByTestId("listing");
  await listing.getByText("two.txt").waitFor();
  await page.getByText("Waiting for more of the folder…").waitFor();
  await page.getByTestId("facts").getByText("2 entries").waitFor();
  await page.getByRole("button", { name: "Stop looking" }).click();
  await page.getByText("Stopped looking.").waitFor();
  assert.equal(await listing.locator("li").count(), 2);
  assert.match(await page.getByTestId("facts").textContent(), /not all of it$/);
  assert.equal(await focused(), "H1");
});

test("A file is downloaded under its name", async () => {
  await browser.visit(`#/files/${treeCid}/photos/${encodeURIComponent("größe ß.bin")}`);
  const saved = await browser.download(page.getByRole("button", { name: "Download", exact: true }));
  assert.equal(saved.name, "größe ß.bin");
  assert.deepEqual(saved.bytes, tree.files["photos/größe ß.bin"]);
});

test("A folder is downloaded as a tar", async () => {
  await browser.visit(`#/files/${treeCid}?name=holiday`);
  const saved = await browser.download(page.getByRole("button", { name: "Download as tar" }));
  assert.equal(saved.name, "holiday.tar");
  const found = Object.fromEntries(Object.entries(readTar(saved.bytes)).map(([name, bytes]) => [name.slice(name.indexOf("/") + 1), bytes]));
  assert.deepEqual(Object.keys(found).sort(), Object.keys(tree.files).sort());
  for (const [name, content] of Object.entries(tree.files)) assert.deepEqual(found[name], content, name);
});

test("Peers connects to a second node, shows it and lets it go", async () => {
  await connectByThePage();
  const row = page.locator(`[data-peer="${peerId}"]`);
  for (const word of ["TCP", "direct", "out"]) await row.getByText(word, { exact: true }).waitFor();
  await row.locator("summary").click();
  await row.getByText(peerId, { exact: true }).waitFor();
  await row.getByRole("button", { name: "Disconnect" }).click();
  await row.waitFor({ state: "detached" });
  const peers = (await (await rpc("swarm/peers")).json()).Peers ?? [];
  assert.ok(!peers.some((peer) => peer.Peer === peerId));
});

/** What kith tells of the network, and Kubo doesn't: without it the page has less to show. */
const tellsOfNetwork = await rpc("nat/status").then(() => true, () => false);
const kithOnly = { skip: !tellsOfNetwork && "the node has no nat status" };

/** Has the page get these answers to a command, one after the other, until the test has ended. */
async function answering(test, command, ...answers) {
  const pattern = `**/api/v0/${command}?*`;
  const plain = `**/api/v0/${command}`;
  const answer = (route) => route.fulfill({ json: answers.length > 1 ? answers.shift() : answers[0] });
  for (const each of [pattern, plain]) await page.route(each, answer);
  test.after(async () => {
    for (const each of [pattern, plain]) await page.unroute(each, answer);
  });
}

test("Peers says how the node is reached, and how it is", kithOnly, async () => {
  await browser.visit("#/peers");
  await page.getByTestId("reach-title").getByText("Finding out whether others reach you").waitFor();
  await page.getByTestId("reach-summary").getByText("isn't known yet").waitFor();
  await page.getByText("What others found").click();
  await page.getByText("Nobody has said yet.").waitFor();
  await page.getByRole("heading", { name: "Checkup" }).click();
  await page.locator("[data-check=clock]").getByText(/^20\d\d-/).waitFor();
  await page.locator("[data-check=peers]").getByText("Connect to somebody").waitFor();
  assert.equal(await page.locator("[data-check=peers] code").first().textContent(), "swarm connect <address>");
  assert.match(await page.getByTestId("health").textContent(), /1 thing to look at/);
});

test("Whether others reach the node is told in words, with what to do", kithOnly, async (test) => {
  const real = await (await rpc("nat/status")).json();
  const relay = { Relay: peerId, Held: true, Expires: "2099-01-01T00:00:00Z", LastFailure: "" };
  const address = { Address: "/ip4/203.0.113.7/tcp/4001", Reachability: "Private", Reached: 0, Failed: 3, Refused: false, Since: null };
  const closed = { ...real, Reachability: "Private", Summary: "Nobody who tried reached TCP port 4001.", Advice: ["Open TCP port 4001 in your router."], Addresses: [address] };
  const relayed = { ...closed, Advice: [`Or leave it: peers reach you by relay ${peerId}.`], Relays: { ...real.Relays, Enabled: true, Wanted: true, Reservations: [relay] } };
  const open = { ...real, Reachability: "Public", Summary: "Others reach this node directly.", Advice: [] };
  await answering(test, "nat/status", closed, relayed, open);
  await browser.visit("#/peers");
  await page.getByTestId("reach-title").getByText("Nobody can call you yet").waitFor();
  await page.getByText("Open TCP port 4001 in your router.").waitFor();
  await page.getByText("What others found").click();
  await page.getByText("not reached, 0 of 3 tries").waitFor();
  await page.getByTestId("reach-title").getByText("Others reach you through a relay").waitFor();
  await page.getByText("holds a place until").waitFor();
  assert.doesNotMatch(await page.locator(".advice").textContent(), new RegExp(peerId), "ids are short in sentences");
  await page.getByTestId("reach-title").getByText("Others reach you directly").waitFor();
  assert.equal(await page.locator(".advice li").count(), 0);
});

test("Peers tells where each is, how it came, and what it carries now", kithOnly, async (test) => {
  const ids = [1, 2, 3, 4].map(() => strangerId());
  const peer = (index, Addr, more) => ({ Addr, Peer: ids[index], Direction: 1, Latency: "23ms", Security: "/noise", Muxer: "/yamux/1.0.0", OpenedAt: "2026-11-30T05:00:00Z", Seconds: 300, FoundBy: "inbound", BytesIn: 0, BytesOut: 0, ...more });
  const answer = (carried) => ({
    Peers: [
      peer(0, "/ip4/192.168.1.9/tcp/4001", { FoundBy: "mdns", BytesIn: carried }),
      peer(1, "/ip4/198.51.100.7/udp/4001/quic-v1", { FoundBy: "dht", Direction: 2 }),
      peer(2, `/ip4/198.51.100.8/tcp/4001/p2p/${ids[1]}/p2p-circuit`, { Relayed: true, Limited: true }),
      peer(3, "/ip4/203.0.113.4/tcp/4001/ws", {}),
    ],
  });
  await answering(test, "swarm/peers", answer(0), answer(0), answer(50_000_000));
  await browser.visit("#/peers");
  const row = (index) => page.locator(`[data-peer="${ids[index]}"]`);
  for (const word of ["TCP", "direct", "in", "local network", "23 ms"]) await row(0).getByText(word, { exact: true }).waitFor();
  for (const word of ["QUIC", "out", "internet"]) await row(1).getByText(word, { exact: true }).waitFor();
  await row(2).getByText("relayed", { exact: true }).waitFor();
  await row(0).getByText(/MiB\/s/).waitFor();
  assert.equal(await row(1).getByText(/B\/s/).count(), 0);
  await row(2).locator("summary").click();
  await row(2).getByText("it called you").waitFor();
  await row(2).getByText("The relay carries little").waitFor();
  await row(0).locator("summary").click();
  for (const text of ["in your local network", "/noise /yamux/1.0.0"]) await row(0).getByText(text).waitFor();
  // By the keyboard alone.
  const byRelay = page.getByRole("button", { name: "By relay 1" });
  await byRelay.focus();
  await page.keyboard.press("Enter");
  await row(0).waitFor({ state: "detached" });
  assert.equal(await byRelay.getAttribute("aria-pressed"), "true");
  assert.equal(await page.locator(".peers > li").count(), 1);
  await page.getByRole("button", { name: "All 4" }).click();
  await row(3).waitFor();
});

test("Fetch brings content from a peer into the node, with progress", async () => {
  const content = randomBytes(24 * mebibyte);
  const cid = await addBytes(content, peerRpc);
  await connectByThePage();
  await browser.visit(`#/files/${cid}?name=big.bin`);
  await page.getByRole("button", { name: "Fetch to my node" }).click();
  const job = await ended("big.bin");
  const figures = await job.locator(".job-figures").textContent();
  assert.match(figures, /24\.0 MiB · in .* · .*B\/s/);
  // What follows comes out of the node's own store.
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(digest(await catBytes(cid, { offline: true })), digest(content));
});

test("A fetch without a peer says what it waits for, and is cancelled", async () => {
  const cid = await addBytes(randomBytes(64 * mebibyte), peerRpc);
  await connectByThePage();
  await browser.visit(`#/files/${cid}?name=far.bin`);
  await page.getByRole("button", { name: "Fetch to my node" }).waitFor();
  await disconnect();
  await page.getByRole("button", { name: "Fetch to my node" }).click();
  const job = browser.job("far.bin");
  await job.getByText("this node knows no peer: connect to one that has it").waitFor();
  await job.getByRole("button", { name: "Cancel far.bin" }).click();
  await ended("far.bin", "cancelled");
  await job.getByRole("button", { name: "Dismiss far.bin" }).click();
  await job.waitFor({ state: "detached" });
});

test("A node that ends amid an answer is told as one that doesn't answer", async () => {
  await browser.visit(`#/files/${treeCid}/readme.txt`);
  await page.getByTestId("preview").waitFor();
  await browser.standStill("cat", "Dear", true);
  await page.getByRole("button", { name: "Fetch to my node" }).click();
  const job = await ended("readme.txt", "failed");
  await job.getByText("The node doesn't answer.").waitFor();
  assert.equal(await job.getByText("network error").count(), 0);
});

test("Opening what nobody has can be stopped", async () => {
  const cid = await addBytes(randomBytes(100), peerRpc);
  await browser.visit(`#/files/${cid}`);
  await page.getByRole("button", { name: "Stop looking" }).click();
  await page.getByText("Stopped looking.").waitFor();
  await page.getByText("Connect to a peer that has it, then try again.").waitFor();
});

/** The id of a peer that nobody has heard of: nodes remember where they looked for one. */
function strangerId() {
  const key = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  let number = BigInt("0x" + Buffer.concat([Buffer.from([0, 0x24, 8, 1, 0x12, 0x20]), key]).toString("hex"));
  let text = "";
  for (; number > 0n; number /= 58n) text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[Number(number % 58n)] + text;
  return "1" + text;
}

const badAddresses = [
  ["", "There is no address."],
  ["example.com:4001", "That isn't an address that nodes understand."],
  ["/ip4/127.0.0.1/tcp/4001", "The address doesn't say who is there."],
  [`/ip4/127.0.0.999/tcp/4001/p2p/${strangerId()}`, "That isn't an address that nodes understand."],
  [`/ip4/127.0.0.1/tcp/1/p2p/${strangerId()}`, "Nothing answers at that address."],
];
for (const [address, what] of badAddresses) {
  test(`Connecting to ${address.replace(/(p2p.12D3).*/, "$1…") || "nothing"} says: ${what}`, async () => {
    await browser.visit("#/peers");
    await page.getByLabel("Connect to somebody").fill(address);
    await page.getByRole("button", { name: "Connect" }).click();
    const alert = page.getByTestId("connect-outcome").getByRole("alert");
    await alert.getByText(what).waitFor();
    assert.notEqual(await alert.locator("p").textContent(), "");
  });
}

test("Connecting to somebody else's address says that another node answers", async () => {
  await browser.visit("#/peers");
  await page.getByLabel("Connect to somebody").fill(peerAddress.replace(peerId, strangerId()));
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("Another node answers at that address.").waitFor();
});

test("Connecting to oneself says so", async () => {
  const me = await (await rpc("id")).json();
  await browser.visit("#/peers");
  await page.getByLabel("Connect to somebody").fill(me.Addresses[0]);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("That's this node's own address.").waitFor();
});

test("What isn't a CID, and a name that isn't there, are told", async () => {
  await browser.visit("#/files");
  await page.getByLabel("Open a CID").fill("bafy-not-a-cid");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByTestId("open-outcome").getByText("That isn't a CID.").waitFor();
  await browser.visit(`#/files/${treeCid}/nothing-here`);
  await page.getByText("There is nothing of that name in this folder.").waitFor();
});

test("A node that doesn't answer is told, and the page goes on when it's back", async () => {
  await browser.visit("#/me");
  await page.getByText("node is running").waitFor();
  await page.route("**/api/v0/**", (route) => route.abort());
  await page.locator(".banner").getByText("The node doesn't answer.").waitFor();
  await page.unroute("**/api/v0/**");
  await page.locator(".banner").waitFor({ state: "hidden" });
  await page.getByTestId("peer-id").waitFor();
});

test("A node that doesn't answer is told once, and its peers are marked as those it had", async () => {
  await connectByThePage();
  await page.evaluate(() => {
    window.alerts = 0;
    const count = (nodes) => [...nodes].filter((node) => node.role === "alert").length;
    new MutationObserver((changes) => changes.forEach((change) => (window.alerts += count(change.addedNodes)))).observe(document.querySelector("main"), { childList: true, subtree: true });
  });
  await page.route("**/api/v0/**", (route) => route.abort());
  try {
    await page.getByTestId("peer-count").getByText("when the node last answered").waitFor();
    assert.equal(await page.locator(".peers.stale [data-peer]").count(), 1);
    await page.waitForTimeout(5000);
    assert.equal(await page.evaluate(() => window.alerts), 1);
  } finally {
    await page.unroute("**/api/v0/**");
  }
  await page.getByTestId("peer-count").getByText("Connected to 1 peer.").waitFor();
  assert.equal(await page.locator(".peers.stale").count(), 0);
});

test("A browser that keeps nothing doesn't break the page", async () => {
  const tab = await browser.context.newPage();
  const broken = [];
  tab.on("pageerror", (error) => broken.push(String(error)));
  await tab.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException("no", "SecurityError");
        },
      });
    }
  });
  try {
    await tab.goto(`${pageUrl}/#/me`);
    await tab.getByTestId("peer-id").waitFor({ timeout: 10_000 });
    await tab.goto(`${pageUrl}/#/files`);
    await tab.getByTestId("file-input").setInputFiles({ name: "kept.txt", mimeType: "text/plain", buffer: Buffer.from("kept") });
    await tab.getByTestId("added").locator(".entry", { hasText: "kept.txt" }).waitFor({ timeout: 10_000 });
    assert.deepEqual(broken, []);
  } finally {
    await tab.close();
  }
});

test("Names are shown as they are, and what turns their letters around is shown as well", async () => {
  const names = ["100%25.txt", "photo\u202egnp.exe"];
  await browser.visit("#/files");
  for (const name of names) {
    await page.getByTestId("file-input").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(name) });
  }
  const added = page.getByTestId("added");
  await added.getByRole("link", { name: "100%25.txt", exact: true }).waitFor();
  await added.getByRole("link", { name: "photo\\u202egnp.exe", exact: true }).click();
  await page.getByRole("heading", { name: "photo\\u202egnp.exe", exact: true }).waitFor();
  assert.equal(await page.title(), "photo\\u202egnp.exe · kith");
});

test("The focus goes along with the view, and isn't lost by what comes and goes", async () => {
  await browser.visit("#/me");
  await page.getByRole("link", { name: "Files" }).click();
  await page.waitForFunction(() => document.activeElement.textContent === "Files" && document.activeElement.tagName === "H1");
  await page.getByLabel("Open a CID").fill(treeCid);
  await page.getByLabel("Open a CID").press("Enter");
  await page.getByTestId("listing").locator("li").first().waitFor();
  assert.equal(await focused(), "H1");

  // A row that comes leaves it where it is; of a row that goes it passes to the next.
  await browser.visit("#/files");
  const rows = page.getByTestId("added").locator(".entry");
  const first = rows.first().getByRole("link");
  const name = await first.textContent();
  await first.focus();
  await page.getByTestId("file-input").setInputFiles({ name: "newer.txt", mimeType: "text/plain", buffer: randomBytes(10) });
  await page.getByTestId("added").getByRole("link", { name: "newer.txt" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), name);
  await page.getByRole("button", { name: "Take newer.txt off this list" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), name);

  await connectByThePage();
  assert.equal(await focused(), "BUTTON");
  await page.locator(`[data-peer="${peerId}"] summary`).click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.locator(`[data-peer="${peerId}"]`).waitFor({ state: "detached" });
  assert.equal(await focused(), "H1");
});

test("A node that wants a secret is asked for with it", async () => {
  const denied = "Kubo RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations configuration.\n";
  const right = `Basic ${Buffer.from("me:my:word").toString("base64")}`;
  await page.route("**/api/v0/**", (route) =>
    route.request().headers().authorization === right ? route.continue() : route.fulfill({ status: 403, contentType: "text/plain", body: denied }),
  );
  try {
    await browser.visit("#/me");
    const gate = page.locator(".gate");
    await gate.getByText("This node wants a secret from whoever uses it.").waitFor();
    await page.getByText("The node does this only for who knows a secret.").first().waitFor();
    await gate.getByLabel("Secret").fill("bearer:wrong");
    await gate.getByRole("button", { name: "Use it" }).click();
    await gate.getByText("This secret doesn't open all that the page needs.").waitFor();
    await gate.getByLabel("Secret").fill("basic:me:my:word");
    await gate.getByRole("button", { name: "Use it" }).click();
    await page.getByTestId("peer-id").waitFor();
    assert.equal(await gate.isVisible(), false);
    await browser.visit("#/files");
    await page.getByTestId("file-input").setInputFiles({ name: "guarded.txt", mimeType: "text/plain", buffer: Buffer.from("guarded") });
    await ended("guarded.txt");
  } finally {
    await page.unroute("**/api/v0/**");
    await page.evaluate(() => sessionStorage.clear());
  }
});

test("Everything can be reached by the keyboard and has a name", async () => {
  for (const place of ["#/me", "#/peers", "#/files", `#/files/${treeCid}`]) {
    await browser.visit(place);
    if (place.endsWith(treeCid)) await page.getByTestId("listing").locator("li").first().waitFor();
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, a[href], input:not([aria-hidden])")]
        .filter((element) => !(element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length))
        .map((element) => element.outerHTML),
    );
    assert.deepEqual(nameless, []);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  }
});

test("Nothing is wider than a phone", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  try {
    await connectByThePage();
    for (const place of ["#/me", "#/peers", "#/files", `#/files/${treeCid}`, `#/files/${treeCid}/readme.txt`]) {
      await browser.visit(place);
      await page.waitForLoadState("networkidle").catch(() => undefined);
      const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(inner <= outer, `${place} is ${inner} wide`);
    }
  } finally {
    await page.setViewportSize({ width: 1280, height: 860 });
  }
});

test("The page asked nobody but its node, and nothing broke its policy", () => {
  assert.deepEqual(browser.strangers, []);
  assert.deepEqual(browser.complaints, []);
});
