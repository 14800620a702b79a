// What stands beside the runs of an allocation: the next instants, what happened lately and why,
// the specification, and who changed what.

import { address, get, getYaml } from "./api_client.js";
import { el, fill, foreign, harmless, link } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { instantsList } from "./upcoming_instants.js";
import { wall } from "./live_times.js";
import { zoneOf } from "./allocation_row.js";
import * as router from "./view_router.js";
import * as state from "./allocation_cache.js";
import { inFull, isForeign, wallClock } from "./format_times.js";

/** How many entries of the journal are shown. */
const ENTRIES = 8;
/** How many sentences about recent activity are shown. */
const SENTENCES = 5;
/** How long to wait with what runs changed, in milliseconds: they come in numbers. */
const SOON = 700;

/** Makes the side of an allocation: `{node, specification, show(item), end}`. */
export function make(name) {
  const instants = el("div");
  const why = el("div");
  const about = el("dl.pairs");
  const text = el("pre.code", { tabindex: "0", "aria-label": "Specification" });
  const journal = el("div");
  const node = el("div.side", null,
    card("Next instants", instants), card("Recent activity", why), card("About", about), card("Changes", journal, link(router.journalOf(name), "In the journal")));
  const specification = card("Specification", text);
  let zone = "UTC";
  let shown = null;
  let timer = null;
  let begun = 0;
  let filled = 0;
  let ended = false;
  const mine = (event) => event.Allocation === name && later();
  const ends = [events.runs.on(mine), events.allocations.on(mine), events.gap.on(later)];

  return {
    node,
    specification,
    show(item) {
      zone = zoneOf(item);
      fill(about, ...pairs(item));
      showSpecification(item.status.Revision);
      later();
    },
    end() {
      ended = true;
      clearTimeout(timer);
      for (const end of ends) end();
    },
  };

  async function showSpecification(revision) {
    if (revision === shown) return;
    shown = revision;
    // The next event of the allocation tries again.
    const yaml = await getYaml(name).catch(() => { shown = null; });
    if (yaml !== undefined && shown === revision) fill(text, harmless(yaml));
  }

  // At once where nothing is shown yet, and then not more often than can be read.
  function later() {
    if (timer) return;
    timer = setTimeout(load, why.firstChild ? SOON : 0);
  }

  async function load() {
    timer = null;
    if (!state.all().has(name)) return;
    begun += 1;
    const number = begun;
    const [coming, explanation, entries] = await Promise.all([
      get(`${address(name, "instants")}?limit=10`).catch(() => null),
      get(address(name, "why")).catch(() => null),
      // Entries of the server are among them, so more are requested than are shown.
      get(`${address("-", "journal")}?allocation=${encodeURIComponent(name)}&limit=60`).catch(() => null),
    ]);
    // Loads overlap where a response is slow: an older one must not replace a newer one.
    if (ended || number < filled) return;
    filled = number;
    if (coming) fill(instants, instantsList(coming.Instants, zone, coming.Suspended, coming.WhyNone));
    if (explanation) fill(why, sentences(explanation.Sentences, zone));
    if (entries) fill(journal, changes(entries, zone));
  }
}

function card(title, ...children) {
  const id = `side-${title.toLowerCase().replaceAll(" ", "-")}`;
  return el("section.card", { "aria-labelledby": id }, el("h2", { id }, title), children);
}

function pairs(item) {
  const { Origin: origin, Created: created, TimeZone: zone = "UTC", Revision: revision } = item.status;
  const config = item.allocation.Container?.Config ?? {};
  const pair = (key, value) => value && [el("dt", null, key), el("dd", null, value)];
  return [
    pair("Image", config.Image && foreign(config.Image, "code")),
    pair("Platform", item.allocation.Container?.Platform && foreign(item.allocation.Container.Platform, "code")),
    pair("Command", config.Cmd && foreign([config.Cmd].flat().join(" "), "code")),
    pair("Labels", item.labels.length > 0 && item.labels.map((label) => el("span.chip", null, foreign(label)))),
    pair("From", origin && (origin === "api" ? "the API" : foreign(origin))),
    pair("Created", created && wall(created, zone)),
    pair("Revision", revision !== undefined && String(revision)),
  ].filter(Boolean).flat();
}

function sentences(each, zone) {
  // The first says what time it is, which the top of the page says too, but not in foreign zones.
  const shown = isForeign(zone) ? each : each.filter(({ Text: text }) => !/^It is \d{4}-/.test(text));
  return el("ul.plain-list.sentences", null, shown.slice(0, SENTENCES).map(({ At: at, Text: text }) =>
    el("li", at ? { title: inFull(Date.parse(at), zone) } : null, foreign(text))));
}

function changes(entries, zone) {
  const own = entries.filter((entry) => entry.Allocation).slice(0, ENTRIES);
  if (own.length === 0) return el("p.muted", null, "No changes.");
  return el("ul.plain-list.changes", null, own.map((entry) => el("li", null,
    el("span", null, harmless(eventInWords(entry.Event)), entry.By && [" by ", foreign(entry.By)]),
    wall(entry.At, zone, "time.muted"))));
}

/** What happened, in words. */
function eventInWords(event) {
  if (typeof event === "string") return event.toLowerCase();
  const [[kind, what]] = Object.entries(event);
  if (kind === "Updated") return `changed ${what.Keys.join(", ")}`;
  if (kind === "Suspended") return `suspended${what.Reason ? ` (${what.Reason})` : ""}`;
  if (kind === "Reset") return `reset; decided up to ${wallClock(Date.parse(what.From))}`;
  return kind.toLowerCase();
}

