// One allocation in the list: what it is, when it is due, how it went. Its last runs are requested only while the
// row is seen.

import { el, fill, foreign, harmless, link } from "./dom_elements.js";
import { activeInWords, inWords, mark, tone } from "./state_mark.js";
import { due, wall } from "./live_times.js";
import { at } from "./view_router.js";
import * as strip from "./recent_runs_strip.js";

/** Labels that say whom to ask, in the order in which they are looked for. */
const OWNERS = ["owner", "Owner", "team", "Team", "maintainer"];

/** Draws the row of an item; `selection` has those that are selected. */
export function draw(item, selection) {
  const strips = el("div.cell.cell-strip", { role: "cell" });
  const name = link(at(item.name), foreign(item.name));
  const box = el("input", {
    type: "checkbox", "aria-label": `Select ${harmless(item.name)}`, ".checked": selection.has(item.name),
    onchange: () => selection.choose(item.name, box.checked),
  });
  const row = el("div.row", { role: "row" },
    el("div.cell.cell-select", { role: "cell" }, box),
    el("div.cell.cell-name", { role: "rowheader" }, el("span.row-name", null, name), about(item)),
    el("div.cell.cell-schedule", { role: "cell" }, schedule(item)),
    el("div.cell.cell-next", { role: "cell" }, el("span.row-count", null, countdown(item)), absolute(item)),
    el("div.cell.cell-last", { role: "cell" }, last(item)),
    strips);
  row.stops = [name, box];
  fill(strips, stripOf(strip.runsOf(item.name) ?? []));
  return row;
}

/** The zone whose wall clock its times are shown in. */
export const zoneOf = (item) => item.status.TimeZone ?? "UTC";

/** Requests what a row that is seen does not have yet. */
export function enter(item, row) {
  const hasRuns = item.status.LastRun || activeInWords(item.status).length > 0;
  if (!hasRuns || strip.runsOf(item.name)) return;
  strip.want(item.name, (runs) => fill(row.querySelector(".cell-strip"), stripOf(runs)));
}

/** Forgets what the row waits for. */
export const leave = (name) => strip.unwant(name);

const stripOf = (runs) => el("div.strip-window", null, strip.draw(runs));

function chips(item) {
  return [
    ...activeInWords(item.status).map(([state, words]) => el("span.chip.chip-live", null, mark(state), words)),
    item.suspended && el("span.chip.chip-quiet", null, "suspended"),
  ];
}

// The labels, those that say who owns it first.
function labelsOf(item) {
  const labels = item.allocation.Labels ?? {};
  const first = OWNERS.filter((key) => labels[key]);
  const rest = Object.keys(labels).filter((key) => !first.includes(key));
  return [...first, ...rest].map((key) => `${key}=${labels[key]}`);
}

function about(item) {
  const { Origin: origin } = item.status;
  const file = origin && origin !== "api" ? origin.split("/").at(-1) : null;
  const texts = [item.allocation.Description, ...labelsOf(item), file].filter(Boolean);
  const badges = chips(item).filter(Boolean);
  if (texts.length + badges.length === 0) return null;
  return el("span.row-about", { title: harmless(texts.join(" · ")) }, badges,
    texts.flatMap((part, index) => [index > 0 && " · ", foreign(part)]));
}

/** When it is due, in words. */
export function scheduleInWords(item) {
  const { Cron: cron, After: after } = item.allocation;
  if (after) return `after ${[after].flat().join(", ")}`;
  return item.status.Schedule || cron || "only manually";
}

function schedule(item) {
  const words = scheduleInWords(item);
  const { Cron: cron } = item.allocation;
  const zone = cron ? item.status.TimeZone : null;
  const isCode = words === cron;
  return [
    el(isCode ? "code.row-words" : "span.row-words", { title: harmless(isCode || !cron ? words : `${words} (${cron})`) }, harmless(words)),
    zone && el("span.row-about", null, harmless(zone.replaceAll("_", " "))),
  ];
}

function countdown(item) {
  if (item.suspended) return "suspended";
  if (item.next === Infinity) return withoutInstant(item);
  return due(item.next, zoneOf(item));
}

// Why there is no next instant. "Never again" is only true of what ran before.
function withoutInstant({ allocation, status }) {
  if (allocation.After) return "after its parents";
  if (!allocation.Cron?.trim()) return "not scheduled";
  return status.LastRun ? "never again" : "never";
}

function absolute(item) {
  const until = item.status.Suspended?.Until;
  if (until) return el("span.row-about", null, "until ", wall(until, zoneOf(item)));
  return item.next === Infinity ? null : wall(item.next, zoneOf(item), "time.row-about");
}

function last(item) {
  const { LastRun: run } = item.status;
  if (!run) return el("span.row-about", null, "has not run yet");
  const reason = run.Reason ?? (run.ExitCode ? `exit code ${run.ExitCode}` : null);
  return [
    el("span.row-words", null, mark(run.State), el(`span.${tone(run.State)}`, null, inWords(run.State))),
    el("span.row-about", { title: reason && harmless(reason) },
      run.Ended && wall(run.Ended, zoneOf(item)),
      reason && [" · ", foreign(reason)]),
  ];
}
