// Which transactions an account took part in.
//
// Nodes keep no index of that yet. So the last blocks are looked through; once there is an index, it becomes another
// AccountHistory, and historyOf() chooses it. Views know no more than the interface.
import { RecentBlocks, linked, quantity, whole, type BlockName, type Transaction } from "./ledger";

export interface AccountHistory {
  /** Newest first. */
  readonly transactions: readonly Found[];
  /** In words: how far back that reaches. */
  readonly reach: string;
  /** Looks again, now that the chain is at `head`; `progress` is called whenever more is known. */
  follow(head: BlockName, signal: AbortSignal, progress: () => void): Promise<void>;
}

export interface Found {
  transaction: Transaction;
  block: number;
  /** Seconds since 1970. */
  time: number;
}

export function historyOf(chain: string, address: string): AccountHistory {
  return new LookBack(chain, address);
}

const blocksLookedAt = 128;
const foundMax = 200;

class LookBack implements AccountHistory {
  private readonly recent;
  transactions: readonly Found[] = [];
  reach = "";

  constructor(chain: string, address: string) {
    const wanted = address.toLowerCase();
    const takesPart = (one: Transaction) => one.from?.toLowerCase() === wanted || one.to?.toLowerCase() === wanted;
    this.recent = new RecentBlocks(chain, blocksLookedAt, true, (block) => ({
      ...linked(block),
      time: Number(quantity(block.timestamp)),
      found: whole(block.transactions).filter(takesPart).reverse().slice(0, foundMax),
    }));
  }

  async follow(head: BlockName, signal: AbortSignal, progress: () => void): Promise<void> {
    await this.recent.advance(head, signal, () => {
      const blocks = this.recent.blocks;
      this.transactions = blocks.flatMap((block) => block.found.map((transaction) => ({ transaction, block: block.number, time: block.time }))).slice(0, foundMax);
      const last = blocks.at(-1)?.number ?? head.Number;
      this.reach = last === 0 ? "all blocks" : `blocks ${last.toLocaleString("en")} to ${head.Number.toLocaleString("en")}`;
      progress();
    });
  }
}
