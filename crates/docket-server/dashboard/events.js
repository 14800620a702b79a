// Follows what happens on the server. While nobody looks at the page it follows nothing, and costs
// nothing. After a break it goes on behind the last event that it got. Where something may have been
// missed all the same `gap` is given: reload everything.

import { address, reached } from "./api.js";
import { signal } from "./signal.js";

/** Given with `{Allocation, Run}` for each change of a run. */
export const runs = signal();
/** Given with a journal entry for each change of an allocation. */
export const allocations = signal();
/** Given with a journal entry for what happens to the server. */
export const server = signal();
/** Given where something may have been left out. */
export const gap = signal();
/** Given where the stream broke off, which need not mean that the server is away. */
export const broken = signal();

/** How long to wait before another try, in milliseconds. */
const PAUSE = 3000;

let source = null;
let timer = null;
// The last event that came; null before the first.
let last = null;
let opened = false;

/** Begins to follow; again after the page was hidden. */
export function follow() {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  // What was loaded while nobody looked is old once somebody does.
  opened = document.hidden;
  if (!document.hidden) open();
}

/** Begins anew, such as after a sign-in. */
export function reopen() {
  close();
  if (!document.hidden) open();
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function open() {
  if (source) return;
  source = new EventSource(`${address("-", "events")}${last ? `?since=${encodeURIComponent(last)}` : ""}`);
  const listen = (kind, given) => source.addEventListener(kind, (event) => {
    last = event.lastEventId;
    given.give(JSON.parse(event.data));
  });
  listen("run", runs);
  listen("allocation", allocations);
  listen("server", server);
  listen("gap", gap);
  source.onopen = () => {
    reached.give(true);
    // Without a name for the place where it broke off the server cannot know what was missed.
    if (opened && !last) gap.give({ Reason: "the connection was lost" });
    opened = true;
  };
  source.onerror = () => {
    // The browser tries again by itself, unless the answer was no stream at all.
    if (source?.readyState === EventSource.CLOSED) again();
    broken.give();
  };
}

function again() {
  close();
  timer = setTimeout(open, PAUSE);
}
