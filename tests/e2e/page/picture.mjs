// Takes the README's picture of the page: a node that knows a peer and has just fetched something from it.
// Started by run.py --picture FILE, which starts the nodes and sets the variables.
import { randomBytes } from "node:crypto";
import { Browser, addBytes, pageUrl, peerAddress, peerRpc, rpc } from "./browser.mjs";

const file = process.env.PICTURE;
const parts = 6;
const partBytes = 7 << 20;
const browser = await Browser.start();
try {
  await browser.page.setViewportSize({ width: 1280, height: 800 });
  await browser.visit("#/me");
  await rpc("swarm/connect", { arg: peerAddress });
  const cid = await addBytes(randomBytes(parts * partBytes), peerRpc);
  // The chart draws a point a second: a few of them, some with traffic.
  for (let part = 0; part < parts; part++) {
    const query = { arg: cid, offset: part * partBytes, length: partBytes };
    await (await rpc("cat", query, { base: pageUrl })).arrayBuffer();
    await browser.page.waitForTimeout(2500);
  }
  await browser.page.screenshot({ path: file });
} finally {
  await browser.close();
}
