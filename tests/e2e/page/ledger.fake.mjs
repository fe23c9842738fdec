// A node's chains, as the page gets to see them, for what no real node would show when a test needs it: another branch, a
// chain that can't be opened, texts of somebody hostile, a node that is slow.
import { randomBytes } from "node:crypto";

export const alice = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
export const bob = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc";
export const nobody = "0x0000000000000000000000000000000000000000";

const hex = (number) => `0x${BigInt(number).toString(16)}`;
const freshHash = () => `0x${randomBytes(32).toString("hex")}`;

export function transaction(more = {}) {
  return { hash: freshHash(), from: alice, to: bob, value: hex(1_500_000_000_000_000_000n), nonce: "0x7", input: "0x", gas: "0x5208", gasPrice: hex(2_000_000_000n), type: "0x2", blockNumber: null, ...more };
}

export class FakeLedger {
  name = "town";
  /** From the genesis on. */
  blocks = [];
  receipts = new Map();
  balances = new Map([[alice, hex(123456789012345678901234567890n)]]);
  codes = new Map();
  /** Put over what chain/status tells. */
  more = {};
  others = [];
  /** [command, URLSearchParams] of each call. */
  calls = [];
  /** A JSON-RPC method that gets no answer. */
  hanging = "";

  constructor(length = 3) {
    for (let number = 0; number < length; number++) this.grow();
  }

  get head() {
    return this.blocks.at(-1);
  }

  grow(transactions = [], more = {}) {
    const number = this.blocks.length;
    const block = {
      number: hex(number),
      hash: freshHash(),
      parentHash: this.head?.hash ?? `0x${"0".repeat(64)}`,
      timestamp: hex(Math.floor(Date.now() / 1000)),
      miner: alice,
      gasUsed: hex(transactions.length * 21000),
      gasLimit: hex(60_000_000),
      baseFeePerGas: hex(1_000_000_000n),
      difficulty: "0x3e8",
      size: "0x220",
      extraData: "0x",
      stateRoot: freshHash(),
      ...more,
    };
    block.transactions = transactions.map((one) => ({ ...one, blockNumber: block.number, blockHash: block.hash }));
    for (const one of transactions) if (!this.receipts.has(one.hash)) this.receipts.set(one.hash, { status: "0x1", gasUsed: "0x5208", effectiveGasPrice: hex(2_000_000_000n), contractAddress: null, logs: [] });
    this.blocks.push(block);
    return block;
  }

  /** Takes the newest blocks away, as a branch does that has more work. */
  leave(count) {
    return this.blocks.splice(-count);
  }

  status() {
    const name = (block) => ({ Number: Number(block.number), Hash: block.hash });
    return {
      Name: this.name,
      Consensus: "pow",
      ChainID: 1204332781,
      Genesis: this.blocks[0].hash,
      Head: name(this.head),
      HeadTime: Number(this.head.timestamp),
      Finalized: name(this.blocks[0]),
      Work: "340282366920938463463374607431768211456",
      Peers: 3,
      Pending: 2,
      Queued: 1,
      ...this.more,
    };
  }

  rpc([method, ...texts]) {
    const parameters = texts.map((text) => JSON.parse(text));
    const shown = (block, full) => block && { ...block, transactions: full ? block.transactions : block.transactions.map((one) => one.hash) };
    const all = this.blocks.flatMap((block) => block.transactions);
    switch (method) {
      case "eth_getBlockByHash":
        return shown(this.blocks.find((block) => block.hash === parameters[0]), parameters[1]) ?? null;
      case "eth_getBlockByNumber":
        return shown(this.blocks[Number(parameters[0])], parameters[1]) ?? null;
      case "eth_getHeaderByNumber":
        return this.blocks[Number(parameters[0])] ? { hash: this.blocks[Number(parameters[0])].hash } : null;
      case "eth_getTransactionByHash":
        return all.find((one) => one.hash === parameters[0]) ?? null;
      case "eth_getTransactionReceipt":
        return all.some((one) => one.hash === parameters[0]) ? this.receipts.get(parameters[0]) : null;
      case "eth_getBalance":
        return this.balances.get(parameters[0].toLowerCase()) ?? "0x0";
      case "eth_getTransactionCount":
        return "0x7";
      case "eth_getCode":
        return this.codes.get(parameters[0].toLowerCase()) ?? "0x";
      default:
        throw new Error(`the method ${method} does not exist/is not available`);
    }
  }

  /** undefined: no answer at all. */
  answer(command, query) {
    this.calls.push([command, query]);
    const joined = { Name: this.name, ChainID: 1204332781, Genesis: this.blocks[0].hash, File: "bafkreigenesis", Invite: `kith://chain/${this.blocks[0].hash}?genesis=bafkreigenesis&name=${this.name}` };
    switch (command) {
      case "chain/ls":
        return { Chains: [this.status(), ...this.others] };
      case "chain/status":
        return this.status();
      case "mine":
        this.more = query.has("stop") ? {} : { Mining: { Coinbase: query.get("coinbase"), HashesPerSecond: 950, Blocks: 1 } };
        return this.status();
      case "chain/peers":
        return { Peers: [{ Peer: "12D3KooWREQGVTFhgjxJUnZ8sRRPpUGrUfHzmg2NpqDd4qnx1vnq", Addr: "/ip4/192.168.1.9/tcp/4001", Head: { Number: 2, Hash: this.head.hash } }] };
      case "chain/new":
      case "chain/join":
      case "chain/invite":
        return joined;
      case "chain/rpc":
        return query.get("arg") === this.hanging ? undefined : this.rpc(query.getAll("arg"));
      default:
        throw new Error(`no such command: ${command}`);
    }
  }

  /** Has the page get these answers until the test has ended. */
  async serve(page, test) {
    const ours = (url) => /\/api\/v0\/(chain\/|mine$)/.test(url.pathname);
    const reply = async (route) => {
      const url = new URL(route.request().url());
      try {
        const value = this.answer(url.pathname.replace("/api/v0/", ""), url.searchParams);
        if (value !== undefined) await route.fulfill({ json: value });
      } catch (error) {
        await route.fulfill({ status: 500, json: { Message: error.message, Code: 0, Type: "error" } });
      }
    };
    await page.route(ours, reply);
    test.after(() => page.unroute(ours, reply));
  }
}
