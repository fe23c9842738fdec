// The chains that the node takes part in, as /api/v0/chain/... tells of them, and Ethereum's JSON-RPC through chain/rpc.
//
// What stands in a chain comes from anybody: texts are shown as text and cut, numbers are BigInts, and what isn't one is 0.
import { call, type Query } from "./api";
import { httpPlace } from "./gateway";

/** How long the page waits for an answer about a chain before it says that the node is slow. */
const patience = 20_000;

export interface BlockName {
  Number: number;
  Hash: string;
}

/** chain/status. A chain that can't be opened has a name and an error alone: see `opened`. */
export interface ChainStatus {
  Name: string;
  Consensus: string;
  ChainID: number;
  Genesis: string;
  Head: BlockName;
  /** Seconds since 1970. */
  HeadTime: number;
  Finalized: BlockName;
  Work: string;
  Peers: number;
  Pending: number;
  Queued: number;
  SyncingTo?: BlockName;
  Mining?: { Coinbase: string; HashesPerSecond: number; Blocks: number };
  Validation?: Validation;
}

export interface BrokenChain {
  Name: string;
  Error: string;
}

export interface Validation {
  Running: boolean;
  Epoch: number;
  View: number;
  Leader: string;
  Votes: boolean;
  WhyNot: string;
  Trouble: string;
  Rests: boolean;
  /** Stake in thousandths of an ether. Heard is the newest view of the epoch in which it was heard, 0 if in none. */
  Validators: { Peer: string; Stake: number; Heard: number }[] | null;
}

export interface ChainPeer {
  Peer: string;
  Addr?: string;
  Head?: BlockName;
}

/** What chain/new, join and invite answer. */
export interface Invitation {
  Name: string;
  ChainID: number;
  Genesis: string;
  File: string;
  Invite: string;
}

export function opened(chain: ChainStatus | BrokenChain): chain is ChainStatus {
  return !("Error" in chain);
}

/** Calls a command, and gives up with a TimeoutError when no answer comes. */
export function ask<T>(command: string, query: Query, signal: AbortSignal, milliseconds = patience): Promise<T> {
  return call<T>(command, query, AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]));
}

/** Ethereum's JSON-RPC of the chain of that name. */
export function rpc<T>(chain: string, signal: AbortSignal, method: string, ...parameters: unknown[]): Promise<T> {
  return ask<T>("chain/rpc", { chain, arg: [method, ...parameters.map((one) => JSON.stringify(one))] }, signal);
}

// What the JSON-RPC answers, as far as the page reads it.

export interface Block {
  number: string;
  hash: string;
  parentHash: string;
  timestamp: string;
  miner: string;
  gasUsed: string;
  gasLimit: string;
  baseFeePerGas?: string;
  difficulty: string;
  size: string;
  extraData: string;
  stateRoot: string;
  transactions: (string | Transaction)[] | null;
}

export interface Transaction {
  hash: string;
  from: string;
  /** None makes a contract. */
  to: string | null;
  value: string;
  nonce: string;
  input: string;
  gas: string;
  type: string;
  /** None while it waits. */
  blockNumber: string | null;
}

export interface Log {
  address: string;
  topics: string[] | null;
  data: string;
}

export interface Receipt {
  status?: string;
  gasUsed: string;
  effectiveGasPrice: string;
  contractAddress: string | null;
  logs: Log[] | null;
}

/** "0x1a" as 26n; 0n for what is no quantity. */
export function quantity(text: unknown): bigint {
  return typeof text === "string" && /^0x[0-9a-f]{1,64}$/i.test(text) ? BigInt(text) : 0n;
}

export function isAddress(text: string): boolean {
  return /^0x[0-9a-f]{40}$/i.test(text);
}

export function isHash(text: string): boolean {
  return /^0x[0-9a-f]{64}$/i.test(text);
}

/** How many bytes stand behind 0x. */
export function byteCount(data: string): number {
  return Math.max(0, (data.length - 2) >> 1);
}

export function whole(transactions: Block["transactions"]): Transaction[] {
  return (transactions ?? []).filter((one): one is Transaction => typeof one === "object" && one !== null);
}

/** Whether capital and small letters of an address are those that its checksum (ERC-55) wants, if it has both. */
export async function spelledRight(chain: string, address: string, signal: AbortSignal): Promise<boolean> {
  const digits = address.slice(2);
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return true;
  const ascii = [...digits.toLowerCase()].map((letter) => letter.charCodeAt(0).toString(16)).join("");
  const hash = await rpc<string>(chain, signal, "web3_sha3", `0x${ascii}`);
  return [...digits].every((letter, index) => !/[a-z]/i.test(letter) || (parseInt(hash[index + 2] ?? "0", 16) >= 8) === (letter === letter.toUpperCase()));
}

/** Where browsers' wallets find the chain; null if the node doesn't tell. */
export async function rpcAddress(chain: string): Promise<string | null> {
  const configured = await call<{ Value: unknown }>("config", { arg: "Addresses.Chain" }).catch(() => null);
  // Without the key it is where nodes of Ethereum are by default.
  const value = configured ? configured.Value : "/ip4/127.0.0.1/tcp/8545";
  for (const one of Array.isArray(value) ? value : [value]) {
    const place = httpPlace(one);
    if (place && place.port !== "0") return `http://${place.host}:${place.port}/${encodeURIComponent(chain)}`;
  }
  return null;
}

/** The block at the top of a walk down, as far as the walk needs it. */
interface Linked {
  number: number;
  hash: string;
  parent: string;
}

/**
 * The last blocks of a chain, newest first: followed by the hashes of their parents, so that a branch which the chain
 * has left is never among them. Blocks that are held already aren't asked for again.
 */
export class RecentBlocks<T extends Linked> {
  private held = new Map<string, T>();
  blocks: readonly T[] = [];

  /** `full`: with whole transactions. `keep` says what is held of a block. */
  constructor(
    private readonly chain: string,
    private readonly most: number,
    private readonly full: boolean,
    private readonly keep: (block: Block) => T,
  ) {}

  /** Walks down from `head`, as far as blocks are wanted. Tells after each new one how far it is. */
  async advance(head: BlockName, signal: AbortSignal, progress: () => void = () => undefined): Promise<void> {
    const line: T[] = [];
    for (let hash = head.Hash; line.length < this.most; ) {
      let block = this.held.get(hash);
      if (!block) {
        const fetched = await rpc<Block | null>(this.chain, signal, "eth_getBlockByHash", hash, this.full);
        // The chain has gone another way meanwhile, or the block is older than what the node keeps.
        if (!fetched) break;
        block = this.keep(fetched);
        this.held.set(hash, block);
        line.push(block);
        // Of a long walk what was seen before stays on the screen until more is known.
        if (line.length >= this.blocks.length) this.blocks = [...line];
        progress();
      } else {
        line.push(block);
      }
      if (block.number === 0 || block.parent === hash) break;
      hash = block.parent;
    }
    this.blocks = line;
    this.held = new Map(line.map((block) => [block.hash, block]));
    progress();
  }
}

export function linked(block: Block): Linked {
  return { number: Number(quantity(block.number)), hash: block.hash, parent: block.parentHash };
}

// Places of the page.

export function chainLink(chain: string, ...rest: (string | number)[]): string {
  return `#/chains/${[chain, ...rest].map((part) => encodeURIComponent(part)).join("/")}`;
}
