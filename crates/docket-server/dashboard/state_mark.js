// The mark of a run's state. Each state has a shape of its own, so that colour alone says nothing:
// a dot succeeded, a cross failed, a triangle took too long, a bar was cancelled, rings never ran.

import { svg } from "./dom_elements.js";

/** Each state: its shape in a square of 10, whether it is filled, its tone, and its words. */
const STATES = {
  succeeded: ["M5 1.6a3.4 3.4 0 1 1 0 6.8a3.4 3.4 0 1 1 0-6.8z", true, "good", "succeeded"],
  failed: ["M1.8 1.8L8.2 8.2M8.2 1.8L1.8 8.2", false, "bad", "failed"],
  "timed-out": ["M5 1L9.2 8.6H.8z", true, "bad", "timed out"],
  lost: ["M5 .6L9.4 5L5 9.4L.6 5z", true, "bad", "lost"],
  missed: ["M5 1L9 5L5 9L1 5z", false, "warn", "missed"],
  skipped: ["M5 2a3 3 0 1 1 0 6a3 3 0 1 1 0-6z", false, "quiet", "skipped"],
  cancelled: ["M1 5H9", false, "quiet", "cancelled"],
  running: ["M2.2 1L9 5L2.2 9z", true, "live", "running"],
  starting: ["M2.2 1.4L8.6 5L2.2 8.6z", false, "live", "starting"],
  waiting: ["M2.8 1.6V8.4M7.2 1.6V8.4", false, "live", "waiting"],
  retrying: ["M8.4 5a3.4 3.4 0 1 1-1.2-2.6M7.6 .4V2.8H5.2", false, "live", "retrying"],
  cancelling: ["M2 2H8V8H2z", false, "live", "cancelling"],
  stuck: ["M2.2 1L9 5L2.2 9zM.6 .6V9.4", true, "bad", "stuck"],
  none: ["M3.6 5H6.4", false, "quiet", "has not run"],
};

/** All words that a run's state may be. */
export const WORDS = Object.keys(STATES).filter((word) => word !== "none");

const UNDER_WAY = new Set(["waiting", "starting", "running", "retrying", "cancelling", "stuck"]);
const FAILURES = new Set(["failed", "timed-out", "missed", "lost"]);

/** The states as the API takes them in a query. */
export const UNDER_WAY_STATES = [...UNDER_WAY].join(",");
export const FAILURE_STATES = [...FAILURES].join(",");

export const isUnderWay = (state) => UNDER_WAY.has(state);
export const isFailure = (state) => FAILURES.has(state);

function known(state) {
  // A later version of the server may have more states.
  return STATES[state] ?? STATES.none;
}

/** The state in words. */
export function inWords(state) {
  return STATES[state] ? STATES[state][3] : String(state);
}

/** How many runs of an allocation are how far, in words, each with its state: `[["running", "2 running"]]`. */
export function activeInWords({ Running, Starting, Retrying, Waiting }) {
  const counts = [["running", Running], ["starting", Starting], ["retrying", Retrying], ["waiting", Waiting]];
  return counts.filter(([, count]) => count > 0).map(([state, count]) => [state, count === 1 ? inWords(state) : `${count} ${inWords(state)}`]);
}

/** The class of its colour. */
export const tone = (state) => `tone-${known(state)[2]}`;

/** The shape at a place of a larger drawing. */
export function shape(state, x, y, size = 10) {
  const [path, filled] = known(state);
  const transform = `translate(${x} ${y}) scale(${size / 10})`;
  return svg(`path.mark.${filled ? "filled" : "open"}.${tone(state)}`, { d: path, transform });
}

/** The shape by itself; words must stand beside it. */
export function mark(state) {
  return svg("svg.icon", { viewBox: "0 0 10 10", "aria-hidden": "true" }, shape(state, 0, 0));
}
