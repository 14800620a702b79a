// The next instants of a schedule, each with what daylight saving does to it.

import { el, harmless } from "./dom_elements.js";
import { distance, onBothClocks } from "./live_times.js";

/** Lists instants `{At, Note}`; `suspended` says why some are left out, `whyNone` why there are none. */
export function instantsList(instants, zone, suspended, whyNone) {
  if (suspended) return el("div", null, el("p.muted", null, harmless(`${suspended}.`)), instants.length > 0 && instantsList(instants, zone));
  if (instants.length === 0) return el("p.muted", null, whyNone ? harmless(`${whyNone}.`) : "No more instants.");
  return el("ol.plain-list.instants", null, instants.map(({ At: at, Note: note }) =>
    el("li", null, onBothClocks(at, zone), el("span.muted", null, distance(at, zone)), note && el("span.note", null, harmless(note)))));
}
