// A list of which only the rows that can be seen are on the page, so that ten thousand cost as much
// as ten. It scrolls with the window. For a screen reader it is a table of all rows all the same.
//
// One row is the active one: the arrow keys move it, and Tab reaches only its link.

import { el } from "./dom_elements.js";

/** So many rows above and below what is seen are there too. */
const BEYOND = 8;

/**
 * Makes a list. `draw(item)` returns a row with a `focusable` in it, `drop(item, row)` is called when
 * one is removed. The header is the table's first row, so the first item is row 2.
 */
export function rows({ label, header, draw, drop }) {
  const body = el("div.rows", { role: "rowgroup" });
  const table = el("div.table", { role: "table", "aria-label": label, tabindex: "-1", onkeydown: key },
    el("div.table-head", { role: "rowgroup" }, header), body);
  const drawn = new Map();
  let items = [];
  let places = new Map();
  let height = 0;
  let active = null;
  let frame = null;

  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  body.addEventListener("focusin", (event) => {
    const row = event.target.closest("[role=row]");
    if (row) activate(row.dataset.name);
  });

  return { table, set, end, focus: () => focus(places.get(active) ?? 0), active: () => active };

  function set(more) {
    items = more;
    places = new Map(items.map((item, index) => [item.name, index]));
    if (!places.has(active)) active = items[0]?.name ?? null;
    table.setAttribute("aria-rowcount", String(items.length + 1));
    show();
  }

  function later() {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      show();
    });
  }

  function show() {
    // The height of a row depends on the width of the window, by the style sheet.
    height = Number.parseFloat(getComputedStyle(table).getPropertyValue("--row")) || 56;
    body.style.height = `${items.length * height}px`;
    const top = -body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - BEYOND);
    const end = Math.min(items.length, Math.ceil((top + innerHeight) / height) + BEYOND);
    const wanted = new Set();
    for (let index = first; index < end; index += 1) wanted.add(index);
    // The active row stays, so that the keyboard's place is not lost when it scrolls away.
    if (places.has(active)) wanted.add(places.get(active));
    const names = new Set([...wanted].map((index) => items[index].name));
    for (const [name, { item, row }] of drawn) {
      if (names.has(name)) continue;
      // A removed element would leave the focus on the whole page, and the arrow keys with it.
      if (row.contains(document.activeElement)) table.focus();
      row.remove();
      drawn.delete(name);
      drop(item, row);
    }
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    let last = null;
    for (const index of [...wanted].sort((a, b) => a - b)) {
      const row = place(items[index], index);
      const following = last ? last.nextSibling : body.firstChild;
      if (row !== following) body.insertBefore(row, following);
      last = row;
    }
    // A row that moved lost it.
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  function place(item, index) {
    const held = drawn.get(item.name);
    let row = held?.row;
    if (held?.item !== item) {
      const hadFocus = row?.contains(document.activeElement);
      const fresh = draw(item);
      fresh.dataset.name = item.name;
      if (row) row.replaceWith(fresh);
      if (hadFocus) fresh.focusable.focus({ preventScroll: true });
      row = fresh;
      drawn.set(item.name, { item, row });
    }
    row.setAttribute("aria-rowindex", index + 2);
    // Rows are placed by a transform, which does not lay out the others again.
    row.style.transform = `translateY(${index * height}px)`;
    row.focusable.tabIndex = item.name === active ? 0 : -1;
    return row;
  }

  function activate(name) {
    if (name === active) return;
    const old = drawn.get(active);
    if (old) old.row.focusable.tabIndex = -1;
    active = name;
    const row = drawn.get(active);
    if (row) row.row.focusable.tabIndex = 0;
  }

  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || (event.target !== table && !event.target.closest(".rows"))) return;
    const at = places.get(active) ?? 0;
    const page = Math.max(1, Math.floor(innerHeight / height) - 2);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -at, End: items.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    focus(at + step);
  }

  function focus(index) {
    const item = items[Math.max(0, Math.min(items.length - 1, index))];
    if (!item) return;
    activate(item.name);
    show();
    const { row } = drawn.get(item.name);
    row.focusable.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function end() {
    removeEventListener("scroll", later);
    removeEventListener("resize", later);
    cancelAnimationFrame(frame);
    for (const { item, row } of drawn.values()) drop(item, row);
    drawn.clear();
  }
}
