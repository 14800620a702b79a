// Which view is shown, by what stands behind the `#`: a path, and the filters of the view behind a `?`. A view
// is a function of its outlet, its parameters and the filters; it returns what ends it.
//
// A view may ask to be left only with consent: `hold` takes a question that is asked before.

import { announce } from "./announcements.js";
import { setSubject } from "./page_title.js";

const decode = (step) => {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
};

/** The address of an allocation, and of what belongs to it. */
export const at = (name, ...more) => `#/a/${[name, ...more].map(encodeURIComponent).join("/")}`;

/** The address of a new allocation that begins as a copy. */
export const copyOf = (name) => `#/new?${new URLSearchParams({ copy: name })}`;

/** The address of the journal of an allocation. */
export const journalOf = (name) => `#/journal?${new URLSearchParams({ allocation: name })}`;

let views = {};
let outlet = null;
let end = null;
let held = null;
let shown = null;

/** The filters in the address, as `URLSearchParams`. */
export const query = () => new URLSearchParams(place.split("?")[1]);

/** The address of the list of allocations with its last filters. */
export const home = () => list;

/**
 * Writes filters to the address; empty ones are left out. Each choice is a step of the browser's history, except
 * while a text is typed.
 */
export function setQuery(values, isTyping) {
  const query = String(new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")));
  const [path] = place.split("?");
  const hash = query ? `${path}?${query}` : path;
  if (hash === place) return;
  arrive(hash);
  try {
    if (isTyping) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
  } catch {
    // Safari refuses more than 100 changes in 10 seconds. The next one is written.
  }
}

/** Begins to show views: `{list, activity, journal, allocation, run, edit, nowhere}`. */
export function start(place, all) {
  views = all;
  outlet = place;
  addEventListener("hashchange", () => {
    // `go` has already shown the view when this event arrives.
    if (current() !== place) show();
  });
  // The browser shows the view of a link only after further keys.
  addEventListener("click", (event) => {
    const target = event.target.closest?.("a[href^='#']");
    if (!target || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(target.getAttribute("href"));
  });
  addEventListener("beforeunload", (event) => {
    if (held) event.preventDefault();
  });
  show();
}

/** Has a question asked before the view is left; null lets go. */
export function hold(question) {
  held = question;
}

/** Goes elsewhere at once: the browser reports a new address only later. */
export function go(hash) {
  location.hash = hash;
  show();
}

/** Says what the page is about, and puts the reader at its heading. */
export function setTitle(title, heading) {
  setSubject(title);
  if (shown !== null) {
    announce(title || "Allocations");
    heading?.focus({ preventScroll: true });
  }
  shown = title;
}

function show() {
  if (held && !confirm(held)) {
    // The address has already changed; the view has not.
    history.replaceState(null, "", place);
    return;
  }
  held = null;
  arrive(current());
  // The old view is ended before its elements are removed, so that it can still read its position.
  end?.();
  outlet.replaceChildren();
  scrollTo(0, 0);
  for (const item of document.querySelectorAll(".head-nav a")) {
    if (item.getAttribute("href") === place.split("?")[0]) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  end = view(stepsOf(place)) ?? null;
}

let place = "#/";
let list = "#/";

function arrive(hash) {
  place = hash;
  if (stepsOf(hash).length === 0) list = hash;
}

const stepsOf = (hash) => hash.split("?")[0].replace(/^#\/?/, "").split("/").filter(Boolean).map(decode);

const current = () => location.hash || "#/";

function view([kind, name, part, ...more]) {
  if (kind === undefined) return views.list(outlet);
  if (kind === "new" && name === undefined) return views.edit(outlet, null);
  if (kind === "activity" && name === undefined) return views.activity(outlet);
  if (kind === "journal" && name === undefined) return views.journal(outlet);
  if (kind !== "a" || name === undefined || more.length > 0) return views.nowhere(outlet, place);
  if (part === "edit") return views.edit(outlet, name);
  if (part !== undefined) return views.run(outlet, name, part);
  return views.allocation(outlet, name);
}
