// The table of a run's parts, where it has a container on each of several hosts or nodes.

import { el, fill, foreign } from "./dom_elements.js";
import { inWords, mark, tone } from "./state_mark.js";

/** Makes the table: `{node, show(run, chosen)}`; `choose` gets the number of the part whose output is wanted. */
export function partsTable(choose) {
  const body = el("tbody");
  const node = el("section.card", { "aria-labelledby": "parts-title", hidden: true },
    el("h2", { id: "parts-title" }, "Parts"),
    el("div.scroll-x", null, el("table.runs.parts", { "aria-labelledby": "parts-title" },
      el("thead", null, el("tr", null, ["Part", "Runs on", "Result", "Exit code", "Output"].map((words) => el("th", { scope: "col" }, words)))),
      body)));
  return { node, show };

  function show(run, chosen) {
    const parts = run.Parts ?? [];
    node.hidden = parts.length === 0;
    // The buttons are new after each drawing.
    const focused = [...body.querySelectorAll("button")].indexOf(document.activeElement);
    fill(body, ...parts.map((part) => row(run, part, part.Part === chosen)));
    if (focused >= 0) body.querySelectorAll("button")[Math.min(focused, parts.length - 1)]?.focus();
  }

  function row(run, part, isChosen) {
    const code = newestOf(run, part.Part)?.ExitCode;
    return el("tr", null,
      el("th", { scope: "row" }, String(part.Part)),
      el("td", null, foreign(placeOf(part))),
      el("td", null, el("span.result", null, mark(part.State), el(`span.${tone(part.State)}`, null, inWords(part.State))),
        part.Reason && el("span.reason", null, foreign(part.Reason))),
      el("td.number", null, code === null || code === undefined ? "–" : String(code)),
      el("td", null, el("button.segment", {
        type: "button", "aria-pressed": String(isChosen), "aria-label": `Output of part ${part.Part}`, onclick: () => choose(part.Part),
      }, "Output")));
  }
}

/** The newest attempt at a part; of a run with one container, the newest. */
export function newestOf(run, part) {
  return part === null ? run.Attempts.at(-1) : run.Attempts.findLast((attempt) => attempt.Part === part);
}

/** `swarm, node-4`: the engine of a part, and its node. */
function placeOf({ EngineName: engine, Node: node }) {
  const named = engine === "default" && node ? null : engine;
  return [named, node].filter(Boolean).join(", ") || "–";
}
