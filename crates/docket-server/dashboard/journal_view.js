// The journal: what happened to the server and who changed what. The filters are in the address: the allocation is
// the server's, the words of a search and the subject are looked for in the entries that were loaded.

import { filters, wordsOf } from "./address_filters.js";
import { announce, notice } from "./announcements.js";
import { el, fill, foreign, harmless, link, say } from "./dom_elements.js";
import { choice, searchField } from "./filter_controls.js";
import { journalEntries } from "./journal_entries.js";
import { cleanups } from "./listeners.js";
import { wall } from "./live_times.js";
import * as router from "./view_router.js";
import { wallClock } from "./format_times.js";

/** So many entries fill the view, if the filters match so many. */
const SCREENFUL = 25;
/** How many further pages are loaded by themselves for that. */
const MOST_PAGES = 5;

const SUBJECTS = [["", "Any subject"], ["server", "Server"], ["allocations", "Allocations"]];
const DEFAULTS = { q: "", about: "", allocation: "" };

/** Shows the view; returns what ends it. */
export function show(outlet) {
  const cleanup = cleanups();
  const query = filters(DEFAULTS, { about: (value) => SUBJECTS.some(([subject]) => subject === value) });
  const heading = el("h1", { tabindex: "-1" }, "Journal");
  const count = el("p.list-count.muted");
  const search = searchField("Search by event, author, allocation", (q) => choose({ q }, true));
  const subjects = choice("Filter by subject", SUBJECTS, (about) => choose({ about }));
  const name = el("input.filter-name", {
    type: "text", "aria-label": "Filter by allocation", placeholder: "Allocation", autocomplete: "off", spellcheck: "false",
    onchange: () => choose({ allocation: name.value.trim() }),
  });
  const message = el("p.muted", { role: "status" });
  const body = el("tbody");
  const table = el("table.runs.journal", null,
    el("caption.visually-hidden", null, "Entries, newest first"),
    el("thead", null, el("tr", null, ["Time", "Subject", "Event"].map((words) => el("th", { scope: "col" }, words)))),
    body);
  const more = el("button", { type: "button", onclick: showMore }, "Older entries");
  let entries = null;
  let pages = 0;

  fill(outlet,
    el("div.list-head", null, el("div", null, heading, count)),
    el("div.toolbar", { role: "search", "aria-label": "Find entries" }, search.node, subjects.node, name),
    el("section.card", { "aria-label": "Entries" }, message, el("div.scroll-x", null, table), el("div.buttons", null, more)));
  cleanup.add(() => entries.end());
  search.show(query.values.q);
  name.value = query.values.allocation;
  begin();
  router.setTitle("Journal", heading);
  return () => cleanup.end();

  function choose(changes, isTyping) {
    query.set(changes, isTyping);
    if ("allocation" in changes) begin();
    else draw();
    announce(count.textContent);
  }

  function begin() {
    entries?.end();
    entries = journalEntries(query.values.allocation);
    entries.changed.on(draw);
    pages = 0;
    draw();
    entries.load();
  }

  function draw() {
    subjects.show(query.values.about);
    const loaded = entries.entries();
    const words = wordsOf(query.values.q);
    const found = loaded.filter((entry) => isAbout(entry, query.values.about) && words.every((word) => searched(entry).includes(word)));
    table.hidden = found.length === 0;
    more.hidden = !entries.hasOlder();
    fill(body, found.map(row));
    describe(found.length, loaded);
    if (found.length < SCREENFUL && pages < MOST_PAGES && entries.hasOlder()) {
      pages += 1;
      loadOlder();
    }
  }

  function describe(found, loaded) {
    const oldest = entries.hasOlder() ? `, back to ${wallClock(Date.parse(loaded.at(-1).At))}` : "";
    const part = found === loaded.length ? "" : `${found.toLocaleString("en")} of `;
    const all = `${loaded.length.toLocaleString("en")} ${loaded.length === 1 ? "entry" : "entries"}`;
    say(count, entries.isLoaded() ? `${part}${all}${oldest}` : "");
    const failure = entries.failure() && harmless(entries.failure().message);
    if (failure) say(message, `The journal cannot be ${entries.isLoaded() ? "loaded again" : "loaded"}: ${failure}.`);
    else if (!entries.isLoaded()) say(message, "Loading…");
    else say(message, found > 0 ? "" : "No entries match.");
  }

  async function showMore() {
    more.disabled = true;
    await loadOlder();
    more.disabled = false;
  }

  function loadOlder() {
    return entries.older().catch((error) => notice(`Older entries cannot be loaded: ${error.message}`, "bad"));
  }
}

const isAbout = (entry, about) => about === "" || (about === "allocations") === Boolean(entry.Allocation);
const searched = ({ Allocation: name = "server", Text: text, By: by = "" }) => `${name}\n${text}\n${by}`.toLowerCase();

function row({ At: at, Allocation: name, Text: text, By: by }) {
  // The words of a suspension have its author.
  const hasAuthor = text.includes(` by ${by}`);
  return el("tr", null,
    el("th", { scope: "row" }, wall(at)),
    el("td", null, name ? link(router.at(name), foreign(name)) : "server"),
    el("td", null, foreign(text), by && !hasAuthor && el("span.muted", null, " by ", foreign(by))));
}
