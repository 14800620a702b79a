// All allocations as the page knows them: loaded once, then kept up to date by events.
// Rules: an item is replaced, never changed; `changed` is given once a frame at most.

import { ApiError, address, get } from "./api_client.js";
import * as events from "./event_stream.js";
import { pieces } from "./list_pages.js";
import { isFailure, isUnderWay } from "./state_mark.js";
import { redraws } from "./redraw_scheduler.js";
import { signal } from "./listeners.js";
import * as strip from "./recent_runs_strip.js";
import { instantOf, now } from "./format_times.js";

/** So many that changed at once cost more one by one than all together. */
const MANY = 40;
/** How long to wait with what events changed, in milliseconds: they come in numbers. */
const SOON = 600;
/** The shortest time between two loads of all, and before what failed is retried, in milliseconds. */
const LOAD_PAUSE = 10_000;
/** What a timer can wait at most, in milliseconds. */
const LONGEST_TIMER = 2 ** 31;

/** Given when the allocations changed. */
export const changed = signal();

const items = new Map();
const stale = new Set();
// Names from events during a load, whose responses may be older.
let touchedSince = new Set();
let loading = null;
let again = false;
let loaded = false;
// When the last load ended, whether it succeeded or not.
let endedAt = 0;
let failed = null;
let timer = null;
let retry = null;
// The timers of suspensions by name.
const suspensionEnds = new Map();

/** All items by name. */
export const all = () => items;
/** The names of the allocations that run after another. */
export const childrenOf = (name) => [...items.values()].filter((item) => item.parents.includes(name)).map((item) => item.name).sort();
/** True until all are there. */
export const isLoading = () => loading !== null;
/** True once all have been there. */
export const isLoaded = () => loaded;
/** Why the last load failed, or null. */
export const failure = () => failed;

/** Begins to listen to events. */
export function follow() {
  events.runs.on(({ Run: record }) => {
    strip.learn(record);
    take(record);
  });
  events.allocations.on((entry) => (entry.Event === "Deleted" ? drop(entry.Allocation) : touch(entry.Allocation)));
  events.gap.on(() => {
    strip.forget();
    // A load that is under way may have passed by what was missed.
    if (loading) again = true;
    else load();
  });
}

/** Loads all allocations; what is on the page stays until the new is there. */
export function load() {
  clearTimeout(retry);
  loading ??= loadAll().finally(() => {
    loading = null;
    endedAt = Date.now();
    notify();
    if (again) load();
    else if (failed) retry = setTimeout(load, LOAD_PAUSE);
    again = false;
  });
  return loading;
}

async function loadAll() {
  const found = new Map();
  // The first load was requested before the first event was given, so all that came since are during it.
  if (endedAt > 0) touchedSince = new Set();
  // The piece with a name may have been written before the event about it, so the load says nothing
  // about it.
  const isOld = (name) => !touchedSince.has(name);
  try {
    for await (const piece of pieces()) {
      for (const allocation of piece) {
        const item = make(allocation);
        found.set(item.name, item);
        // The first load is shown as it comes; a later one replaces the old items only when it is
        // complete. What an event changed is shown until it is requested again.
        if (!loaded && (isOld(item.name) || stale.has(item.name))) items.set(item.name, item);
      }
      if (!loaded) notify();
    }
  } catch (error) {
    // What is there stays: an old list is better than none.
    failed = error;
    return;
  }
  failed = null;
  for (const name of [...items.keys()].filter(isOld)) if (!found.has(name)) items.delete(name);
  for (const [name, item] of found) if (isOld(name)) set(item);
  for (const name of [...stale].filter(isOld)) stale.delete(name);
  loaded = true;
}

/** Asks for one allocation anew; null where it is gone. */
export async function refresh(name) {
  try {
    const item = make(await get(address(name)));
    set(item);
    notify();
    return item;
  } catch (error) {
    // Only a 404 says that it is gone; a server that is away says nothing.
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    drop(name);
    return null;
  }
}

// The end of a suspension is no event.
function set(item) {
  const { name, status } = item;
  items.set(name, item);
  clearTimeout(suspensionEnds.get(name));
  const left = Date.parse(status.Suspended?.Until ?? "") - now();
  // A browser's timer holds 32 bits: with more it would fire at once.
  if (left > 0 && left < LONGEST_TIMER) suspensionEnds.set(name, setTimeout(touch, left, name));
}

function drop(name) {
  touchedSince.add(name);
  items.delete(name);
  stale.delete(name);
  strip.forget(name);
  notify();
}

/** Notes that an allocation is not as it was; soon it is asked for. */
export function touch(name) {
  touchedSince.add(name);
  stale.add(name);
  timer ??= setTimeout(catchUp, SOON);
}

async function catchUp() {
  timer = null;
  if (stale.size > MANY) {
    const wait = endedAt + LOAD_PAUSE - Date.now();
    if (wait <= 0) await load();
    // Many changes one after another must not load everything each time.
    if (stale.size > 0) timer ??= setTimeout(catchUp, Math.max(wait, SOON));
    return;
  }
  const names = [...stale];
  stale.clear();
  // One after another: the browser's connections are needed for the view, too.
  for (const name of names) await refresh(name).catch(() => setTimeout(touch, LOAD_PAUSE, name));
}

// What a run says of its allocation is shown at once; the rest is asked for.
function take(record) {
  const item = items.get(record.Allocation);
  // It may be new: its own event may still be on its way, or was missed.
  if (!item) return touch(record.Allocation);
  const last = item.status.LastRun;
  // An event of an older run, such as a late backfill, must not replace a newer result.
  const isNews = !last || instantOf(record.Run) >= instantOf(last.Run) || isUnderWay(last.State);
  if (isNews && !isUnderWay(record.State)) {
    const attempt = record.Attempts.at(-1);
    const summary = {
      Run: record.Run,
      State: record.State,
      ExitCode: attempt?.ExitCode ?? null,
      Reason: record.Reason ?? null,
      Ended: record.Ended ?? null,
    };
    items.set(item.name, make({ ...item.allocation, Status: { ...item.status, LastRun: summary } }));
    notify();
  }
  touch(record.Allocation);
}

const notify = redraws(() => changed.give());

/** Makes an item of an allocation as the server shows it. */
export function make(allocation) {
  // The list is requested without logs, but a single allocation has them: thousands would take much
  // memory.
  const { Logs: _, ...kept } = allocation;
  const status = kept.Status ?? {};
  const labels = Object.entries(kept.Labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const suspended = Boolean(status.Suspended || kept.Suspended);
  const next = suspended || !status.Next ? Infinity : Date.parse(status.Next);
  const image = kept.Container?.Config?.Image ?? "";
  // Joined and lowered once, not at each key of a search.
  const searched = [kept.Name, kept.Description, kept.Cron, status.Schedule, status.TimeZone, image, ...labels];
  return {
    name: kept.Name,
    allocation: kept,
    status,
    labels,
    parents: [kept.After ?? []].flat(),
    next,
    suspended,
    state: stateOf(status, suspended),
    ended: status.LastRun?.Ended ? Date.parse(status.LastRun.Ended) : 0,
    searched: searched.join("\n").toLowerCase(),
  };
}

function stateOf(status, suspended) {
  if (suspended) return "suspended";
  if (!status.LastRun) return "new";
  return isFailure(status.LastRun.State) ? "failing" : "well";
}
