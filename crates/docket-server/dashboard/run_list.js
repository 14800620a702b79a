// A list of runs, newest first, kept up to date by events; older ones page by page. Of one allocation, or of all
// that match a filter.

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

/** The name of a run among those of all allocations. */
export const keyOf = (run) => `${run.Allocation}/${run.Run}`;

/** Begins to follow the runs of an allocation. */
export const history = (name) => runList(address(name, "runs"), {}, (run) => run.Allocation === name);

/** Begins to follow the runs of all allocations: those of a query, and of events those that `has` is true for. */
export const allRuns = (query, has) => runList(address("-", "runs"), query, has);

function runList(path, query, has) {
  const changed = signal();
  const notify = redraws(() => changed.give());
  let runs = [];
  let cursor = null;
  let loaded = false;
  let failed = null;
  // Records from events during a request, which are newer than its response.
  let learntSince = null;

  const ends = [
    events.runs.on(({ Run: record }) => learn(record)),
    events.allocations.on((entry) => entry.Event === "Deleted" && forget(entry.Allocation)),
    events.gap.on(() => load()),
  ];

  return {
    changed,
    load,
    older,
    runs: () => runs,
    hasOlder: () => cursor !== null,
    isLoaded: () => loaded,
    /** Why the last load failed, or null. */
    failure: () => failed,
    end: () => ends.forEach((end) => end()),
  };

  function ask(from) {
    const all = new URLSearchParams({ ...query, limit: PAGE, ...(from === null ? {} : { cursor: from }) });
    return get(`${path}?${all}`);
  }

  /** Loads the newest page. */
  async function load() {
    const learnt = new Map();
    learntSince = learnt;
    const [page, error] = await ask(null).then((page) => [page, null], (error) => [null, error]);
    // A newer load has begun.
    if (learntSince !== learnt) return;
    learntSince = null;
    // If it failed, what is there stays: old runs are better than none.
    failed = error;
    if (page) take(page, learnt);
    notify();
  }

  function take(page, learnt) {
    loaded = true;
    const newest = runs[0]?.Run;
    const oldest = page.Runs.at(-1)?.Run;
    // Older pages that were asked for stay, unless there may be runs between them and this page.
    const isJoined = page.Cursor && newest && oldest && !isBefore(newest, oldest);
    const fresh = new Set(page.Runs.map(keyOf));
    // Runs of several allocations may have the same instant.
    const kept = isJoined ? runs.filter((run) => !isBefore(oldest, run.Run) && !fresh.has(keyOf(run))) : [];
    runs = [...page.Runs, ...kept];
    // With older pages kept, the cursor of the oldest stays.
    if (kept.length === 0) cursor = page.Cursor ?? null;
    for (const record of learnt.values()) learn(record);
  }

  /** Loads one page more. */
  async function older() {
    if (cursor === null) return;
    const from = cursor;
    const page = await ask(from);
    // The newest page was loaded meanwhile, and this one does not follow it.
    if (cursor !== from) return older();
    const known = new Set(runs.map(keyOf));
    runs = [...runs, ...page.Runs.filter((run) => !known.has(keyOf(run)))];
    cursor = runs.length >= KEPT ? null : (page.Cursor ?? null);
    notify();
  }

  // Adds or replaces a record; removes one that no longer belongs here.
  function learn(record) {
    learntSince?.set(keyOf(record), record);
    const known = runs.findIndex((run) => run.Run === record.Run && run.Allocation === record.Allocation);
    if (!has(record)) {
      if (known < 0) return;
      runs.splice(known, 1);
      return notify();
    }
    const later = known >= 0 ? known : runs.findIndex((run) => !isBefore(record.Run, run.Run));
    if (known >= 0) runs[known] = record;
    else if (later >= 0) runs.splice(later, 0, record);
    // A cursor begins with an instant. What is older than that is on a later page.
    else if (cursor === null || !isBefore(record.Run, cursor.split("-")[0])) runs.push(record);
    else return;
    runs.length = Math.min(runs.length, KEPT);
    notify();
  }

  function forget(name) {
    const left = runs.filter((run) => run.Allocation !== name);
    if (left.length === runs.length) return;
    runs = left;
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
