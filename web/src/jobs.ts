// Long work with a progress bar: adding, fetching, saving. Jobs outlive the view that began them.
import { isAbort } from "./api";
import { announce, arrange, fill, focusHeading, h, icon, visible } from "./dom";
import { errorBox, explain, type Explanation } from "./errors";
import * as format from "./format";

export type JobKind = "add" | "fetch" | "save";
export type JobState = "running" | "done" | "failed" | "cancelled";

const rateWindowMilliseconds = 4000;
const stalledMilliseconds = 4000;

export class Job {
  state: JobState = "running";
  done = 0;
  /** Bytes in all; null while nobody knows. */
  total: number | null = null;
  /** What goes on besides bytes: "from 3 peers". */
  detail = "";
  /** Shown when no bytes came for a while. */
  stalledText = "";
  failure: Explanation | null = null;
  /** Where the result is to be seen. */
  link: string | null = null;
  onDone: (() => void) | null = null;
  private readonly controller = new AbortController();
  private samples: { time: number; done: number }[] = [{ time: performance.now(), done: 0 }];
  private lastProgress = performance.now();
  private readonly began = performance.now();
  private ended = 0;

  constructor(
    readonly kind: JobKind,
    readonly name: string,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  progress(done: number): void {
    if (done <= this.done) return;
    this.done = done;
    this.lastProgress = performance.now();
    const last = this.samples[this.samples.length - 1];
    if (last && this.lastProgress - last.time < 100) return;
    this.samples.push({ time: this.lastProgress, done });
    while (this.samples.length > 2 && this.lastProgress - this.samples[0]!.time > rateWindowMilliseconds) this.samples.shift();
  }

  /** Bytes a second over the last seconds, or over all of it once it ended. */
  rate(): number {
    const now = performance.now();
    if (this.state !== "running") return this.done / Math.max(0.001, (this.ended - this.began) / 1000);
    const first = this.samples[0]!;
    const seconds = (now - first.time) / 1000;
    return seconds < 0.05 ? 0 : (this.done - first.done) / seconds;
  }

  secondsLeft(): number {
    return this.total === null ? Infinity : Math.max(0, this.total - this.done) / this.rate();
  }

  stalled(): boolean {
    return this.state === "running" && performance.now() - this.lastProgress > stalledMilliseconds;
  }

  seconds(): number {
    return ((this.ended || performance.now()) - this.began) / 1000;
  }

  cancel(): void {
    if (this.state !== "running") return;
    this.controller.abort();
    this.end("cancelled");
  }

  async run(work: (job: Job) => Promise<void>): Promise<void> {
    try {
      await work(this);
      if (this.state !== "running") return;
      this.end("done");
      this.onDone?.();
    } catch (error) {
      if (this.state !== "running") return;
      if (isAbort(error)) return this.end("cancelled");
      this.failure = explain(error, "content");
      this.end("failed");
    }
  }

  private end(state: JobState): void {
    this.state = state;
    this.ended = performance.now();
    announce(`${this.name}: ${stateText(this)}`);
    redraw();
  }
}

const jobs: Job[] = [];
const list = h("ul", { class: "jobs" });
const heading = h("h2", null, "Transfers");
const clear = h("button", { type: "button", class: "link", onclick: () => dismissEnded() }, "Clear");
const dock = h("aside", { class: "dock", "aria-label": "Transfers", hidden: true }, h("header", null, heading, clear), list);
const rows = new Map<Job, { row: HTMLElement; update: () => void }>();

export function mountJobs(parent: Element): void {
  parent.append(dock);
  setInterval(redraw, 250);
  window.addEventListener("beforeunload", (event) => {
    if (jobs.some((job) => job.state === "running" && job.kind !== "fetch")) event.preventDefault();
  });
}

/** Begins `work` and shows it. */
export function startJob(kind: JobKind, name: string, work: (job: Job) => Promise<void>): Job {
  const job = new Job(kind, name);
  jobs.unshift(job);
  void job.run(work);
  redraw();
  return job;
}

function dismissEnded(): void {
  for (const job of jobs.filter((each) => each.state !== "running")) dismiss(job);
  if (clear.hidden || dock.hidden) focusHeading();
}

function dismiss(job: Job): void {
  jobs.splice(jobs.indexOf(job), 1);
  rows.delete(job);
  redraw();
}

function redraw(): void {
  document.body.classList.toggle("has-dock", jobs.length > 0);
  const running = jobs.filter((job) => job.state === "running").length;
  heading.textContent = running > 0 ? `Transfers · ${running} running` : "Transfers";
  clear.hidden = running === jobs.length;
  const shown = jobs.map((job) => {
    const entry = rows.get(job) ?? makeRow(job);
    rows.set(job, entry);
    entry.update();
    return entry.row;
  });
  arrange(list, shown);
  dock.hidden = jobs.length === 0;
}

function stateText(job: Job): string {
  const verbs = { add: ["Adding", "Added"], fetch: ["Fetching", "Fetched"], save: ["Downloading", "Downloaded"] } as const;
  if (job.state === "cancelled") return "Cancelled";
  if (job.state === "failed") return "Failed";
  return verbs[job.kind][job.state === "done" ? 1 : 0];
}

function figures(job: Job): string {
  const parts: string[] = [];
  if (job.state === "running") {
    parts.push(job.total === null ? format.bytes(job.done) : `${format.bytes(Math.min(job.done, job.total))} of ${format.bytes(job.total)}`);
    if (job.stalled()) {
      parts.push(job.stalledText || "waiting");
      return parts.join(" · ");
    }
    if (job.rate() > 0) parts.push(format.rate(job.rate()));
    const left = job.secondsLeft();
    if (Number.isFinite(left) && job.done > 0) parts.push(`${format.duration(left)} left`);
  } else if (job.state === "done") {
    parts.push(format.bytes(job.done), `in ${format.duration(job.seconds())}`);
    if (job.done > 0) parts.push(format.rate(job.rate()));
  } else if (job.done > 0) {
    parts.push(`after ${format.bytes(job.done)}`);
  }
  if (job.detail) parts.push(job.detail);
  return parts.join(" · ");
}

function makeRow(job: Job): { row: HTMLElement; update: () => void } {
  const bar = h("progress", { "aria-label": job.name, max: 1000 });
  const state = h("span", { class: "job-state" });
  const numbers = h("p", { class: "job-figures" });
  const problem = h("div");
  const stop = h("button", { type: "button", class: "icon-button", onclick: () => (job.state === "running" ? job.cancel() : dismiss(job)) }, icon("close"));
  const name = h("a", { class: "job-name" }, job.name);
  const row = h(
    "li",
    { class: "job" },
    h("div", { class: "job-head" }, icon(job.kind === "add" ? "upload" : job.kind === "save" ? "download" : "fetch"), name, state, stop),
    bar,
    numbers,
    problem,
  );
  let shownFailure: Explanation | null = null;
  const update = () => {
    row.dataset.state = job.state;
    state.textContent = stateText(job);
    numbers.textContent = figures(job);
    bar.hidden = job.state === "failed" || job.state === "cancelled";
    if (job.state === "done") bar.value = 1000;
    else if (job.total !== null && job.total > 0 && job.done > 0) bar.value = Math.min(1000, (1000 * job.done) / job.total);
    else bar.removeAttribute("value");
    if (job.link) name.setAttribute("href", job.link);
    const verb = job.state === "running" ? "Cancel" : "Dismiss";
    stop.title = verb;
    stop.setAttribute("aria-label", visible(`${verb} ${job.name}`));
    if (job.failure && job.failure !== shownFailure) fill(problem, errorBox(job.failure));
    shownFailure = job.failure;
  };
  return { row, update };
}
