// Moments on the page, for machines and people. What they say of the present, such as `in 5m` or
// `today 09:00`, is said anew each second, so that a page that stays open stays true.

import { el, say } from "./dom_elements.js";
import { everySecond } from "./second_ticker.js";
import { foreignClock, inFull, isForeign, now, relative, wallClock } from "./format_times.js";

const WORDS = {
  wall: wallClock,
  both: (at, zone) => (isForeign(zone) ? `${wallClock(at)} (${foreignClock(at, zone)})` : wallClock(at)),
  distance: (at) => relative(at),
  due: (at) => (at <= now() ? "due now" : relative(at)),
};

/** A moment on the reader's clock: `today 09:00`. Its title has the clock of the zone too. */
export const wall = (at, zone, what = "time") => moment("wall", at, zone, what);
/** A moment on the reader's clock, and beside it on that of a foreign zone: `today 01:00 (09:00 GMT+9)`. */
export const onBothClocks = (at, zone) => moment("both", at, zone);
/** How far off a moment lies: `in 5m`. */
export const distance = (at, zone) => moment("distance", at, zone);
/** How long it is until an instant: `in 5m`, then `due now`. */
export const due = (at, zone) => moment("due", at, zone);

function moment(words, at, zone, what = "time") {
  const datetime = new Date(at).toISOString();
  const text = WORDS[words](Date.parse(datetime), zone);
  return el(what, { datetime, title: inFull(Date.parse(datetime), zone), "data-words": words, "data-zone": zone }, text);
}

everySecond(() => {
  for (const node of document.querySelectorAll("time[data-words]")) {
    const { words, zone } = node.dataset;
    say(node, WORDS[words](Date.parse(node.dateTime), zone));
  }
});
