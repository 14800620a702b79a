// The header of the list of allocations: sorts it, and selects all that it shows.

import { el, say } from "./dom_elements.js";
import * as strip from "./recent_runs_strip.js";

const SORTABLE = { name: "Name", next: "Next", last: "Last result" };

/** Makes it: `{node, show(order), showSelected(count, total), fit(table)}`. A minus before an order reverses it. */
export function make(sort, selectAll) {
  const cells = {};
  let shown = "";
  const cell = (key) => {
    cells[key] = el(`div.cell.cell-${key}`, { role: "columnheader" },
      el("button.sorter", { type: "button", onclick: () => sort(shown === key ? `-${key}` : key) }, SORTABLE[key]));
    return cells[key];
  };
  const plain = (key, ...children) => el(`div.cell.cell-${key}`, { role: "columnheader" }, children);
  const strips = plain("strip", "");
  const all = el("input", { type: "checkbox", "aria-label": "Select all that are shown", onchange: selectAll });
  const node = el("div.row-head", { role: "row", "aria-rowindex": "1" },
    plain("select", all), cell("name"), plain("schedule", "Schedule"), cell("next"), cell("last"), strips);
  return { node, show, showSelected, fit };

  function show(order) {
    shown = order;
    for (const [key, header] of Object.entries(cells)) {
      if (key !== order.replace(/^-/, "")) header.removeAttribute("aria-sort");
      else header.setAttribute("aria-sort", order.startsWith("-") ? "descending" : "ascending");
    }
  }

  function showSelected(count, total) {
    all.checked = count > 0 && count === total;
    all.indeterminate = count > 0 && count < total;
  }

  // Strips show as many runs as have room.
  function fit(table) {
    const count = strip.fitting(strips.clientWidth);
    table.style.setProperty("--runs", String(count));
    say(strips, count === 1 ? "Last run" : `Last ${count} runs`);
  }
}
