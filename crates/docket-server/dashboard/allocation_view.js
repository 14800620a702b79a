// One allocation: when it is due, how its runs went, what it is, and what can be done about it.

import * as actions from "./manual_actions.js";
import { el, fill, foreign, harmless, link, zoneName } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { history } from "./run_list.js";
import { activeInWords, inWords, mark } from "./state_mark.js";
import { due, onBothClocks, wall } from "./live_times.js";
import { setSubject } from "./page_title.js";
import { plots } from "./duration_plots.js";
import * as router from "./view_router.js";
import * as row from "./allocation_row.js";
import { relatedLinks } from "./related_links.js";
import { runsTable } from "./runs_table.js";
import * as sides from "./allocation_sidebar.js";
import { cleanups } from "./listeners.js";
import * as state from "./allocation_cache.js";
import { timeline } from "./run_timeline.js";

/** Shows the view; returns what ends it. */
export function show(outlet, name) {
  const cleanup = cleanups();
  const runs = history(name);
  const heading = el("h1", { tabindex: "-1" }, foreign(name));
  const chips = el("div.chips");
  const facts = el("p.facts");
  const buttons = el("div.buttons", { role: "group", "aria-label": "Actions" });
  const message = el("div");
  const line = timeline();
  const plotted = plots();
  const table = runsTable({ older: runs.older });
  const side = sides.make(name);
  const sight = new ResizeObserver(() => drawRuns());
  // What the list already has is drawn at once; the request for the rest follows.
  let item = state.all().get(name) ?? null;
  let shown = null;
  let shownChildren = "";

  fill(outlet,
    el("nav.crumbs", { "aria-label": "Breadcrumb" }, link(router.home(), "Allocations")),
    el("div.detail-head", null, el("div", null, heading, chips, facts), buttons),
    message,
    el("div.detail", null,
      el("div.main-part", null,
        el("section.card", { "aria-labelledby": "runs-title" }, el("h2", { id: "runs-title" }, "Runs"), line.node, plotted.node, table.node),
        side.specification),
      side.node));
  cleanup.add(runs.end, runs.changed.on(drawRuns), () => sight.disconnect(), side.end,
    state.changed.on(take), events.gap.on(() => refresh()));
  sight.observe(line.node);
  document.addEventListener("keydown", key);
  cleanup.add(() => document.removeEventListener("keydown", key));
  router.setTitle(name, heading);
  if (item) draw();
  refresh();
  runs.load();
  return () => cleanup.end();

  async function refresh() {
    try {
      // Where it is there, `state.changed` follows.
      if (!(await state.refresh(name)) && !cleanup.isOver()) gone();
    } catch (error) {
      if (!item) fill(message, el("p.card", null, `The allocation cannot be shown: ${harmless(error.message)}.`));
    }
  }

  function take() {
    const fresh = state.all().get(name);
    if (fresh) {
      item = fresh;
      draw();
    // Before all are loaded, a missing item says nothing.
    } else if (item && state.isLoaded()) {
      gone();
    }
  }

  function gone() {
    item = null;
    shown = null;
    fill(message, el("p.card", { role: "status" }, "No allocation has the name ", foreign(name), ", or it was deleted. ", link("#/", "All allocations")));
    for (const part of [buttons, chips, facts]) fill(part);
    setSubject(`${name} not found`);
    outlet.querySelector(".detail").hidden = true;
  }

  function draw() {
    // Items are replaced and never changed, so the same item needs no drawing.
    const children = state.childrenOf(name).join();
    if (item === shown && children === shownChildren) return;
    [shown, shownChildren] = [item, children];
    fill(message);
    outlet.querySelector(".detail").hidden = false;
    fill(chips, ...chipsOf(item));
    fill(facts, ...factsOf(item));
    drawButtons();
    side.show(item);
    drawRuns();
  }

  function drawButtons() {
    // The buttons are new after each change, and the focus would be lost with the old ones.
    const focused = buttons.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    const button = (does, words, act, kind = "button") => el(kind, { type: "button", "data-does": does, onclick: act }, words);
    const suspended = Boolean(item.status.Suspended);
    fill(buttons,
      button("run", "Run now…", () => actions.run(name), "button.primary"),
      suspended
        ? button("suspend", "Resume", () => actions.resume(name))
        : button("suspend", "Suspend…", () => actions.suspend(name)),
      el("a.button", { href: router.at(name, "edit"), "data-does": "edit" }, "Edit"),
      el("a.button", { href: router.copyOf(name), "data-does": "copy" }, "Copy"),
      button("delete", "Delete…", () => actions.remove(name), "button.danger-quiet"));
    if (focused) buttons.querySelector(`[data-does=${focused}]`)?.focus();
  }

  function drawRuns() {
    if (!item) return;
    const zone = row.zoneOf(item);
    line.show(name, runs.runs());
    plotted.show(name, runs.runs());
    if (runs.isLoaded()) table.show(runs.runs(), zone, runs.hasOlder());
  }

  function key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest?.("input, textarea, select, dialog")) return;
    if (event.key === "r") actions.run(name);
    else if (event.key === "e") router.go(router.at(name, "edit"));
    else return;
    event.preventDefault();
  }
}

function chipsOf(item) {
  const { Suspended: held, LastRun: last, Warnings: warnings = [] } = item.status;
  const zone = row.zoneOf(item);
  const until = held?.Until && [" until ", wall(held.Until, zone)];
  return [
    last && el("span.chip", null, mark(last.State), `last run ${inWords(last.State)}`),
    ...activeInWords(item.status).map(([state, words]) => el("span.chip.chip-live", null, mark(state), words)),
    held && el("span.chip.chip-warn", null, "suspended by ", foreign(held.By), until, held.Reason && [": ", foreign(held.Reason)]),
    !held && item.suspended && el("span.chip.chip-warn", null, "suspended by its specification"),
    ...warnings.map((warning) => el("span.chip.chip-warn", null, foreign(warning))),
  ];
}

function factsOf(item) {
  const zone = row.zoneOf(item);
  const words = row.scheduleInWords(item);
  const { Cron: cron, After: after, Description: description } = item.allocation;
  const children = state.childrenOf(item.name);
  return [
    description && el("span.fact-line", null, foreign(description)),
    el("span.fact-line", null,
      after ? ["Runs after ", relatedLinks([after].flat())] : ["Runs ", foreign(words)],
      cron && words !== cron && [" (", el("code", null, harmless(cron)), ")"],
      cron && [" by the wall clock of ", zoneName(zone)]),
    children.length > 0 && el("span.fact-line", null, "Starts ", relatedLinks(children), " when it succeeds"),
    item.next < Infinity && el("span.fact-line", null,
      "Next ", el("strong", null, onBothClocks(item.next, zone)), " ", el("span.next-count", null, due(item.next, zone))),
  ];
}
