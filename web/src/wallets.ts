// Wallets in the browser (EIP-6963, EIP-1193). They hold the keys and ask the person; the page only says what it would like.
import { RpcError, UnreachableError, isTimeout } from "./api";
import { isHash, rpcAddress } from "./ledger";

interface Provider {
  request(call: { method: string; params?: unknown }): Promise<unknown>;
}

export interface Wallet {
  name: string;
  provider: Provider;
}

const walletsMax = 8;

/** Calls `found` for each wallet that there is, and that comes later. */
export function findWallets(signal: AbortSignal, found: (wallet: Wallet) => void): void {
  const known = new Set<unknown>();
  const add = (name: unknown, provider: unknown) => {
    if (!isProvider(provider) || known.has(provider) || known.size >= walletsMax) return;
    known.add(provider);
    found({ name: typeof name === "string" && name.trim() !== "" ? name.slice(0, 40) : "your wallet", provider });
  };
  const announced = (event: Event) => {
    const detail = (event as CustomEvent<{ info?: { name?: unknown }; provider?: unknown } | null>).detail;
    add(detail?.info?.name, detail?.provider);
  };
  window.addEventListener("eip6963:announceProvider", announced, { signal });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  // Those from before announcements.
  if (known.size === 0) add("", (window as { ethereum?: unknown }).ethereum);
}

function isProvider(value: unknown): value is Provider {
  return typeof value === "object" && value !== null && typeof (value as Provider).request === "function";
}

const refusedByPerson = 4001;

/** What a wallet's failure means; null if it isn't the wallet's. */
export function walletTrouble(error: unknown): { what: string; tryThis: string } | null {
  if (error instanceof RpcError || error instanceof UnreachableError || isTimeout(error)) return null;
  const { code, message } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; message?: unknown };
  if (code === refusedByPerson) return { what: "You refused it in the wallet.", tryThis: "Nothing was sent." };
  return { what: "The wallet couldn't do it.", tryThis: typeof message === "string" && message !== "" ? message.slice(0, 300) : "It doesn't say why." };
}

/** Has the wallet send `wei` on that chain, which it learns about if it doesn't know it; returns the transaction's hash. */
export async function sendByWallet(wallet: Wallet, chain: { name: string; id: number }, to: string, wei: bigint): Promise<string> {
  const { provider } = wallet;
  const accounts = await provider.request({ method: "eth_requestAccounts" });
  const from: unknown = Array.isArray(accounts) ? accounts[0] : undefined;
  if (typeof from !== "string") throw new Error("It has given the page no account.");
  const chainId = `0x${chain.id.toString(16)}`;
  if ((await provider.request({ method: "eth_chainId" })) !== chainId) {
    await switchTo(provider, chain.name, chainId);
    // A wallet that stayed where it was would send on another chain.
    if ((await provider.request({ method: "eth_chainId" })) !== chainId) throw new Error("It has stayed on another chain.");
  }
  const hash = await provider.request({ method: "eth_sendTransaction", params: [{ from, to, value: `0x${wei.toString(16)}`, chainId }] });
  if (typeof hash !== "string" || !isHash(hash)) throw new Error("It says that it has sent the transaction, but not which.");
  return hash;
}

async function switchTo(provider: Provider, name: string, chainId: string): Promise<void> {
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
    return;
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === refusedByPerson) throw error;
  }
  const url = await rpcAddress(name);
  if (!url) throw new Error("The wallet doesn't know this chain, and the node doesn't tell where its JSON-RPC is: give Addresses.Chain a port.");
  await provider.request({ method: "wallet_addEthereumChain", params: [{ chainId, chainName: name, rpcUrls: [url], nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } }] });
  await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
}
