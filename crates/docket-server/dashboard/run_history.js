// The runs of one allocation, newest first, kept up to date by events; older ones page by page.

import { address, get } from "./api_client.js";
import * as events from "./event_stream.js";
import { redraws } from "./redraw_scheduler.js";
import { signal } from "./listeners.js";
import { instantOf } from "./format_times.js";

/** How many runs are asked for at once. */
const PAGE = 100;
/** More than so many are not kept on the page. */
const KEPT = 2000;

/** True if the instant of one run is before another's. The order of their names as texts differs. */
export const isBefore = (run, other) => instantOf(run) < instantOf(other);

/** Begins to follow the runs of an allocation. */
export function history(name) {
  const changed = signal();
  const notify = redraws(() => changed.give());
  let runs = [];
  let cursor = null;
  let loaded = false;
  // Records from events during a request, which are newer than its response.
  let learntSince = null;

  const ends = [
    events.runs.on((event) => {
      if (event.Allocation === name) learn(event.Run);
    }),
    events.gap.on(() => load().catch(() => {})),
  ];

  return {
    changed,
    load,
    older,
    learn,
    runs: () => runs,
    hasOlder: () => cursor !== null,
    isLoaded: () => loaded,
    end: () => ends.forEach((end) => end()),
  };

  /** Loads the newest page. */
  async function load() {
    learntSince = new Map();
    const newest = runs[0]?.Run;
    const page = await get(`${address(name, "runs")}?limit=${PAGE}`);
    const oldest = page.Runs.at(-1)?.Run;
    // Older pages that were asked for stay, unless there may be runs between them and this page.
    const isJoined = page.Cursor && newest && !isBefore(newest, oldest);
    const kept = isJoined ? runs.filter((run) => isBefore(run.Run, oldest)) : [];
    runs = [...page.Runs, ...kept];
    // With older pages kept, the cursor of the oldest stays.
    if (kept.length === 0) cursor = page.Cursor ?? null;
    for (const record of learntSince.values()) learn(record);
    loaded = true;
    notify();
  }

  /** Loads one page more. */
  async function older() {
    if (cursor === null) return;
    const from = cursor;
    const page = await get(`${address(name, "runs")}?limit=${PAGE}&cursor=${encodeURIComponent(from)}`);
    // The newest page was loaded meanwhile, and this one does not follow it.
    if (cursor !== from) return older();
    runs = [...runs, ...page.Runs];
    cursor = runs.length >= KEPT ? null : (page.Cursor ?? null);
    notify();
  }

  /** Adds or replaces a record. */
  function learn(record) {
    learntSince?.set(record.Run, record);
    const index = runs.findIndex((run) => run.Run === record.Run || isBefore(run.Run, record.Run));
    if (index >= 0 && runs[index].Run === record.Run) runs[index] = record;
    else if (index >= 0) runs.splice(index, 0, record);
    else if (cursor === null) runs.push(record);
    // It is older than all that are loaded, so a later page has it.
    else return;
    runs.length = Math.min(runs.length, KEPT);
    notify();
  }

}

/** When the first container of a run started, or null. */
export function startedAt(run) {
  const started = run.Attempts.find((attempt) => attempt.Started)?.Started;
  return started ? Date.parse(started) : null;
}

/** How long a run took, as the server says; so far, where it is not over; or null. */
export function durationOf(run, present) {
  if (run.Ended) return run.DurationMilliseconds ?? null;
  const started = startedAt(run);
  return started === null || present === undefined ? null : Math.max(0, present - started);
}

/** Why a run is as it is: its own reason, or the exit code where it is none of the usual. */
export function reasonOf(run) {
  if (run.Reason) return run.Reason;
  const code = run.Attempts.at(-1)?.ExitCode;
  return code ? `exit code ${code}` : null;
}

/** What made a run, in words. */
export function triggerInWords(run) {
  return run.By ? `${run.Trigger}, ${run.By}` : run.Trigger;
}
