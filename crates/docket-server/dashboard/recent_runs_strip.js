// The strip of an allocation's last runs, oldest first. It asks for them only when it is looked at,
// a few allocations at a time, and keeps what it has learnt until events say otherwise.

import { address, get } from "./api_client.js";
import { svg } from "./dom_elements.js";
import { isBefore } from "./run_list.js";
import { inWords, shape } from "./state_mark.js";
import { counted } from "./format_times.js";

/** How many runs a strip shows. */
export const SHOWN = 30;
/** How many strips are asked for at once: a browser has six connections to a server. */
const AT_ONCE = 3;
/** How many strips are kept. */
const KEPT = 2000;

const known = new Map();
const wanted = new Map();
// Records from events during a request, which may be newer than its response.
const asked = new Map();

/** What is known of an allocation's runs, newest first, or undefined. */
export const runsOf = (name) => known.get(name);

/** Learns of a run that changed. */
export function learn(record) {
  const runs = known.get(record.Allocation);
  if (!runs) return void asked.get(record.Allocation)?.push(record);
  const index = runs.findIndex((run) => run.Run === record.Run);
  if (index >= 0) runs[index] = record;
  else {
    const before = runs.findIndex((run) => isBefore(run.Run, record.Run));
    runs.splice(before < 0 ? runs.length : before, 0, record);
    runs.length = Math.min(runs.length, SHOWN);
  }
}

/** Forgets one allocation, or all. */
export function forget(name) {
  if (name === undefined) known.clear();
  else known.delete(name);
}

/** Asks for the runs of an allocation; the newest `then` is called once they are known. */
export function want(name, then) {
  wanted.set(name, then);
  next();
}

/** No longer asks for those that are not looked at any more. */
export function unwant(name) {
  wanted.delete(name);
}

async function next() {
  // A row may be drawn again during its request: it waits for that response.
  const name = [...wanted.keys()].find((name) => !asked.has(name));
  if (asked.size >= AT_ONCE || name === undefined) return;
  asked.set(name, []);
  try {
    const url = `${address(name, "runs")}?limit=${SHOWN}`;
    const { Runs: runs } = await get(url);
    // A map keeps the order of its insertions, so the first is the oldest.
    if (known.size >= KEPT) known.delete(known.keys().next().value);
    known.set(name, runs);
    for (const record of asked.get(name)) learn(record);
    wanted.get(name)?.(runs);
  } catch {
    // It was deleted, or the server is away: the row says so by itself.
  } finally {
    wanted.delete(name);
    asked.delete(name);
    next();
  }
}

/** How wide the place of a run is, in pixels. */
const STEP = 9;

/** How many runs a place of this width shows. */
export const fitting = (width) => Math.max(1, Math.min(SHOWN, Math.floor(width / STEP)));

/** Draws a strip; the newest run is at the right, and the list cuts off at the left what does not fit. */
export function draw(runs) {
  const width = SHOWN * STEP;
  const picture = svg("svg.strip", { viewBox: `0 0 ${width} 12`, width, height: 12, role: "img", "aria-label": inWordsOf(runs) });
  const left = SHOWN - Math.min(runs.length, SHOWN);
  // All the places where no run is are one path: rows are drawn while they are scrolled by.
  if (left > 0) picture.append(svg("path.strip-empty", { d: `M4 6${`h.01m${STEP - 0.01} 0`.repeat(left)}` }));
  runs.slice(0, SHOWN).forEach((run, age) => {
    picture.append(shape(run.State, (SHOWN - 1 - age) * STEP, 2, 8));
  });
  return picture;
}

/** The strip in words: `last 30 runs: 28 succeeded, 2 failed`. */
function inWordsOf(runs) {
  if (runs.length === 0) return "no runs yet";
  const counts = new Map();
  for (const run of runs.slice(0, SHOWN)) counts.set(run.State, (counts.get(run.State) ?? 0) + 1);
  const each = [...counts].map(([state, count]) => `${count} ${inWords(state)}`);
  return `last ${counted(Math.min(runs.length, SHOWN), "run")}: ${each.join(", ")}`;
}
