// The next instants of a schedule, each with what daylight saving does to it.

import { el, harmless } from "./dom.js";
import { inFull, relative, wallClock } from "./words.js";

/** Lists instants `{At, Note}`. */
export function instantsList(instants, zone) {
  if (instants.length === 0) return el("p.muted", null, "There is none to come.");
  return el("ol.plain-list.instants", null, instants.map(({ At: at, Note: note }) => {
    const moment = Date.parse(at);
    return el("li", null,
      el("time", { datetime: at, title: inFull(moment, zone) }, wallClock(moment, zone)),
      el("span.muted", null, relative(moment)),
      note && el("span.note", null, harmless(note)));
  }));
}
