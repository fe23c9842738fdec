// What a multiaddr means to a person.

export interface Place {
  /** host:port, or what comes nearest. */
  where: string;
  /** TCP, QUIC, WebSocket, ... */
  transport: string;
  /** Who can reach it. */
  reach: "internet" | "network" | "computer" | "relay" | "unknown";
}

export const reachText: Record<Place["reach"], string> = {
  internet: "internet",
  network: "local network",
  computer: "this computer",
  relay: "through a relay",
  unknown: "address",
};

export function placeOf(address: string): Place {
  const parts = address.split("/").slice(1);
  const value = (name: string): string | undefined => {
    const at = parts.indexOf(name);
    return at < 0 ? undefined : parts[at + 1];
  };
  const has = (name: string) => parts.includes(name);
  const ip4 = value("ip4");
  const ip6 = value("ip6");
  const name = value("dns") ?? value("dns4") ?? value("dns6") ?? value("dnsaddr");
  const port = value("tcp") ?? value("udp");
  const host = ip4 ?? (ip6 === undefined ? name : `[${ip6}]`);
  let transport = has("tcp") ? "TCP" : has("udp") ? "UDP" : "";
  if (has("quic-v1") || has("quic")) transport = "QUIC";
  if (has("ws") || has("wss")) transport = "WebSocket";
  if (has("webtransport")) transport = "WebTransport";
  if (has("webrtc-direct") || has("webrtc")) transport = "WebRTC";
  if (has("p2p-circuit")) transport = "Relay";
  return {
    where: host === undefined ? address : port === undefined ? host : `${host}:${port}`,
    transport: transport || "?",
    reach: has("p2p-circuit") ? "relay" : ip4 ? reachOfIp4(ip4) : ip6 ? reachOfIp6(ip6) : name ? "internet" : "unknown",
  };
}

function reachOfIp4(ip: string): Place["reach"] {
  const [a = 0, b = 0] = ip.split(".").map(Number);
  if (a === 127) return "computer";
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 169 && b === 254);
  return isPrivate || (a === 100 && b >= 64 && b < 128) ? "network" : "internet";
}

function reachOfIp6(ip: string): Place["reach"] {
  if (ip === "::1") return "computer";
  return /^f[cd]|^fe[89ab]/i.test(ip) ? "network" : "internet";
}

/** Furthest reach first. */
export function byReach(a: string, b: string): number {
  const order = ["internet", "network", "relay", "computer", "unknown"];
  return order.indexOf(placeOf(a).reach) - order.indexOf(placeOf(b).reach) || a.localeCompare(b);
}
