// The table of an allocation's runs.

import { notice } from "./announcements.js";
import { el, foreign } from "./dom_elements.js";
import { durationOf, reasonOf, triggerInWords } from "./run_history.js";
import { inWords, mark, tone } from "./state_mark.js";
import { wall } from "./live_times.js";
import { at } from "./view_router.js";
import { exact, inFull, instantOf, now } from "./format_times.js";

/** How many rows are shown at first. */
const SHOWN = 25;

/** Makes the table: `{node, show(runs, zone, hasOlder)}`; `older` loads one page more. */
export function runsTable(name, older) {
  const body = el("tbody");
  const more = el("button", { type: "button", hidden: true, onclick: showMore }, "Older runs");
  const none = el("p.muted", { hidden: true }, "No runs yet.");
  const table = el("table.runs", null,
    el("caption.visually-hidden", null, "Runs, newest first"),
    el("thead", null, el("tr", null, ["Instant", "Result", "Duration", "Late", "Trigger"].map((words) => el("th", { scope: "col" }, words)))),
    body);
  const node = el("div", null, el("div.scroll-x", null, table), none, el("div.buttons", null, more));
  const rows = new Map();
  let limit = SHOWN;
  let state = { runs: [], zone: "UTC", hasOlder: false };
  return { node, show };

  function show(runs, zone, hasOlder) {
    state = { runs, zone, hasOlder };
    const shown = runs.slice(0, limit);
    const names = new Set(shown.map((run) => run.Run));
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
    const held = rows.get(run.Run);
    // The duration of a run under way grows, so its row is drawn anew.
    if (held?.run === run && held.zone === zone && run.Ended) return held.row;
    const row = draw(run, zone);
    rows.set(run.Run, { run, zone, row });
    return row;
  }

  function draw(run, zone) {
    const instant = instantOf(run.Run);
    const duration = durationOf(run, now());
    const reason = reasonOf(run);
    const spans = run.Count > 1 ? ` and ${run.Count - 1} more` : "";
    return el("tr", null,
      el("th", { scope: "row" }, el("a", { href: at(name, run.Run), title: inFull(instant, zone) }, wall(instant, zone)), spans),
      el("td", null, el("span.result", null, mark(run.State), el(`span.${tone(run.State)}`, null, inWords(run.State))),
        reason && el("span.reason", null, foreign(reason))),
      el("td.number", null, duration === null ? "–" : exact(duration)),
      el("td.number", null, run.LatenessMilliseconds === undefined ? "–" : exact(run.LatenessMilliseconds)),
      el("td.muted", null, foreign(triggerInWords(run))));
  }

  async function showMore() {
    limit += 100;
    more.disabled = true;
    if (state.runs.length < limit && state.hasOlder) {
      await older().catch((error) => notice(`Older runs cannot be loaded: ${error.message}`, "bad"));
    }
    more.disabled = false;
    show(state.runs, state.zone, state.hasOlder);
  }
}
