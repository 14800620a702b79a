// Another user changed the allocation that is being edited: both are shown side by side, and nothing is
// overwritten before it was seen.

import { el, foreign, harmless } from "./dom_elements.js";
import { paired } from "./line_diff.js";

/** Asks what to do; resolves with `"mine"`, `"theirs"` or null. */
export function resolve({ name, theirs, mine, by }) {
  const lines = paired(theirs, mine);
  const cell = (text, other, side) => {
    const kind = text === null ? "absent" : other ? "same" : side;
    return el(`td.diff-${kind}`, null, text === null ? "" : el("span", null, harmless(text) || " "));
  };
  const table = el("table.diff", null,
    el("thead", null, el("tr", null, el("th", { scope: "col" }, "Current version on the server"), el("th", { scope: "col" }, "Your version"))),
    el("tbody", null, lines.map(({ left, right, same }) => el("tr", null, cell(left, same, "left"), cell(right, same, "right")))));
  return new Promise((done) => {
    const choose = (choice) => {
      // Before the close, whose event resolves with null: the first value of a promise stays.
      done(choice);
      dialog.close();
    };
    const button = (words, choice, kind = "button") => el(kind, { type: "button", onclick: () => choose(choice) }, words);
    const dialog = el("dialog.card.wide", { "aria-labelledby": "conflict-title", onclose: () => { done(null); dialog.remove(); } },
      el("h2", { id: "conflict-title" }, foreign(name), " has changed since you opened it"),
      el("p", null, by ? ["By ", foreign(by), ". "] : null, "Your version is not saved. Keep it and continue editing, or use the version on the server."),
      el("div.diff-place", { tabindex: "0", role: "region", "aria-label": "Differences" }, table),
      el("div.buttons", null, button("Use the server's version", "theirs"), button("Keep my version", "mine", "button.primary")));
    document.body.append(dialog);
    dialog.showModal();
  });
}
