// Two plots of the same runs, side by side in time: how long they took, and how late they began.

import { el, fill, svg } from "./dom_elements.js";
import { durationOf } from "./run_list.js";
import { inWords, shape } from "./state_mark.js";
import { at, go } from "./view_router.js";
import { exact, instantOf, wallClock } from "./format_times.js";

const HEIGHT = 96;
const LEFT = 52;
const BOTTOM = 8;
const TOP = 10;
/** So many of the newest runs are plotted. */
const PLOTTED = 100;

/** Makes the plots: `{node, show(name, runs)}`. */
export function plots() {
  const duration = plot("Duration", "Duration of each run", (run) => (run.Ended ? durationOf(run) : null));
  const lateness = plot("Lateness", "Time from the instant to the start of each run", (run) => run.LatenessMilliseconds ?? null);
  return {
    node: el("div.plots", null, duration.node, lateness.node),
    show(name, runs) {
      const shown = runs.slice(0, PLOTTED).reverse();
      duration.show(name, shown);
      lateness.show(name, shown);
    },
  };
}

function plot(title, about, measure) {
  const message = el("span.muted");
  const place = el("div.plot-place");
  const node = el("figure.figure", null, el("figcaption", { title: about }, el("strong", null, title), " ", message), place);
  return {
    node,
    show(name, runs) {
      const points = runs.map((run, index) => ({ run, index, value: measure(run) })).filter(({ value }) => value !== null);
      node.hidden = points.length === 0;
      if (points.length === 0) return;
      const values = points.map(({ value }) => value).sort((a, b) => a - b);
      const middle = values[Math.floor(values.length / 2)];
      const most = values.at(-1);
      message.textContent = `median ${exact(middle)}, max ${exact(most)}`;
      fill(place, draw(name, runs.length, points, { middle, most }, place.clientWidth || 300, title));
    },
  };
}

function draw(name, count, points, { middle, most }, width, title) {
  const top = Math.max(nice(most), 10);
  const x = (index) => LEFT + ((index + 0.5) / count) * (width - LEFT - 6);
  const y = (value) => HEIGHT - BOTTOM - (Math.max(0, value) / top) * (HEIGHT - BOTTOM - TOP);
  const label = `${title} of ${points.length} runs: median ${exact(middle)}, max ${exact(most)}`;
  const picture = svg("svg.plot", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label });
  const lines = [0, top / 2, top].map((value) => [
    svg("path.grid", { d: `M${LEFT} ${y(value)}H${width}` }),
    svg("text.tick", { x: LEFT - 6, y: y(value) + 4 }, value === 0 ? "0" : exact(value)),
  ]);
  picture.append(svg("g.axis", { "aria-hidden": "true" }, lines.flat()));
  picture.append(svg("path.middle", { d: `M${LEFT} ${y(middle)}H${width}` }));
  for (const { run, index, value } of points) {
    const message = `${wallClock(instantOf(run.Run))}: ${exact(value)}, ${inWords(run.State)}`;
    picture.append(svg("g.goes", { onclick: () => go(at(name, run.Run)) },
      svg("title", null, message),
      svg("path.stem", { d: `M${x(index)} ${y(0)}V${y(value)}` }),
      // The stem is one pixel wide; the area is what a mouse can hit.
      svg("rect.hit", { x: x(index) - 4, y: TOP, width: 8, height: HEIGHT - BOTTOM - TOP }),
      shape(run.State, x(index) - 3.5, y(value) - 3.5, 7)));
  }
  return picture;
}

/** The next length of time above this that reads well, in milliseconds. */
function nice(value) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5];
  return steps.find((step) => step >= value) ?? Math.ceil(value / 864e5) * 864e5;
}
