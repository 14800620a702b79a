// The allocations that start next, of all.

import { el, fill, foreign, link } from "./dom_elements.js";
import { due, wall } from "./live_times.js";
import { at } from "./view_router.js";
import { zoneOf } from "./allocation_row.js";
import * as state from "./allocation_cache.js";

/** How many are listed. */
const LISTED = 10;

/** Makes the list: `{node, end}`. */
export function nextUp() {
  const list = el("div");
  const node = el("section.card", { "aria-labelledby": "next-title" }, el("h2", { id: "next-title" }, "Next up"), list);
  draw();
  return { node, end: state.changed.on(draw) };

  function draw() {
    const first = soonest(state.all().values());
    if (first.length === 0) return fill(list, el("p.muted", null, state.isLoaded() ? "Nothing is scheduled." : "Loading…"));
    return fill(list, el("ol.plain-list.instants", null, first.map((item) => el("li", null,
      link(at(item.name), foreign(item.name)), el("span.muted", null, due(item.next, zoneOf(item))),
      wall(item.next, zoneOf(item), "time.muted")))));
  }
}

// In one pass: sorting ten thousand for ten of them would take as long as drawing the view.
function soonest(items) {
  const found = [];
  for (const item of items) {
    if (item.next === Infinity || (found.length === LISTED && item.next >= found.at(-1).next)) continue;
    const after = found.findIndex((one) => one.next > item.next);
    found.splice(after < 0 ? found.length : after, 0, item);
    found.length = Math.min(found.length, LISTED);
  }
  return found;
}
