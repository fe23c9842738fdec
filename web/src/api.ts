// The node's RPC, as Kubo defines it: POST /api/v0/<command>, options in the query, JSON or NDJSON out.
import { keep, recall } from "./storage";

/** The node answered, and the answer is that it couldn't. */
export class RpcError extends Error {
  constructor(
    readonly command: string,
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "RpcError";
  }
}

/** Nobody answered. */
export class UnreachableError extends Error {
  constructor() {
    super("the node doesn't answer");
    this.name = "UnreachableError";
  }
}

/** An option that is given several times has a list. */
export type Query = Record<string, string | number | boolean | readonly string[]>;

export function rpcUrl(command: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) for (const one of Array.isArray(value) ? value : [value]) search.append(key, String(one));
  const text = search.toString();
  return `/api/v0/${command}${text && "?" + text}`;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** No answer came in the time that the caller gave. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

const secretKey = "kith.authorization";

/** The Authorization header of the secret that the user gave, "" if none was; it's forgotten with the tab. */
export function authorization(): string {
  return recall("tab", secretKey);
}

/** Takes a secret as the node's API.Authorizations has it: "bearer:…", "basic:user:password". False if it's none. */
export function setSecret(text: string): boolean {
  const [, kind, value = ""] = /^(?:(bearer|basic):)?([\x20-\x7e]+)$/.exec(text.trim()) ?? [];
  if (value === "") return false;
  const encoded = kind === "basic" && value.includes(":") ? btoa(value) : value;
  keep("tab", secretKey, `${kind === "basic" ? "Basic" : "Bearer"} ${encoded}`);
  return true;
}

/** Whether a failure says that a secret is wanted, or another one. */
export function wantsSecret(error: unknown): boolean {
  return error instanceof RpcError && error.status === 403 && error.message.includes("API.Authorizations");
}

/** Who wants to know whether a secret is wanted. */
export const refusals = new EventTarget();

/** Who wants to know whether the node answers. */
export const reachability = new EventTarget();

/** Calls a command and returns once the answer begins. */
export async function open(command: string, query: Query = {}, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  const secret = authorization();
  try {
    const headers = secret ? { Authorization: secret } : {};
    response = await fetch(rpcUrl(command, query), { method: "POST", headers, signal: signal ?? null, cache: "no-store" });
  } catch (error) {
    // One slow command doesn't say that the node is gone.
    if (isAbort(error) || isTimeout(error)) throw error;
    reachability.dispatchEvent(new CustomEvent("change", { detail: false }));
    throw new UnreachableError();
  }
  // A proxy in between says 502 to 504 for a node that is gone.
  const answered = response.status < 502 || response.status > 504;
  reachability.dispatchEvent(new CustomEvent("change", { detail: answered }));
  if (!answered) throw new UnreachableError();
  if (response.ok) return response;
  const error = await errorOf(command, response);
  // A late answer to the secret before isn't one to this.
  if (wantsSecret(error) && secret === authorization()) refusals.dispatchEvent(new Event("refused"));
  throw error;
}

async function errorOf(command: string, response: Response): Promise<RpcError> {
  return new RpcError(command, response.status, messageOf(await response.text()) || response.statusText);
}

/** The message in the body of a failed answer. */
export function messageOf(body: string): string {
  try {
    const value = JSON.parse(body) as { Message?: unknown };
    if (typeof value.Message === "string") return value.Message;
  } catch {
    // Not every refusal is JSON.
  }
  return body.trim().slice(0, 500);
}

export async function call<T>(command: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await open(command, query, signal);
  return (await response.json().catch(brokenOff)) as T;
}

/** Each line of an NDJSON answer, as it comes. */
export async function* stream<T>(command: string, query: Query = {}, signal?: AbortSignal): AsyncGenerator<T> {
  const response = await open(command, query, signal);
  const lines = new LineParser<T>(command);
  for await (const part of bytesOf(response)) yield* lines.feed(part);
  yield* lines.end();
}

/** Of a connection that ends amid an answer browsers make a TypeError. */
function brokenOff(error: unknown): never {
  throw error instanceof TypeError ? new UnreachableError() : error;
}

/** The bytes of an answer, as they come. */
export async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenOff);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Cuts bytes or text into JSON values a line each. A failure after the first value comes as a last line. */
export class LineParser<T> {
  private rest = "";
  private readonly decoder = new TextDecoder();
  constructor(private readonly command: string) {}

  *feed(part: Uint8Array | string): Generator<T> {
    this.rest += typeof part === "string" ? part : this.decoder.decode(part, { stream: true });
    const lines = this.rest.split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) yield this.value(line);
  }

  *end(): Generator<T> {
    if (this.rest.trim()) yield this.value(this.rest);
    this.rest = "";
  }

  private value(line: string): T {
    let value: T & { Type?: unknown; Message?: unknown };
    try {
      value = JSON.parse(line);
    } catch {
      throw new RpcError(this.command, 200, "the node's answer broke off");
    }
    if (value.Type === "error" && typeof value.Message === "string") throw new RpcError(this.command, 200, value.Message);
    return value;
  }
}

// What the commands answer, as far as the page reads it.

export interface Identity {
  ID: string;
  PublicKey: string;
  Addresses: string[] | null;
  AgentVersion: string;
  Protocols: string[] | null;
}

export interface Peer {
  Addr: string;
  Peer: string;
  Latency?: string;
  Muxer?: string;
  /** 1 they called us, 2 we called them. */
  Direction?: number;
  Streams?: { Protocol: string }[] | null;
  Identify?: { AgentVersion?: string; Protocols?: string[] | null };
  // What kith tells besides, and Kubo doesn't.
  Transport?: string;
  Security?: string;
  Relayed?: boolean;
  Limited?: boolean;
  FoundBy?: string;
  OpenedAt?: string;
  Seconds?: number;
  BytesIn?: number;
  BytesOut?: number;
}

/** nat/status, of which a Kubo knows nothing. */
export interface NatStatus {
  Reachability: string;
  Since: string | null;
  Summary: string;
  Advice: string[];
  Addresses: { Address: string; Reachability: string; Reached: number; Failed: number; Refused: boolean; Since: string | null }[];
  Observed: { Address: string; Networks: number; Believed: boolean }[];
  NAT: { Mapping: string; Behind: string };
  PortMapping: { Enabled: boolean; Protocol: string; Router: string; Outside: string; Mappings: { Transport: string; Inside: number; Outside: number; Until: string }[] };
  Relays: { Enabled: boolean; Wanted: boolean; Known: number; Reservations: Reservation[] };
  HolePunching: { Enabled: boolean; Begun: number; Dialed: number; Punched: number; Failed: number };
}

export interface Reservation {
  Relay: string;
  Held: boolean;
  Expires: string | null;
  LastFailure: string;
}

/** doctor */
export interface Checkup {
  Checks: { Name: string; State: "ok" | "warning" | "problem"; Text: string; Advice: string }[];
  Problems: number;
  Warnings: number;
}

export interface Bandwidth {
  TotalIn: number;
  TotalOut: number;
  RateIn: number;
  RateOut: number;
}

export interface BitswapStat {
  Wantlist: unknown[] | null;
  Peers: string[] | null;
  BlocksReceived: number;
  DataReceived: number;
  DupBlksReceived: number;
  BlocksSent: number;
  DataSent: number;
}

export interface RepoStat {
  RepoSize: number;
  StorageMax: number;
  NumObjects: number;
  RepoPath: string;
  Version: string;
}

export interface Listing {
  Objects: { Hash: string; Links: ListedLink[] | null }[];
}

export interface ListedLink {
  Name: string;
  Hash: string;
  Size: number;
  /** 1 folder, 2 file, 4 symbolic link; 0 not known. */
  Type: number;
  Target?: string;
}

export interface AddEvent {
  Name: string;
  Bytes?: number;
  Hash?: string;
  Size?: string;
}
