// One run: its record with the reason in words, its attempts, and its output as it comes.

import * as actions from "./manual_actions.js";
import { address, get } from "./api_client.js";
import { el, fill, foreign, harmless, link, say, zoneName } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { durationOf, reasonOf, triggerInWords } from "./run_list.js";
import { relatedLinks } from "./related_links.js";
import { inWords, isUnderWay, mark, tone } from "./state_mark.js";
import { distance, onBothClocks, wall } from "./live_times.js";
import { output } from "./output_view.js";
import { setSubject } from "./page_title.js";
import { newestOf, partsTable } from "./parts_table.js";
import { redraws } from "./redraw_scheduler.js";
import * as router from "./view_router.js";
import { cleanups } from "./listeners.js";
import * as state from "./allocation_cache.js";
import { everySecond } from "./second_ticker.js";
import { bytes, clock, counted, exact, inFull, instantOf, isForeign, now, wallClock } from "./format_times.js";

/** Shows the view; returns what ends it. */
export function show(outlet, name, id) {
  const cleanup = cleanups();
  const instant = instantOf(id);
  const heading = el("h1", { tabindex: "-1" });
  const chips = el("div.chips");
  const buttons = el("div.buttons", { role: "group", "aria-label": "Actions" });
  const message = el("div");
  const record = el("dl.pairs");
  const attempts = el("div");
  const choice = el("div.segments", { role: "group", "aria-label": "Attempt" });
  const outputTitle = el("h2", { id: "output-title" }, "Output");
  const viewer = output(name);
  const duration = el("span");
  const later = redraws(draw);
  const parts = partsTable((part) => {
    chosenPart = part;
    chosen = null;
    draw();
  });
  let run = null;
  // The attempt whose output is shown; none for the newest one as it goes on.
  let chosen = null;
  // The part whose output is shown; none where the run has one container.
  let chosenPart = null;
  let zone = state.all().get(name)?.status.TimeZone ?? null;

  fill(outlet,
    el("nav.crumbs", { "aria-label": "Breadcrumb" }, link(router.home(), "Allocations"), " / ", link(router.at(name), foreign(name))),
    el("div.detail-head", null, el("div", null, heading, chips), buttons),
    message,
    el("div.detail", null,
      el("div.main-part", null, parts.node,
        el("section.card", { "aria-labelledby": "output-title" },
          el("div.card-head", null, outputTitle, choice), viewer.node)),
      el("div.side", null,
        el("section.card", { "aria-labelledby": "record-title" }, el("h2", { id: "record-title" }, "Record"), record),
        attempts)));
  cleanup.add(viewer.end, everySecond(tick),
    events.runs.on((event) => event.Allocation === name && event.Run.Run === id && take(event.Run)),
    events.allocations.on((entry) => entry.Allocation === name && entry.Event === "Deleted" && gone("its allocation was deleted")),
    events.gap.on(() => load()), state.changed.on(later));
  document.addEventListener("keydown", key);
  cleanup.add(() => document.removeEventListener("keydown", key));
  title();
  router.setTitle(`${name}, ${Number.isNaN(instant) ? id : wallClock(instant)}`, heading);
  load();
  return () => cleanup.end();

  function title() {
    fill(heading, foreign(name), el("span.muted", null, " ", Number.isNaN(instant) ? harmless(id) : wall(instant, zone)));
  }

  async function load() {
    const before = run;
    try {
      const [fresh, item] = await Promise.all([
        get(address(name, "runs", id)),
        state.all().get(name) ?? state.refresh(name),
      ]);
      zone = item?.status.TimeZone ?? "UTC";
      title();
      // A record from an event in between is newer.
      if (run === before) take(fresh);
    } catch (error) {
      if (!cleanup.isOver() && (!run || error.status === 404)) gone(harmless(error.message));
    }
  }

  function gone(why) {
    run = null;
    delete buttons.dataset.kind;
    fill(buttons);
    fill(chips);
    setSubject(`Run of ${name} not found`);
    fill(message, el("p.card", { role: "status" }, `This run cannot be shown: ${why}. `, link(router.at(name), "All runs of ", foreign(name))));
    outlet.querySelector(".detail").hidden = true;
  }

  function take(fresh) {
    run = fresh;
    later();
  }

  function draw() {
    if (!run || cleanup.isOver()) return;
    zone ??= "UTC";
    const live = isUnderWay(run.State);
    outlet.querySelector(".detail").hidden = false;
    fill(message);
    fill(chips, el(`span.chip.chip-large.${tone(run.State)}`, null, mark(run.State), inWords(run.State)),
      reasonOf(run) && el("span.reason-large", null, foreign(reasonOf(run))));
    drawButtons(live);
    fill(record, ...pairs());
    chosenPart ??= run.Parts?.[0]?.Part ?? null;
    parts.show(run, chosenPart);
    say(outputTitle, chosenPart === null ? "Output" : `Output of part ${chosenPart}`);
    fill(attempts, ...shownAttempts().map((attempt) => attemptCard(run, attempt, zone)).reverse());
    drawChoice();
    tick();
    showOutput();
  }

  function drawButtons(live) {
    const kind = live ? "cancel" : "again";
    // The same buttons stay, so that the focus in them stays too.
    if (buttons.dataset.kind === kind) return;
    buttons.dataset.kind = kind;
    fill(buttons, live
      ? el("button.danger-quiet", { type: "button", onclick: () => actions.cancel(name, run) }, "Cancel…")
      : el("button", { type: "button", onclick: () => actions.run(name) }, "Run again…"));
  }

  // The attempts at the part that is shown.
  function shownAttempts() {
    return run.Attempts.filter((attempt) => chosenPart === null || attempt.Part === chosenPart);
  }

  // True while what is shown goes on: of several parts each ends by itself.
  function goesOn() {
    const part = run.Parts?.find((one) => one.Part === chosenPart);
    return isUnderWay((part ?? run).State);
  }

  function drawChoice() {
    const live = goesOn();
    const all = shownAttempts();
    choice.hidden = all.length < 2;
    if (choice.hidden) return;
    const button = (words, is, choose) => el("button.segment", { type: "button", "aria-pressed": String(is), onclick: () => {
      chosen = choose;
      drawChoice();
      showOutput();
    } }, words);
    const newest = titleOf(all.at(-1));
    // The buttons are new after each drawing.
    const focused = [...choice.children].indexOf(document.activeElement);
    fill(choice, live && button("Live", chosen === null, null),
      ...all.map(titleOf).map((title) => button(title, chosen === title || (!live && chosen === null && title === newest), title)));
    if (focused >= 0) choice.children[Math.min(focused, choice.children.length - 1)].focus();
  }

  function showOutput() {
    const live = goesOn() && chosen === null;
    const attempt = shownAttempts().find((one) => titleOf(one) === chosen) ?? newestOf(run, chosenPart);
    viewer.show(run, attempt, live);
  }

  function pairs() {
    const time = (iso) => iso && wall(iso, zone);
    const pair = (key, value) => (value || value === 0) && [el("dt", null, key), el("dd", null, value)];
    const parents = state.all().get(name)?.parents ?? [];
    const children = state.childrenOf(name);
    return [
      pair("Instant", [onBothClocks(run.Instant, zone), isForeign(zone) && [" (", zoneName(zone), ")"]]),
      run.Count > 1 && pair("Instants", [`${counted(run.Count, "instant")} in a row, up to `, wall(instantOf(run.Last), zone)]),
      pair("Trigger", foreign(triggerInWords(run))),
      parents.length > 0 && pair("After", relatedLinks(parents, id)),
      children.length > 0 && pair("Starts", relatedLinks(children, id)),
      run.Ended && !run.Parts && pair("Exit code", exitInWords(run, run.Attempts.at(-1))),
      run.Cmd && pair("Command", foreign(run.Cmd.join(" "), "code")),
      run.EnvNames?.length > 0 && pair("Variables", foreign(run.EnvNames.join(", "), "code")),
      pair("Decided", time(run.Decided)),
      run.LatenessMilliseconds !== undefined && pair("Started", `${exact(run.LatenessMilliseconds)} late`),
      run.NextAttempt && pair("Next attempt", [time(run.NextAttempt), " ", distance(run.NextAttempt, zone)]),
      durationOf(run, now()) !== null && pair("Took", duration),
      run.Ended && pair("Ended", time(run.Ended)),
      pair("Name", el("code", null, run.Run)),
    ].filter(Boolean).flat();
  }

  function key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key !== "f" || event.target.closest?.("input, textarea, select, dialog")) return;
    viewer.find();
    event.preventDefault();
  }

  function tick() {
    if (!run) return;
    const took = durationOf(run, now());
    if (took !== null) say(duration, run.Ended ? exact(took) : `${exact(took)} so far`);
  }
}

/** The exit code of an attempt, or why there is none. */
function exitInWords(run, attempt) {
  if (!attempt) return "none: no container was started";
  const { ExitCode: code, OutOfMemory: outOfMemory } = attempt;
  if (code !== null && code !== undefined) return `${code}${outOfMemory ? ", out of memory" : ""}`;
  const { State: state } = run.Parts?.find((part) => part.Part === attempt.Part) ?? run;
  const goesOn = attempt === newestOf(run, attempt.Part ?? null) && isUnderWay(state) && state !== "retrying";
  if (goesOn && !attempt.Ended) return "none yet";
  if (attempt.Ended) return "none: the engine reported none";
  return attempt.Started ? "unknown: the end of the container was not seen" : "none: the container did not start";
}

/** `Attempt 2`, or `Part 3, attempt 2` where the run has several parts. */
function titleOf({ Part: part, Attempt: number }) {
  return part === undefined ? `Attempt ${number}` : `Part ${part}, attempt ${number}`;
}

function attemptCard(run, attempt, zone) {
  const id = `attempt-${attempt.Part ?? 1}-${attempt.Attempt}`;
  const many = run.Attempts.length;
  const time = (iso) => {
    const at = Date.parse(iso);
    return iso && el("time", { datetime: iso, title: inFull(at, zone) }, clock(at, "second"));
  };
  const pair = (key, value) => (value || value === 0) && [el("dt", null, key), el("dd", null, value)];
  return el("section.card", { "aria-labelledby": id },
    el("h2", { id }, many > 1 ? titleOf(attempt) : "Container"),
    el("dl.pairs", null, [
      pair("Exit code", exitInWords(run, attempt)),
      pair("Started", time(attempt.Started)),
      pair("Ended", time(attempt.Ended)),
      pair("Took", attempt.DurationMilliseconds !== undefined && exact(attempt.DurationMilliseconds)),
      pair("Output", attempt.OutputBytes !== null && attempt.OutputBytes !== undefined && bytes(attempt.OutputBytes)),
      pair("Not kept", attempt.OutputOmitted > 0 && bytes(attempt.OutputOmitted)),
      pair("Container", attempt.Container && el("code.id", { title: attempt.Container }, attempt.Container.slice(0, 12))),
      pair("Engine", attempt.EngineName && attempt.EngineName !== "default" && foreign(attempt.EngineName)),
      pair("Node", attempt.Node && foreign(attempt.Node)),
      pair("Image", attempt.Image && el("code.id", { title: attempt.Image }, attempt.Image.replace(/^sha256:/, "").slice(0, 12))),
      pair("Remarks", attempt.Remarks?.length > 0 && attempt.Remarks.map((remark) => el("div", null, foreign(remark)))),
    ].filter(Boolean).flat()));
}
