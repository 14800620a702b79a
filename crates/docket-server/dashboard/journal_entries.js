// The entries of the journal, newest first, kept up to date by events; older ones page by page.

import { address, nextPage, send } from "./api_client.js";
import * as events from "./event_stream.js";
import { signal } from "./listeners.js";

/** How many entries are asked for at once. */
const PAGE = 100;
/** More than so many are not kept on the page. */
const KEPT = 5000;
/** How long to wait with what events report, in milliseconds: they come in numbers. */
const SOON = 500;

/** Begins to follow the entries of an allocation and the server, or all where the name is empty. */
export function journalEntries(allocation) {
  const changed = signal();
  let entries = [];
  let next = null;
  let loaded = false;
  let failed = null;
  let timer = null;
  // The number of the newest load: the response to an older one is outdated.
  let number = 0;
  const later = () => { timer ??= setTimeout(load, SOON); };
  // An event has no words, so the newest page is requested again.
  const ends = [events.allocations.on(later), events.server.on(later), events.gap.on(later), () => clearTimeout(timer)];

  return {
    changed,
    load,
    older,
    entries: () => entries,
    hasOlder: () => next !== null,
    isLoaded: () => loaded,
    failure: () => failed,
    end: () => ends.forEach((end) => end()),
  };

  async function load() {
    timer = null;
    number += 1;
    const mine = number;
    const url = new URL(address("-", "journal"));
    url.searchParams.set("limit", PAGE);
    if (allocation) url.searchParams.set("allocation", allocation);
    const [page, error] = await ask(url).then((page) => [page, null], (error) => [null, error]);
    if (mine !== number) return;
    failed = error;
    if (page) take(page);
    changed.give();
  }

  function take(page) {
    loaded = true;
    const oldest = page.entries.at(-1)?.At;
    // Older pages stay, unless there may be entries between them and this page. A page has whole moments.
    const isJoined = page.next && entries.length > 0 && Date.parse(entries[0].At) >= Date.parse(oldest);
    const kept = isJoined ? entries.filter(({ At: at }) => Date.parse(at) < Date.parse(oldest)) : [];
    entries = [...page.entries, ...kept];
    if (kept.length === 0) next = page.next;
  }

  async function older() {
    const from = next;
    if (from === null) return;
    const page = await ask(from);
    // The newest page was loaded meanwhile, and this one does not follow it.
    if (next !== from) return older();
    entries = [...entries, ...page.entries];
    next = entries.length >= KEPT ? null : page.next;
    changed.give();
  }
}

async function ask(url) {
  const response = await send("GET", url.href);
  return { entries: await response.json(), next: nextPage(response) };
}
