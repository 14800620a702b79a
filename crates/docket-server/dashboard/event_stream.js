// Follows the events of the server. A hidden page follows nothing and costs nothing. After a break the
// stream continues after the last event. If events may have been missed, `gap` is given: reload everything.

import { address, reached } from "./api_client.js";
import { signal } from "./listeners.js";

/** Given with `{Allocation, Run}` for each change of a run. */
export const runs = signal();
/** Given with a journal entry for each change of an allocation. */
export const allocations = signal();
/** Given with a journal entry for what happens to the server. */
export const server = signal();
/** Given if events may have been missed. */
export const gap = signal();
/** Given when the stream breaks, which may have other causes than a server that is away. */
export const broken = signal();

/** How long to wait before another try, in milliseconds. */
const PAUSE = 3000;

let source = null;
let timer = null;
// The last event that came; null before the first.
let last = null;
let opened = false;
// What came before the page follows the stream.
let waiting = [];

/** Opens the stream before the page can follow it. What comes is kept for that. */
export function openEarly() {
  if (!document.hidden) open();
}

/** Begins to follow; again after the page was hidden. */
export function follow() {
  const given = waiting;
  waiting = null;
  for (const [kind, value] of given) kind.give(value);
  // A browser has six connections to a server, and many tabs of docket would use them all up.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  // What a hidden page loaded is outdated when the page is shown.
  opened ||= document.hidden;
  if (document.hidden) close();
  else open();
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
  // A new stream cannot send the header `Last-Event-ID`, so the id is in the query.
  source = new EventSource(`${address("-", "events")}${last ? `?since=${encodeURIComponent(last)}` : ""}`);
  const listen = (kind, given) => source.addEventListener(kind, (event) => {
    last = event.lastEventId;
    const value = JSON.parse(event.data);
    if (waiting) waiting.push([given, value]);
    else given.give(value);
  });
  listen("run", runs);
  listen("allocation", allocations);
  listen("server", server);
  listen("gap", gap);
  source.onopen = () => {
    reached.give(true);
    // Without the id of the last event the server cannot know which were missed.
    if (opened && !last) gap.give({ Reason: "the connection was lost" });
    opened = true;
  };
  source.onerror = () => {
    // The browser reconnects by itself, unless the response was not a stream.
    if (source?.readyState === EventSource.CLOSED) again();
    broken.give();
  };
}

function again() {
  close();
  timer = setTimeout(open, PAUSE);
}
