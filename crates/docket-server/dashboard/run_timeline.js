// Runs on a line of time: each where it began and as long as it took, those at once below one
// another. A mark at its beginning shows how it ended.

import { el, fill, svg } from "./dom_elements.js";
import { durationOf, startedAt } from "./run_list.js";
import { inWords, shape, tone } from "./state_mark.js";
import { at, go } from "./view_router.js";
import { clock, day, exact, instantOf, now, wallClock } from "./format_times.js";

/** The most lines of runs at once. */
const LANES = 6;
const LANE = 16;
const AXIS = 18;
/** Hour steps of the axis, in seconds. */
const STEPS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400];
/** How far apart labels of the axis stand at least, in pixels. */
const LABEL = 90;
/** The shortest time that it shows, in milliseconds. */
const SHORTEST = 1000;
/** So many of the newest runs are drawn. */
const DRAWN = 120;

/** Makes the timeline: `{node, show(name, runs)}`. */
export function timeline() {
  const node = el("div.timeline");
  return {
    node,
    show(name, runs) {
      const drawn = runs.slice(0, DRAWN).reverse();
      if (drawn.length < 1) return fill(node);
      return fill(node, draw(name, drawn, node.clientWidth || 600));
    },
  };
}

function draw(name, runs, width) {
  const present = now();
  const spans = runs.map((run) => {
    // A run that never started is at its instant.
    const begin = startedAt(run) ?? instantOf(run.Run);
    return { run, begin, end: begin + (durationOf(run, present) ?? 0) };
  });
  const [first, last] = extent(spans);
  const room = width - 24;
  const x = (time) => 8 + ((time - first) / (last - first)) * room;
  const lanes = laid(spans, x);
  const height = Math.max(1, lanes) * LANE + AXIS;
  const label = `${runs.length} runs from ${wallClock(first)} to ${wallClock(last)}`;
  const picture = svg("svg.plot", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  picture.append(axis(first, last, x, height, width));
  for (const span of spans) picture.append(bar(name, span, x));
  return picture;
}

// From the first begin to the last end; what is shorter than it can show stands in its middle.
function extent(spans) {
  const first = Math.min(...spans.map((span) => span.begin));
  const last = Math.max(...spans.map((span) => span.end));
  const missing = Math.max(0, SHORTEST - (last - first));
  return [first - missing / 2, last + missing / 2];
}

// Puts each run on the first line that is free; returns how many lines there are.
function laid(spans, x) {
  const ends = [];
  for (const span of spans) {
    const left = x(span.begin);
    let lane = ends.findIndex((end) => end < left);
    // With more runs at once than lanes the last lane has several; the table below has them all.
    if (lane < 0) lane = ends.length < LANES ? ends.length : LANES - 1;
    ends[lane] = Math.max(x(span.end), left + 10) + 1;
    span.lane = lane;
  }
  return ends.length;
}

function bar(name, { run, begin, end, lane }, x) {
  const y = lane * LANE + 3;
  const left = x(begin);
  const message = `${wallClock(instantOf(run.Run))}: ${inWords(run.State)}${end > begin ? `, ${exact(end - begin)}` : ""}`;
  // A picture has no links for the keyboard: those are in the table below.
  return svg("g.goes", { onclick: () => go(at(name, run.Run)) },
    svg("title", null, message),
    svg("rect.hit", { x: left - 2, y: y - 3, width: Math.max(14, x(end) - left + 4), height: LANE }),
    end > begin && svg(`rect.bar.${tone(run.State)}`, { x: left + 5, y: y + 3, width: Math.max(1, x(end) - left - 5), height: 4, rx: 2 }),
    shape(run.State, left, y, 10));
}

function axis(first, last, x, height, width) {
  const most = Math.max(2, Math.floor(width / LABEL));
  const step = (STEPS.find((step) => (last - first) / 1000 / step <= most) ?? STEPS.at(-1)) * 1000;
  const group = svg("g.axis", { "aria-hidden": "true" });
  for (let time = Math.ceil(first / step) * step; time <= last; time += step) {
    const at = x(time);
    if (at > width - 20) break;
    const words = step >= 86_400_000 ? day(time) : clock(time);
    group.append(svg("path.grid", { d: `M${at} 0V${height - AXIS}` }), svg("text", { x: at, y: height - 4 }, words));
  }
  return group;
}
