// The table of runs: of one allocation, or of all with a column for their names.

import { notice } from "./announcements.js";
import { el, foreign } from "./dom_elements.js";
import { durationOf, keyOf, reasonOf, triggerInWords } from "./run_list.js";
import { inWords, mark, tone } from "./state_mark.js";
import { onBothClocks, wall } from "./live_times.js";
import { at } from "./view_router.js";
import { exact, inFull, instantOf, now } from "./format_times.js";

/** How many rows are shown at first, and how many more each time. */
const SHOWN = 25;
const MORE = 100;

/**
 * Makes the table: `{node, show(runs, zone, hasOlder)}`. `older` loads one page more. Without a zone the runs are
 * those of all allocations.
 */
export function runsTable({ older, isOfAll = false, shown: atFirst = SHOWN }) {
  const body = el("tbody");
  const more = el("button", { type: "button", hidden: true, onclick: showMore }, "Older runs");
  const none = el("p.muted", { hidden: true }, "No runs yet.");
  const heads = [isOfAll && "Allocation", "Instant", "Result"].filter(Boolean);
  const column = (words, kind = "th") => el(kind, { scope: "col" }, words);
  const table = el("table.runs", null,
    el("caption.visually-hidden", null, isOfAll ? "Runs of all allocations" : "Runs, newest first"),
    el("thead", null, el("tr", null, heads.map((words) => column(words)), column("Duration", isOfAll ? "th.wide-only" : "th"), ["Late", "Trigger"].map((words) => column(words, "th.wide-only")))),
    body);
  const node = el("div", null, el("div.scroll-x", null, table), none, el("div.buttons", null, more));
  const rows = new Map();
  let limit = atFirst;
  let state = { runs: [], zone: null, hasOlder: false };
  return { node, show };

  function show(runs, zone, hasOlder) {
    state = { runs, zone, hasOlder };
    const shown = runs.slice(0, limit);
    const names = new Set(shown.map(keyOf));
    for (const key of [...rows.keys()]) if (!names.has(key)) rows.delete(key);
    // Rows that stay are not taken out, so that the focus in them stays too.
    shown.map((run) => rowOf(run, zone)).forEach((row, index) => {
      if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    });
    while (body.children.length > shown.length) body.lastChild.remove();
    more.hidden = runs.length <= limit && !hasOlder;
    none.hidden = runs.length > 0;
    table.hidden = runs.length === 0;
  }

  // A row that has not changed is left as it is, and so is the focus in it.
  function rowOf(run, zone) {
    const held = rows.get(keyOf(run));
    // The duration of a run under way grows, so its row is drawn anew.
    if (held?.run === run && held.zone === zone && run.Ended) return held.row;
    const row = draw(run, zone);
    rows.set(keyOf(run), { run, zone, row });
    return row;
  }

  function draw(run, zone) {
    const instant = instantOf(run.Run);
    const duration = durationOf(run, now());
    const reason = reasonOf(run);
    const spans = run.Count > 1 ? ` and ${run.Count - 1} more` : "";
    const { Allocation: name } = run;
    const time = el("a", { href: at(name, run.Run), title: inFull(instant, zone) }, isOfAll ? wall(instant) : onBothClocks(instant, zone));
    return el("tr", null,
      isOfAll && el("th.run-allocation", { scope: "row" }, el("a", { href: at(name) }, foreign(name))),
      isOfAll ? el("td.run-instant", null, time, spans) : el("th", { scope: "row" }, time, spans),
      el("td", null, el("span.result", null, mark(run.State), el(`span.${tone(run.State)}`, null, inWords(run.State))),
        reason && el("span.reason", null, foreign(reason))),
      el(isOfAll ? "td.number.wide-only" : "td.number", null, duration === null ? "–" : exact(duration)),
      el("td.number.wide-only", null, run.LatenessMilliseconds === undefined ? "–" : exact(run.LatenessMilliseconds)),
      el("td.run-trigger.muted.wide-only", null, foreign(triggerInWords(run))));
  }

  async function showMore() {
    limit += MORE;
    more.disabled = true;
    if (state.runs.length < limit && state.hasOlder) {
      await older().catch((error) => notice(`Older runs cannot be loaded: ${error.message}`, "bad"));
    }
    more.disabled = false;
    show(state.runs, state.zone, state.hasOlder);
  }
}
