// The help: which keys do what, and what the marks mean. The keys that work everywhere are here too.

import { el } from "./dom_elements.js";
import { inWords, mark, WORDS } from "./state_mark.js";
import { go, home } from "./view_router.js";

const KEYS = [
  ["/", "search allocations, runs or the journal"],
  ["↓ ↑ or j k", "next and previous allocation in the list"],
  ["Page keys, Home, End", "scroll the list"],
  ["Enter", "open"],
  ["x", "select the allocation, in the list"],
  ["g", "go to all allocations"],
  ["a", "go to the activity: all runs"],
  ["n", "create an allocation"],
  ["r", "run the shown allocation now (asks first)"],
  ["e", "edit the shown allocation"],
  ["f", "find in the output of the shown run"],
  ["Enter, Shift+Enter", "next and previous match, while finding"],
  ["Ctrl+Enter", "save, in the editor"],
  ["Esc", "close a dialog, clear the search"],
  ["?", "this help"],
];

/** Shows the help on a button and on `?`. */
export function furnish(button) {
  button.addEventListener("click", open);
  addEventListener("keydown", key);
}

function open() {
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog.card", { "aria-labelledby": "help-title", onclose: () => dialog.remove() },
    el("h2", { id: "help-title" }, "Keyboard shortcuts and symbols"),
    el("table.keys", null, el("tbody", null, KEYS.map(([keys, does]) =>
      el("tr", null, el("th", { scope: "row" }, el("kbd", null, keys)), el("td", null, does))))),
    el("h3", null, "Symbols of runs"),
    el("ul.legend", null, WORDS.map((word) => el("li", null, mark(word), inWords(word)))),
    el("div.buttons", null, close));
  document.body.append(dialog);
  dialog.showModal();
}

function key(event) {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  // In a field these keys are text.
  if (event.target.closest?.("input, textarea, select, dialog")) return;
  if (event.key === "?") open();
  else if (event.key === "g") go(home());
  else if (event.key === "a") go("#/activity");
  else if (event.key === "n") go("#/new");
  else if (event.key === "/") search();
  else return;
  event.preventDefault();
}

// A key that is pressed right after this one belongs in the field already, so nothing here waits.
function search() {
  if (!document.getElementById("search")) go(home());
  document.getElementById("search")?.focus();
}
