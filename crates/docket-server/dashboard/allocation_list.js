// All allocations: search, sort, filter, and the number of starts of the next day. The filters are in the
// address.

import { filters, wordsOf } from "./address_filters.js";
import { announce } from "./announcements.js";
import { bulkActions } from "./bulk_actions.js";
import { el, fill, harmless, link, say } from "./dom_elements.js";
import { choice, hasLabel, labelFilter, searchField, segments } from "./filter_controls.js";
import { forecast } from "./coming_starts_chart.js";
import * as header from "./allocation_list_header.js";
import * as router from "./view_router.js";
import * as row from "./allocation_row.js";
import { rows } from "./virtual_list.js";
import { cleanups } from "./listeners.js";
import * as state from "./allocation_cache.js";
import { counted, readersZone } from "./format_times.js";

const STATES = [
  ["all", "All", () => true],
  ["failing", "Failing", (item) => item.state === "failing"],
  ["running", "Running", (item) => item.status.Running > 0],
  ["suspended", "Suspended", (item) => item.suspended],
  ["new", "Never ran", (item) => item.state === "new"],
];

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const isFailing = (item) => Number(item.state === "failing");
const ORDERS = {
  failing: (a, b) => isFailing(b) - isFailing(a) || byName(a, b),
  name: byName,
  next: (a, b) => (a.next === b.next ? byName(a, b) : a.next - b.next),
  last: (a, b) => b.ended - a.ended || byName(a, b),
};
const ORDER_WORDS = [["failing", "Failing first"], ["name", "By name"], ["next", "By next instant"], ["last", "By last result"]];

const DEFAULTS = { q: "", state: "all", label: "", sort: "failing" };
const ALLOWED = {
  state: (value) => STATES.some(([key]) => key === value),
  // A minus reverses the order.
  sort: (value) => Object.hasOwn(ORDERS, value.replace(/^-/, "")),
};

// Where the list was left, and with which filters.
let left = { hash: "", scroll: 0 };

/** Shows the view; returns what ends it. */
export function show(outlet) {
  const cleanup = cleanups();
  const hash = router.home();
  const query = filters(DEFAULTS, ALLOWED);
  const choose = (changes, isTyping) => {
    query.set(changes, isTyping);
    refresh("chosen");
  };
  const heading = el("h1", { tabindex: "-1" }, "Allocations");
  const count = el("p.list-count.muted");
  const search = searchField("Search by name, schedule, image, label", (q) => choose({ q }, true));
  const states = segments("Filter by state", STATES, (key) => choose({ state: key }));
  const labels = labelFilter((label) => choose({ label }));
  const order = choice("Sort by", ORDER_WORDS, (sort) => choose({ sort }));
  const sorters = header.make((sort) => choose({ sort }), () => bulk.selectAll(found));
  const bulk = bulkActions(() => {
    list.redraw();
    sorters.showSelected(bulk.countOf(found), found.length);
  });
  const list = rows({
    label: "Allocations", header: sorters.node, draw: (item) => row.draw(item, bulk), enter: row.enter, leave: row.leave,
  });
  const empty = el("div.empty");
  const chart = forecast();
  let found = [];
  let ordered = [];
  let sortedBy = "";

  fill(outlet,
    el("div.list-head", null, el("div", null, heading, count), chart.node),
    el("div.toolbar", { role: "search", "aria-label": "Find allocations" }, search.node, states.node, labels.node, order.node),
    bulk.node, list.table, empty);
  const sight = new ResizeObserver(() => sorters.fit(list.table));
  sight.observe(list.table);
  cleanup.add(list.end, chart.end, () => sight.disconnect(), state.changed.on(refresh));
  document.addEventListener("keydown", key);
  cleanup.add(() => document.removeEventListener("keydown", key));
  search.show(query.values.q);
  refresh();
  router.setTitle("", heading);
  // After the rows have their height: before, the window cannot be scrolled that far.
  if (left.hash === hash) scrollTo(0, left.scroll);
  return () => {
    left = { hash: router.home(), scroll: scrollY };
    cleanup.end();
  };

  // A search passes once over what is sorted already: ten thousand take a few milliseconds.
  function refresh(cause) {
    // A signal calls without a value; the controls of this view call with "chosen".
    const isNew = cause !== "chosen";
    sort(isNew);
    const { values } = query;
    const counts = find(wordsOf(values.q));
    list.set(found);
    states.show(values.state, counts);
    if (isNew) labels.show(values.label, ordered);
    order.show(values.sort.replace(/^-/, ""));
    sorters.show(values.sort);
    bulk.keep(state.all());
    sorters.showSelected(bulk.countOf(found), found.length);
    describe(ordered.length);
    if (isNew) return;
    announce(`${counted(found.length, "allocation")} found`);
    // A shorter list may end above what is seen.
    scrollTo(0, Math.min(scrollY, outlet.offsetTop));
  }

  // Sets what is found; returns how many are in each state.
  function find(words) {
    const { state: wanted, label } = query.values;
    const counts = Object.fromEntries(STATES.map(([key]) => [key, 0]));
    found = [];
    for (const item of ordered) {
      if (label && !hasLabel(item, label)) continue;
      if (!words.every((word) => item.searched.includes(word))) continue;
      for (const [key, , isOne] of STATES) {
        if (!isOne(item)) continue;
        counts[key] += 1;
        if (key === wanted) found.push(item);
      }
    }
    return counts;
  }

  function sort(isNew) {
    const wanted = query.values.sort;
    if (!isNew && wanted === sortedBy) return;
    sortedBy = wanted;
    ordered = [...state.all().values()].sort(ORDERS[wanted.replace(/^-/, "")]);
    if (wanted.startsWith("-")) ordered.reverse();
  }

  function describe(total) {
    const part = found.length === total ? counted(total, "allocation") : `${found.length.toLocaleString("en")} of ${counted(total, "allocation")}`;
    const failure = state.failure() && harmless(state.failure().message);
    const loading = state.isLoading() && !state.isLoaded() ? ", loading more…" : "";
    const more = failure ? `, may be out of date: the last load failed (${failure})` : loading;
    say(count, `${part}${more} · times are those of your clock (${readersZone()})`);
    list.table.hidden = found.length === 0;
    empty.hidden = found.length > 0;
    if (found.length > 0) return;
    if (failure) fill(empty, el("p", null, `The allocations cannot be loaded: ${failure}.`));
    else if (!state.isLoaded()) fill(empty, el("p", null, "Loading…"));
    else if (total > 0) fill(empty, el("p", null, "No allocations match. "), el("button", { type: "button", onclick: reset }, "Show all"));
    else fill(empty, ...welcome());
  }

  function reset() {
    search.show("");
    choose({ q: "", state: "all", label: "" });
    labels.show("", ordered);
    search.focus();
  }

  function key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    const inField = event.target.closest("input, textarea, select, dialog");
    if (event.key === "ArrowDown" && event.target.closest(".search")) {
      event.preventDefault();
      list.focus();
    } else if (event.key === "j" && !inField && !event.target.closest(".rows")) {
      list.focus();
    }
  }
}

function welcome() {
  return [
    el("h2", null, "No allocations yet"),
    el("p", null, "An allocation is a container and its schedule. ", link("#/new", "Create the first one here"),
      ", or push a file:"),
    el("pre.code", null, "docket push docket.yml"),
  ];
}
