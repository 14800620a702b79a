// How many starts fall on each minute of the next day: a compact chart, read by mouse, touch or
// arrow keys. Minutes are those of this browser's clock. Allocations that start all the time would hide
// all others, so they are left out and named.

import { address, get } from "./api_client.js";
import { el, fill, foreign, say, svg } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { everySecond } from "./second_ticker.js";
import { counted } from "./format_times.js";

const MINUTES = 1440;
/** How old a forecast may get, in seconds. */
const LASTS = 300;
const HEIGHT = 48;
/** So many frequent allocations are named. */
const NAMED = 3;

const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Makes the chart: `{node, end}`. */
export function forecast() {
  const message = el("p.forecast-summary");
  const picture = svg("svg.forecast-picture", { viewBox: `0 0 ${MINUTES} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const axis = el("div.forecast-axis", { "aria-hidden": "true" });
  const reader = el("div.forecast-reader", {
    role: "slider", tabindex: "0", "aria-label": "Starts by minute of the next day",
    "aria-valuemin": "0", "aria-valuemax": String(MINUTES - 1), "aria-valuenow": "0",
    onpointermove: (event) => read(minuteAt(event)), onpointerdown: (event) => read(minuteAt(event)),
    onpointerleave: () => read(null), onblur: () => read(null), onkeydown: key,
  }, picture);
  const chart = el("div", null, reader, axis);
  const note = el("p.forecast-summary.forecast-note");
  const node = el("figure.forecast", { hidden: true }, message, chart, note);
  let from = 0;
  let starts = [];
  let at = null;
  let age = 0;
  let ended = false;

  load();
  const ends = [
    everySecond(() => {
      age += 1;
      if (age >= LASTS) load();
    }),
    // What changed is shown soon, but not for each of many changes.
    events.allocations.on(() => (age = Math.max(age, LASTS - 3))),
    events.gap.on(() => (age = Math.max(age, LASTS - 3))),
  ];
  return { node, end: () => { ended = true; ends.forEach((end) => end()); } };

  async function load() {
    age = 0;
    let answer;
    try {
      answer = await get(`${address("-", "forecast")}?minutes=${MINUTES}&frequent=false`);
    } catch {
      return;
    }
    if (ended) return;
    from = Date.parse(answer.From);
    starts = answer.Starts;
    const left = leftOut(answer);
    fill(note, left);
    node.hidden = starts.every((count) => count === 0) && left.length === 0;
    draw();
  }

  function draw() {
    const most = Math.max(...starts, 1);
    const height = (count) => (count === 0 ? 0 : Math.max(2, (count / most) * (HEIGHT - 2)));
    // One path for all bars: 1440 elements would slow down the page.
    const steps = starts.map((count, minute) => `M${minute + 0.5} ${HEIGHT}v${-height(count)}`).filter((_, minute) => starts[minute] > 0);
    fill(picture,
      svg("path.forecast-bars", { d: steps.join("") }),
      svg("path.forecast-cursor", { d: "" }));
    const hours = [0, 6, 12, 18, 24].map((hours) => el("span", null, hours === 0 ? "now" : hour.format(from + hours * 3_600_000)));
    fill(axis, hours);
    chart.hidden = starts.every((count) => count === 0);
    read(at);
  }

  function minuteAt(event) {
    const box = picture.getBoundingClientRect();
    const minute = Math.floor(((event.clientX - box.left) / box.width) * MINUTES);
    return busiest(Math.max(0, Math.min(MINUTES - 1, minute)), Math.ceil((3 * MINUTES) / box.width));
  }

  // Within a few pixels the highest bar is meant.
  function busiest(minute, around) {
    let best = minute;
    for (let near = Math.max(0, minute - around); near <= Math.min(MINUTES - 1, minute + around); near += 1) {
      if (starts[near] > starts[best]) best = near;
    }
    return best;
  }

  function key(event) {
    const here = at ?? 0;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1, PageUp: 60, PageDown: -60, Home: -MINUTES, End: MINUTES };
    if (!(event.key in steps)) return;
    event.preventDefault();
    read(Math.max(0, Math.min(MINUTES - 1, here + steps[event.key])));
  }

  function read(minute) {
    at = minute;
    const cursor = picture.querySelector(".forecast-cursor");
    cursor?.setAttribute("d", minute === null ? "" : `M${minute + 0.5} 0V${HEIGHT}`);
    reader.setAttribute("aria-valuenow", String(minute ?? 0));
    reader.setAttribute("aria-valuetext", inWords(minute ?? 0));
    say(message, minute === null ? summary() : inWords(minute));
  }

  function inWords(minute) {
    const count = starts[minute] ?? 0;
    return `${counted(count, "start")} at ${hour.format(from + minute * 60_000)}`;
  }

  function summary() {
    const total = starts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return "No starts in the next 24 hours";
    const most = Math.max(...starts, 0);
    return `${counted(total, "start")} in the next 24 hours, at most ${most.toLocaleString("en")} a minute at ${hour.format(from + starts.indexOf(most) * 60_000)}`;
  }
}

// What the chart does not count, and why.
function leftOut({ Frequent: frequent, Omitted: omitted = 0 }) {
  return [
    frequent && ["Not shown: ", listed(frequent),
      frequent.Allocations === 1 ? ", which starts" : ", which start",
      ` more often than every 5 minutes (${counted(frequent.Starts, "start")}). `],
    omitted > 0 && `Not counted: ${counted(omitted, "allocation")}, because counting all takes too long.`,
  ].filter(Boolean);
}

/** The names of frequent allocations, or some of them and how many more there are. */
function listed({ Names: names, Allocations: count }) {
  const named = names.slice(0, count > NAMED + 1 ? NAMED : NAMED + 1);
  const more = count - named.length;
  return named.map((name, index) => {
    const isLast = index === named.length - 1 && more === 0;
    return [index > 0 && (isLast ? " and " : ", "), foreign(name)];
  }).concat(more > 0 ? ` and ${counted(more, "other allocation")}` : []);
}
