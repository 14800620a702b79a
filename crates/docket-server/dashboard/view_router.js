// Which view is shown, by what stands behind the `#`. A view is a function of its outlet and its
// parameters; it returns what ends it.
//
// A view may ask to be left only with consent: `hold` takes a question that is asked before.

import { announce } from "./announcements.js";

const decode = (step) => {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
};

/** The address of an allocation, and of what belongs to it. */
export const at = (name, ...more) => `#/a/${[name, ...more].map(encodeURIComponent).join("/")}`;

let views = {};
let outlet = null;
let end = null;
let held = null;
let shown = null;

/** Begins to show views: `{list, allocation, run, edit, nowhere}`. */
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
  document.title = title ? `${title} · docket` : "docket";
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
  place = current();
  const steps = place.replace(/^#\/?/, "").split("/").filter(Boolean).map(decode);
  // The old view is ended before its elements are removed, so that it can still read its position.
  end?.();
  outlet.replaceChildren();
  scrollTo(0, 0);
  end = view(steps) ?? null;
}

let place = "#/";

const current = () => location.hash || "#/";

function view([kind, name, part, ...more]) {
  if (kind === undefined) return views.list(outlet);
  if (kind === "new" && name === undefined) return views.edit(outlet, null);
  if (kind !== "a" || name === undefined || more.length > 0) return views.nowhere(outlet, place);
  if (part === "edit") return views.edit(outlet, name);
  if (part !== undefined) return views.run(outlet, name, part);
  return views.allocation(outlet, name);
}
