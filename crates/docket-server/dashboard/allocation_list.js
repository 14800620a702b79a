// All allocations: search, sort, filter, and the number of starts of the next day. The query is kept in
// memory, so that coming back shows the same.

import { announce } from "./announcements.js";
import { el, fill, harmless, link, say } from "./dom_elements.js";
import { forecast } from "./coming_starts_chart.js";
import * as router from "./view_router.js";
import * as row from "./allocation_row.js";
import { rows } from "./virtual_list.js";
import { cleanups } from "./listeners.js";
import * as state from "./allocation_cache.js";
import * as strip from "./recent_runs_strip.js";
import { counted } from "./format_times.js";

/** The most labels that the filter offers: the most frequent. */
const MOST_LABELS = 300;

const STATES = [
  ["all", "All", () => true],
  ["failing", "Failing", (item) => item.state === "failing"],
  ["running", "Running", (item) => item.status.Running > 0],
  ["suspended", "Suspended", (item) => item.suspended],
  ["new", "Never ran", (item) => item.state === "new"],
];

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const ORDERS = {
  name: byName,
  next: (a, b) => (a.next === b.next ? byName(a, b) : a.next - b.next),
  last: (a, b) => b.ended - a.ended || byName(a, b),
};
const ORDER_WORDS = { name: "name", next: "next instant", last: "last result" };

const query = { text: "", state: "all", label: "", order: "name", reversed: false, scroll: 0 };

/** Shows the view; returns what ends it. */
export function show(outlet) {
  const cleanup = cleanups();
  const heading = el("h1", { tabindex: "-1" }, "Allocations");
  const count = el("p.list-count.muted");
  const search = searchField(refresh);
  const states = stateButtons(refresh);
  const labels = labelFilter(refresh);
  const order = orderField(refresh);
  const sorters = headers(refresh);
  const list = rows({ label: "Allocations", header: sorters.node, draw: row.draw, drop: row.drop });
  const empty = el("div.empty");
  const chart = forecast();
  let found = [];
  let ordered = [];
  let sortedBy = "";

  fill(outlet,
    el("div.list-head", null, el("div", null, heading, count), chart.node),
    el("div.toolbar", { role: "search", "aria-label": "Find allocations" }, search, states.node, labels.node, order.node),
    list.table, empty);
  const sight = new ResizeObserver(() => sorters.fit(list.table));
  sight.observe(list.table);
  cleanup.add(list.end, chart.end, () => sight.disconnect(), state.changed.on(refresh));
  document.addEventListener("keydown", key);
  cleanup.add(() => document.removeEventListener("keydown", key));
  refresh();
  router.setTitle("", heading);
  // After the rows have their height: before, the window cannot be scrolled that far.
  scrollTo(0, query.scroll);
  return () => {
    query.scroll = scrollY;
    cleanup.end();
  };

  // A search passes once over what is sorted already: ten thousand take a few milliseconds.
  function refresh(asked) {
    // A signal calls without a value; the controls of this view call with "asked".
    const isNew = asked !== "asked";
    sort(isNew);
    const sought = query.text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const tallies = Object.fromEntries(STATES.map(([key]) => [key, 0]));
    found = [];
    for (const item of ordered) {
      if (query.label && !item.labels.includes(query.label)) continue;
      if (!sought.every((word) => item.searched.includes(word))) continue;
      for (const [key, , isOne] of STATES) {
        if (!isOne(item)) continue;
        tallies[key] += 1;
        if (key === query.state) found.push(item);
      }
    }
    list.set(found);
    states.tell(tallies);
    if (isNew) labels.tell(ordered);
    order.tell();
    sorters.tell();
    tell(ordered.length);
    if (asked === "asked") {
      announce(`${counted(found.length, "allocation")} found`);
      // A shorter list may end above what is seen.
      scrollTo(0, Math.min(scrollY, outlet.offsetTop));
    }
  }

  function sort(isNew) {
    const wanted = `${query.order} ${query.reversed}`;
    if (!isNew && wanted === sortedBy) return;
    sortedBy = wanted;
    ordered = [...state.all().values()].sort(ORDERS[query.order]);
    if (query.reversed) ordered.reverse();
  }

  function tell(total) {
    const part = found.length === total ? counted(total, "allocation") : `${found.length.toLocaleString("en")} of ${counted(total, "allocation")}`;
    const failure = state.failure() && harmless(state.failure().message);
    const loading = state.isLoading() && !state.isLoaded() ? ", loading more…" : "";
    const more = failure ? `, may be out of date: the last load failed (${failure})` : loading;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    say(count, `${part}${more} · times are those of each allocation's own zone${zone ? `, yours is ${zone}` : ""}`);
    list.table.hidden = found.length === 0;
    empty.hidden = found.length > 0;
    if (found.length > 0) return;
    if (failure) fill(empty, el("p", null, `The allocations cannot be loaded: ${failure}.`));
    else if (!state.isLoaded()) fill(empty, el("p", null, "Loading…"));
    else if (total > 0) fill(empty, el("p", null, "No allocations match. "), el("button", { type: "button", onclick: reset }, "Show all"));
    else fill(empty, ...welcome());
  }

  function reset() {
    Object.assign(query, { text: "", state: "all", label: "" });
    labels.node.value = "";
    search.querySelector("input").value = "";
    refresh("asked");
    search.querySelector("input").focus();
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

function searchField(refresh) {
  const input = el("input", {
    type: "search", id: "search", placeholder: "Search", "aria-label": "Search by name, schedule, image, label",
    autocomplete: "off", spellcheck: "false", ".value": query.text,
    oninput: () => {
      query.text = input.value;
      refresh("asked");
    },
    onkeydown: (event) => {
      if (event.key !== "Escape" || !input.value) return;
      input.value = query.text = "";
      refresh("asked");
    },
  });
  return el("div.search", null, input, el("kbd", { "aria-hidden": "true" }, "/"));
}

function stateButtons(refresh) {
  const each = STATES.map(([key, words]) => {
    const count = el("span.tally");
    const choose = () => {
      query.state = key;
      refresh("asked");
    };
    return { key, count, button: el("button.segment", { type: "button", onclick: choose }, words, " ", count) };
  });
  const node = el("div.segments", { role: "group", "aria-label": "Filter by state" }, each.map(({ button }) => button));
  const tell = (tallies) => {
    for (const { key, count, button } of each) {
      say(count, tallies[key].toLocaleString("en"));
      button.setAttribute("aria-pressed", String(query.state === key));
    }
  };
  return { node, tell };
}

function labelFilter(refresh) {
  const select = el("select", { "aria-label": "Filter by label", onchange: () => {
    query.label = select.value;
    refresh("asked");
  } });
  let shown = null;
  const tell = (items) => {
    const counts = new Map();
    for (const item of items) for (const label of item.labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_LABELS).map(([label]) => label).sort();
    const text = frequent.join("\n");
    select.hidden = counts.size === 0 && !query.label;
    if (text !== shown) {
      shown = text;
      // The chosen label stays in the list, even if no allocation has it any more: a select cannot
      // show a value that it does not offer.
      const some = [...new Set([query.label, ...frequent])].filter(Boolean);
      fill(select, el("option", { value: "" }, "Any label"), some.map((label) => el("option", { value: label }, harmless(label))));
    }
    select.value = query.label;
  };
  return { node: select, tell };
}

function orderField(refresh) {
  const select = el("select.order", { "aria-label": "Sort by", onchange: () => {
    Object.assign(query, { order: select.value, reversed: false });
    refresh("asked");
  } }, Object.entries(ORDER_WORDS).map(([key, words]) => el("option", { value: key }, `By ${words}`)));
  return { node: select, tell: () => (select.value = query.order) };
}

function headers(refresh) {
  const sortable = { name: "Name", next: "Next", last: "Last result" };
  const cells = {};
  const cell = (key) => {
    const choose = () => {
      query.reversed = query.order === key && !query.reversed;
      query.order = key;
      refresh("asked");
    };
    cells[key] = el(`div.cell.cell-${key}`, { role: "columnheader" },
      el("button.sorter", { type: "button", onclick: choose }, sortable[key]));
    return cells[key];
  };
  const plain = (key, words) => el(`div.cell.cell-${key}`, { role: "columnheader" }, words);
  const strips = plain("strip", "");
  const node = el("div.row-head", { role: "row", "aria-rowindex": "1" },
    cell("name"), plain("schedule", "Schedule"), cell("next"), cell("last"), strips);
  // Strips show as many runs as have room.
  const fit = (table) => {
    const count = strip.fitting(strips.clientWidth);
    table.style.setProperty("--runs", String(count));
    say(strips, count === 1 ? "Last run" : `Last ${count} runs`);
  };
  const tell = () => {
    for (const [key, header] of Object.entries(cells)) {
      if (key !== query.order) header.removeAttribute("aria-sort");
      else header.setAttribute("aria-sort", query.reversed ? "descending" : "ascending");
    }
  };
  return { node, tell, fit };
}
