// Search within the lines of an output. Matches stay marked, counted and in their place while lines are added and
// the oldest ones go.

import { el, say } from "./dom_elements.js";

/** The maximum number of matches. */
const MOST = 10_000;
/** How matches are called in the style sheet. */
const MARKS = ["found", "found-current"];

/** Makes the search in a place: `{node, focus, restart, refresh, end}`. `moved()` is called at each step to a match. */
export function search(place, moved) {
  const field = el("input", {
    type: "search", id: "find", placeholder: "Find in output", "aria-label": "Find in output",
    autocomplete: "off", spellcheck: "false", oninput: changed, onkeydown: key,
  });
  const tally = el("span.find-tally.muted", { role: "status" });
  const arrow = (words, sign, by) => el("button.plain", { type: "button", "aria-label": words, title: words, onclick: () => step(by) }, sign);
  const arrows = [arrow("Previous match", "↑", -1), arrow("Next match", "↓", 1)];
  const node = el("div.find", { role: "search", "aria-label": "In the output" }, field, tally, arrows);
  let pattern = null;
  // What was found in a line, as lines do not change once they are there.
  let known = new WeakMap();
  let matches = [];
  // The chosen match by the number of its line, counted from the first one that was written.
  let current = null;
  let dropped = 0;
  draw();
  return { node, focus: () => field.focus(), restart, refresh, end: unmark };

  /** Forgets the lines: another output is shown. */
  function restart() {
    known = new WeakMap();
    current = null;
    refresh(0);
  }

  /** Finds the matches in what is shown now, before which so many lines were dropped. */
  function refresh(count) {
    dropped = count;
    matches = pattern ? found() : [];
    // Where there was no match before, the first one is chosen; one whose line has gone gives way to the next.
    if (pattern) current = (current && matches.find(isCurrent)) ?? matches.find(({ line }) => line >= (current?.line ?? 0)) ?? matches.at(-1) ?? null;
    else current = null;
    draw();
  }

  function found() {
    const all = [];
    let line = dropped;
    for (const child of place.children) {
      if (!known.has(child)) known.set(child, rangesIn(child, pattern));
      for (const { start, range } of known.get(child)) {
        if (all.length === MOST) return all;
        all.push({ line, child, start, range });
      }
      line += 1;
    }
    return all;
  }

  function isCurrent(match) {
    return match.line === current.line && match.start === current.start;
  }

  function changed() {
    const text = field.value;
    pattern = text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "gi") : null;
    known = new WeakMap();
    current = null;
    refresh(dropped);
    if (current) show();
  }

  function key(event) {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && field.value) {
      field.value = "";
      changed();
    } else return;
    event.preventDefault();
  }

  // Goes to the next match, and behind the last one to the first.
  function step(by) {
    if (!matches.length) return;
    const at = matches.findIndex(isCurrent);
    current = matches[(at + by + matches.length) % matches.length];
    show();
    draw();
  }

  // Brings the chosen match into view.
  function show() {
    moved();
    const middle = current.child.offsetTop - place.offsetTop - place.clientHeight / 2;
    place.scrollTop = Math.max(0, middle);
  }

  function draw() {
    const many = matches.length === MOST ? " or more" : "";
    const words = current ? `${matches.findIndex(isCurrent) + 1} of ${matches.length}${many}` : "no match";
    say(tally, pattern ? words : "");
    for (const button of arrows) button.disabled = matches.length === 0;
    mark();
  }

  function mark() {
    for (const line of place.querySelectorAll(".found-line")) line.classList.remove("found-line");
    current?.child.classList.add("found-line");
    // Older browsers mark the line alone.
    if (!CSS.highlights) return;
    const ranges = matches.map(({ range }) => range);
    CSS.highlights.set(MARKS[0], new Highlight(...ranges));
    CSS.highlights.set(MARKS[1], current ? new Highlight(current.range) : new Highlight());
    CSS.highlights.get(MARKS[1]).priority = 1;
  }

  function unmark() {
    for (const name of MARKS) CSS.highlights?.delete(name);
  }
}

// The places of a pattern in a line, without its time. Ranges do not change with the page, so that thousands of
// them cost nothing when lines are added.
function rangesIn(line, pattern) {
  const texts = [];
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  let length = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest(".line-time, .cut")) continue;
    texts.push({ node, first: length });
    length += node.length;
  }
  const text = texts.map(({ node }) => node.data).join("");
  const at = (index) => {
    const { node, first } = texts.findLast((one) => one.first <= index);
    return [node, index - first];
  };
  return [...text.matchAll(pattern)].map(({ index, 0: { length: size } }) => {
    const [startContainer, startOffset] = at(index);
    const [endContainer, endOffset] = at(index + size - 1);
    return { start: index, range: new StaticRange({ startContainer, startOffset, endContainer, endOffset: endOffset + 1 }) };
  });
}
