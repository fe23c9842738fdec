// Numbers for people.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(count: number): string {
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit++;
  }
  const digits = unit === 0 || count >= 100 ? 0 : count >= 10 ? 1 : 2;
  return `${count.toFixed(digits)} ${units[unit]}`;
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(Math.max(0, bytesPerSecond))}/s`;
}

export function count(number: number, one: string, many = one + "s"): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  return hours < 36 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24)} days`;
}

/** "since 14:05", "since 3 Nov": when something began that goes on. */
export function since(iso: string, now = Date.now()): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const recent = now - time.getTime() < 20 * 3600 * 1000;
  const text = recent ? time.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }) : time.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return `since ${text}`;
}

/** "4 s ago", of what comes every few seconds. A clock that is ahead of ours makes it no future. */
export function age(unixSeconds: number, now = Date.now()): string {
  const seconds = now / 1000 - unixSeconds;
  return seconds < 1 ? "just now" : `${duration(seconds)} ago`;
}

/** A moment to the second. */
export function moment(unixSeconds: number): string {
  const time = new Date(unixSeconds * 1000);
  return Number.isNaN(time.getTime()) ? "" : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** What a miner tries in a second. */
export function hashRate(perSecond: number): string {
  const names = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s"];
  let unit = 0;
  while (perSecond >= 1000 && unit < names.length - 1) {
    perSecond /= 1000;
    unit++;
  }
  return `${perSecond.toFixed(unit === 0 || perSecond >= 100 ? 0 : 1)} ${names[unit]}`;
}

/** At most so many characters of what somebody else wrote. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

export function ago(time: number, now = Date.now()): string {
  const seconds = (now - time) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** The beginning and the end, which is what people compare. */
export function short(id: string, head = 8, tail = 6): string {
  return id.length <= head + tail + 1 ? id : `${id.slice(0, head)}…${id.slice(-tail)}`;
}
