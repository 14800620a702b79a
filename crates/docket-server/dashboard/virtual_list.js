// A list of rows that scrolls with the window. Of a long one only the rows that can be seen are on the page, so
// that ten thousand cost as much as ten. Of up to `WHOLE` all are there soon, for the browser's search and for
// printing. For a screen reader it is a table of all rows all the same.
//
// One row is the active one: the arrow keys move it, and Tab reaches only its stops.

import { el } from "./dom_elements.js";

/** So many rows above and below what is seen are there too. */
const BEYOND = 8;
/** A list of so many is on the page as a whole. */
const WHOLE = 1000;
/** How long the list must rest before rows that are not seen are drawn, in milliseconds. */
const REST = 150;
/** How many of those are drawn at once: they must not delay a key. */
const AT_ONCE = 25;

/**
 * Makes a list. `draw(item)` returns a row with its `stops`, which can have the focus. `enter(item, row)` is called
 * for a row that is seen, `leave(name)` when it no longer is. The header is the table's first row, so the first
 * item is row 2.
 */
export function rows({ label, header, draw, enter, leave }) {
  const body = el("div.rows", { role: "rowgroup" });
  const table = el("div.table", { role: "table", "aria-label": label, tabindex: "-1", onkeydown: key },
    el("div.table-head", { role: "rowgroup" }, header), body);
  const drawn = new Map();
  let seen = new Map();
  let items = [];
  let places = new Map();
  let height = 0;
  let active = null;
  let frame = null;
  let timer = null;

  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", measure);
  addEventListener("beforeprint", drawAll);
  body.addEventListener("focusin", (event) => {
    const row = event.target.closest("[role=row]");
    if (row) activate(row.dataset.name);
  });

  return { table, set, redraw, end, focus: () => focus(places.get(active) ?? 0) };

  function set(more) {
    items = more;
    places = new Map(items.map((item, index) => [item.name, index]));
    if (!places.has(active)) active = items[0]?.name ?? null;
    table.setAttribute("aria-rowcount", String(items.length + 1));
    show();
    drawLater(REST);
  }

  /** Draws each row again. */
  function redraw() {
    for (const one of drawn.values()) one.item = null;
    show();
    drawLater(REST);
  }

  // The height of a row depends on the width of the window, by the style sheet.
  function measure() {
    height = 0;
    later();
  }

  function later() {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      show();
    });
  }

  function isWhole() {
    return items.length <= WHOLE;
  }

  function show() {
    if (height === 0) height = Number.parseFloat(getComputedStyle(table).getPropertyValue("--row")) || 56;
    // Read before anything is written, or the page would be laid out twice.
    const top = -body.getBoundingClientRect().top;
    body.style.height = `${items.length * height}px`;
    const first = Math.max(0, Math.floor(top / height) - BEYOND);
    const end = Math.min(items.length, Math.ceil((top + innerHeight) / height) + BEYOND);
    const inSight = new Set();
    for (let index = first; index < end; index += 1) inSight.add(index);
    // The active row stays, so that the keyboard's place is not lost when it scrolls away.
    if (places.has(active)) inSight.add(places.get(active));
    const wanted = new Set(inSight);
    for (const name of isWhole() ? drawn.keys() : []) if (places.has(name)) wanted.add(places.get(name));
    arrange(wanted, inSight);
    look(inSight);
  }

  // Has exactly these rows on the page, in order. Of those that are not seen, the old ones are good for now.
  function arrange(wanted, inSight) {
    const names = new Set([...wanted].map((index) => items[index].name));
    for (const [name, { row }] of drawn) {
      if (names.has(name)) continue;
      // A removed element would leave the focus on the whole page, and the arrow keys with it.
      if (row.contains(document.activeElement)) table.focus();
      row.remove();
      drawn.delete(name);
    }
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    let last = null;
    for (const index of [...wanted].sort((a, b) => a - b)) {
      const row = place(items[index], index, inSight.has(index));
      const following = last ? last.nextSibling : body.firstChild;
      if (row !== following) body.insertBefore(row, following);
      last = row;
    }
    // A row that moved lost it.
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  function look(inSight) {
    const now = new Map([...inSight].map((index) => [items[index].name, drawn.get(items[index].name).row]));
    for (const name of seen.keys()) if (!now.has(name)) leave(name);
    for (const [name, row] of now) if (seen.get(name) !== row) enter(drawn.get(name).item, row);
    seen = now;
  }

  function place(item, index, isSeen) {
    let held = drawn.get(item.name);
    if (!held || (isSeen && held.item !== item)) {
      const fresh = draw(item);
      fresh.dataset.name = item.name;
      const focus = held ? held.row.stops.indexOf(document.activeElement) : -1;
      held?.row.replaceWith(fresh);
      if (focus >= 0) fresh.stops[focus].focus({ preventScroll: true });
      held = { item, row: fresh, index: -1, height: 0 };
      drawn.set(item.name, held);
      makeStops(fresh, item.name === active);
    }
    if (held.index !== index || held.height !== height) {
      held.row.setAttribute("aria-rowindex", index + 2);
      // Rows are placed by a transform, which does not lay out the others again.
      held.row.style.transform = `translateY(${index * height}px)`;
      Object.assign(held, { index, height });
    }
    return held.row;
  }

  // The rows that are not seen, a few at a time, until all are there.
  function drawLater(wait) {
    clearTimeout(timer);
    if (!isWhole()) return;
    timer = setTimeout(() => {
      if (drawSome(AT_ONCE)) drawLater(0);
    }, wait);
  }

  function drawAll() {
    if (isWhole()) drawSome(WHOLE);
  }

  // False if there was none left.
  function drawSome(count) {
    const missing = items.filter((item) => drawn.get(item.name)?.item !== item).slice(0, count);
    if (missing.length === 0) return false;
    const added = missing.map(({ name }) => places.get(name));
    const kept = [...drawn.keys()].filter((name) => places.has(name)).map((name) => places.get(name));
    arrange(new Set([...kept, ...added]), new Set(added));
    return true;
  }

  function makeStops(row, isActive) {
    for (const stop of row.stops) stop.tabIndex = isActive ? 0 : -1;
  }

  function activate(name) {
    if (name === active) return;
    const old = drawn.get(active);
    if (old) makeStops(old.row, false);
    active = name;
    const fresh = drawn.get(active);
    if (fresh) makeStops(fresh.row, true);
  }

  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || (event.target !== table && !event.target.closest(".rows"))) return;
    const at = places.get(active) ?? 0;
    const page = Math.max(1, Math.floor(innerHeight / height) - 2);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -at, End: items.length };
    const step = steps[event.key];
    if (step === undefined && event.key !== "x") return;
    event.preventDefault();
    if (step === undefined) drawn.get(active)?.row.querySelector("input").click();
    else focus(at + step);
  }

  function focus(index) {
    const item = items[Math.max(0, Math.min(items.length - 1, index))];
    if (!item) return;
    activate(item.name);
    show();
    const { row } = drawn.get(item.name);
    row.stops[0].focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function end() {
    removeEventListener("scroll", later);
    removeEventListener("resize", measure);
    removeEventListener("beforeprint", drawAll);
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    for (const name of seen.keys()) leave(name);
    drawn.clear();
  }
}
