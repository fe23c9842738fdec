// Amounts: wei are BigInts, and ether is their text. No amount is ever a floating-point number.

const decimals = 18;
const perEther = 10n ** BigInt(decimals);
const shownDecimals = 6;

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** All of it: 1234500000000000000000n is "1,234.5". */
export function etherText(wei: bigint): string {
  const fraction = (wei % perEther).toString().padStart(decimals, "0").replace(/0+$/, "");
  return grouped((wei / perEther).toString()) + (fraction && `.${fraction}`);
}

/** For lists: rounded down to six decimals. What is less than the last of them, but isn't nothing, says so. */
export function etherShort(wei: bigint): string {
  const step = 10n ** BigInt(decimals - shownDecimals);
  if (wei > 0n && wei < step) return `< 0.${"1".padStart(shownDecimals, "0")}`;
  return etherText(wei - (wei % step));
}

/** A price of gas. */
export function gweiText(wei: bigint): string {
  const fraction = (wei % 10n ** 9n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${grouped((wei / 10n ** 9n).toString())}${fraction && `.${fraction}`} gwei`;
}

/** "1.5" as 1500000000000000000n; null for what is no amount. */
export function weiOf(text: string): bigint | null {
  const [, whole, fraction = ""] = /^(\d{1,40})(?:\.(\d{1,18}))?$/.exec(text.trim()) ?? [];
  return whole === undefined ? null : BigInt(whole) * perEther + BigInt(fraction.padEnd(decimals, "0"));
}

/** The validators' stakes are in thousandths of an ether. */
export function stakeText(units: number): string {
  if (!Number.isFinite(units)) return "?";
  // Beyond 2^53 JSON has lost the last digits already.
  return `${Number.isSafeInteger(units) ? "" : "about "}${etherText((BigInt(Math.trunc(units)) * perEther) / 1000n)}`;
}
