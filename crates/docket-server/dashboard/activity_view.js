// The runs of all allocations, newest first, and what starts next. The filters are in the address: state, label
// and time are the server's, the words of a search are looked for in the runs that were loaded.

import { filters, wordsOf } from "./address_filters.js";
import { announce } from "./announcements.js";
import { el, fill, harmless, say } from "./dom_elements.js";
import { choice, hasLabel, labelFilter, searchField } from "./filter_controls.js";
import { cleanups } from "./listeners.js";
import { nextUp } from "./next_up.js";
import * as router from "./view_router.js";
import { allRuns, durationOf, reasonOf, triggerInWords } from "./run_list.js";
import { runsTable } from "./runs_table.js";
import { FAILURE_STATES, inWords, isFailure, UNDER_WAY_STATES, WORDS } from "./state_mark.js";
import * as state from "./allocation_cache.js";
import { counted, instantOf, now, sinceTime, wallClock } from "./format_times.js";

/** So many runs fill the view, if the filters match so many. */
const SCREENFUL = 25;
/** How many further pages are loaded by themselves for that. */
const MOST_PAGES = 5;
/** How many runs are shown at first. */
const SHOWN = 100;

const STATES = [["", "Any result"], [FAILURE_STATES, "Failures"], [UNDER_WAY_STATES, "Under way"], ...WORDS.map((word) => [word, inWords(word)])];
const TIMES = [["", "Any time"], ["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];

const newestFirst = (a, b) => instantOf(b.Run) - instantOf(a.Run);
const isFailed = (run) => Number(isFailure(run.State));
const took = (run) => durationOf(run, now()) ?? -1;
const ORDERS = {
  newest: newestFirst,
  failures: (a, b) => isFailed(b) - isFailed(a) || newestFirst(a, b),
  longest: (a, b) => took(b) - took(a) || newestFirst(a, b),
  latest: (a, b) => (b.LatenessMilliseconds ?? 0) - (a.LatenessMilliseconds ?? 0) || newestFirst(a, b),
  allocation: (a, b) => (a.Allocation < b.Allocation ? -1 : a.Allocation > b.Allocation ? 1 : newestFirst(a, b)),
};
const ORDER_WORDS = [["newest", "Newest first"], ["failures", "Failures first"], ["longest", "Longest first"], ["latest", "Latest start first"], ["allocation", "By allocation"]];

const DEFAULTS = { q: "", state: "", label: "", since: "", sort: "newest" };

/** Shows the view; returns what ends it. */
export function show(outlet) {
  const cleanup = cleanups();
  const query = filters(DEFAULTS, { sort: (value) => Object.hasOwn(ORDERS, value) });
  const heading = el("h1", { tabindex: "-1" }, "Activity");
  const count = el("p.list-count.muted");
  const search = searchField("Search by allocation, reason, trigger", (q) => choose({ q }, true));
  const states = choice("Filter by result", STATES, (value) => choose({ state: value }));
  const labels = labelFilter((label) => choose({ label }));
  const since = choice("Filter by time", TIMES, (value) => choose({ since: value }));
  const order = choice("Sort by", ORDER_WORDS, (sort) => choose({ sort }));
  const message = el("p.muted", { role: "status" });
  const next = nextUp();
  let runs = null;
  let table = null;
  // True from a choice until its result is shown.
  let isAwaited = false;
  // How many pages were loaded by themselves.
  let pages = 0;
  const place = el("div");

  fill(outlet,
    el("div.list-head", null, el("div", null, heading, count)),
    el("div.toolbar", { role: "search", "aria-label": "Find runs" }, search.node, states.node, since.node, labels.node, order.node),
    el("div.detail", null,
      el("div.main-part", null, el("section.card", { "aria-label": "Runs" }, message, place)),
      el("div.side", null, next.node)));
  cleanup.add(() => runs.end(), next.end, state.changed.on(showControls));
  search.show(query.values.q);
  showControls();
  begin();
  router.setTitle("Activity", heading);
  return () => cleanup.end();

  function choose(changes, isTyping) {
    query.set(changes, isTyping);
    isAwaited = true;
    showControls();
    // A search and an order need no other runs.
    if ("q" in changes || "sort" in changes) draw();
    else begin();
  }

  function showControls() {
    const { values } = query;
    states.show(values.state);
    since.show(values.since);
    labels.show(values.label, state.all().values());
    order.show(values.sort);
  }

  function begin() {
    runs?.end();
    const { state: states, label, since } = query.values;
    const asked = Object.entries({ state: states, label, since }).filter(([, value]) => value);
    runs = allRuns(Object.fromEntries(asked), isAsked);
    table = runsTable({ older: runs.older, isOfAll: true, shown: SHOWN });
    fill(place, table.node);
    runs.changed.on(draw);
    pages = 0;
    draw();
    runs.load();
  }

  // True for a run of an event that the server would list too.
  function isAsked(run) {
    const { state: states, label, since } = query.values;
    if (states && !states.split(",").includes(run.State)) return false;
    if (since && instantOf(run.Run) < sinceTime(since)) return false;
    if (!label) return true;
    const item = state.all().get(run.Allocation);
    return item !== undefined && hasLabel(item, label);
  }

  function draw() {
    const loaded = runs.runs();
    const words = wordsOf(query.values.q);
    const found = loaded.filter((run) => words.every((word) => searched(run).includes(word)));
    found.sort(ORDERS[query.values.sort]);
    // An empty table would say that there are no runs.
    place.hidden = !runs.isLoaded();
    table.show(found, null, runs.hasOlder());
    describe(found.length, loaded);
    if (runs.isLoaded() && found.length < SCREENFUL) loadMore();
  }

  // Of many runs few may match the search, and the server ends a page after 10,000 that match none of its filters.
  function loadMore() {
    if (!runs.hasOlder() || pages === MOST_PAGES) return;
    pages += 1;
    runs.older().catch((error) => say(message, `Older runs cannot be loaded: ${harmless(error.message)}.`));
  }

  function describe(found, loaded) {
    const failure = runs.failure() && harmless(runs.failure().message);
    const oldest = runs.hasOlder() && loaded.length > 0 ? `, back to ${wallClock(instantOf(loaded.at(-1).Run))}` : "";
    const text = found === loaded.length ? `${counted(found, "run")}${oldest}` : `${found.toLocaleString("en")} of ${counted(loaded.length, "run")}${oldest}`;
    say(count, runs.isLoaded() ? text : "");
    if (failure) say(message, `The runs cannot be ${runs.isLoaded() ? "loaded again" : "loaded"}: ${failure}.`);
    else say(message, runs.isLoaded() ? "" : "Loading…");
    if (isAwaited && runs.isLoaded()) announce(text);
    isAwaited &&= !runs.isLoaded();
  }
}

const searched = (run) => `${run.Allocation}\n${reasonOf(run) ?? ""}\n${triggerInWords(run)}`.toLowerCase();
