// The lines of an output on the page, as a terminal would show them, each with its time where that is asked for.

import { classes, terminal } from "./terminal_colours.js";
import { append, el, fill } from "./dom_elements.js";
import { clock, counted, inFull } from "./format_times.js";

/** The maximum number of lines on the page. */
// More would make each drawing of a followed output slow.
export const LINES = 2000;

/** A time that the server has put before a line, or what it puts there if the time is not known. */
const STAMP = /^(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)|-) /;
/** How long a time and the space behind it are. */
const STAMP_LENGTH = 25;

/**
 * Puts what it is given on the page, once a frame, and takes the oldest lines away beyond the bound. With times
 * each line has its own on the reader's clock. `drawn(dropped)` is called after each drawing.
 */
export function sheet(place, { hasTimes, isFollowing, drawn }) {
  const screen = terminal();
  const stamps = hasTimes ? stamped() : null;
  let waiting = [];
  let open = null;
  let openNode = null;
  // The time of the line under way; undefined for a line of the server's own.
  let at;
  let dropped = 0;
  let frame = null;
  let isEmpty = true;
  let count = 0;
  return { write, dropped: () => dropped, isEmpty: () => isEmpty, isFull: () => count >= LINES };

  function write(text) {
    isEmpty &&= !text;
    for (const part of stamps ? stamps(text) : [{ text }]) {
      if ("at" in part) at = part.at;
      for (const line of screen.take(part.text)) {
        waiting.push({ ...line, at });
        count += 1;
        at = undefined;
      }
    }
    open = { ...screen.line(), at };
    // A fast output writes more lines between two frames than are ever shown.
    if (waiting.length > LINES) {
      dropped += waiting.length - LINES;
      waiting = waiting.slice(-LINES);
    }
    frame ??= requestAnimationFrame(draw);
    // A hidden page has no frames, and still must not grow.
    if (document.hidden) draw();
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = null;
    openNode?.remove();
    const fragment = document.createDocumentFragment();
    for (const line of waiting) fragment.append(lineNode(line));
    waiting = [];
    openNode = open?.length ? lineNode(open) : null;
    if (openNode) fragment.append(openNode);
    place.append(fragment);
    const many = place.childElementCount - LINES;
    for (let count = 0; count < many; count += 1) place.firstChild.remove();
    dropped += Math.max(0, many);
    if (isFollowing()) place.scrollTop = place.scrollHeight;
    drawn(dropped);
  }
}

// Takes the times off the lines of a text that comes in pieces: parts with the text of one line or less, and
// where a line begins with a time, that time; null if it is not known.
function stamped() {
  let kept = "";
  let begins = true;
  return function* parts(text) {
    let rest = kept + text;
    kept = "";
    while (rest) {
      let part = {};
      if (begins) {
        const found = STAMP.exec(rest);
        // A piece may end within a time.
        if (!found && rest.length < STAMP_LENGTH && /^[-\d]/.test(rest) && !rest.includes("\n")) {
          kept = rest;
          return;
        }
        if (found) part = { at: found[1] ?? null };
        rest = rest.slice(found?.[0].length ?? 0);
      }
      const end = rest.indexOf("\n") + 1 || rest.length;
      yield { ...part, text: rest.slice(0, end) };
      begins = rest[end - 1] === "\n";
      rest = rest.slice(end);
    }
  };
}

// Each line is shut off from the direction of writing of the others.
function lineNode(line) {
  const node = el("div.terminal-line");
  append(node, line.parts.map(({ text, style }) => {
    const names = classes(style);
    return names ? el("span", { class: names }, text) : text;
  }));
  if (line.leftOut > 0) append(node, [el("span.cut", null, ` … ${counted(line.leftOut, "character")} more in this line`)]);
  // An empty line would have no height.
  if (!node.firstChild) fill(node, "\u200b");
  if (line.at !== undefined) node.prepend(timeNode(line.at));
  return node;
}

function timeNode(iso) {
  if (iso === null) return el("span.line-time", { title: "The time of this line is not known" }, "–");
  const at = Date.parse(iso);
  return el("time.line-time", { datetime: iso, title: inFull(at) }, `${clock(at, "second")}${iso.slice(-5, -1)}`);
}
