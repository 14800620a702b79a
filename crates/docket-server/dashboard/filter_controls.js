// The controls of filters. Each shows the value that it is given and reports what the user chooses.

import { el, fill, harmless, say } from "./dom_elements.js";

/** The most labels that the filter offers: the most frequent. */
const MOST_LABELS = 300;

/** A field for words: `{node, show(text), focus}`; `changed(text)` is called with each key. */
export function searchField(label, changed) {
  const report = () => changed(input.value);
  const input = el("input", {
    type: "search", id: "search", placeholder: "Search", "aria-label": label, autocomplete: "off", spellcheck: "false",
    oninput: report,
    onkeydown: (event) => {
      if (event.key !== "Escape" || !input.value) return;
      input.value = "";
      report();
    },
  });
  return {
    node: el("div.search", null, input, el("kbd", { "aria-hidden": "true" }, "/")),
    show: (text) => (input.value = text),
    focus: () => input.focus(),
  };
}

/** Buttons of which one is pressed, each with a count: `{node, show(chosen, counts)}`. Options are `[key, words]`. */
export function segments(label, options, choose) {
  const each = options.map(([key, words]) => {
    const count = el("span.tally");
    return { key, count, button: el("button.segment", { type: "button", onclick: () => choose(key) }, words, " ", count) };
  });
  return {
    node: el("div.segments", { role: "group", "aria-label": label }, each.map(({ button }) => button)),
    show(chosen, counts) {
      for (const { key, count, button } of each) {
        say(count, counts[key].toLocaleString("en"));
        button.setAttribute("aria-pressed", String(chosen === key));
      }
    },
  };
}

/** A list to choose from: `{node, show(chosen, options)}`. Options are `[value, words]`, those of before by default. */
export function choice(label, options, choose) {
  const select = el("select", { "aria-label": label, onchange: () => choose(select.value) });
  let shown = null;
  const show = (chosen, more = options) => {
    // An address may have a value that is not offered, and a select can show only values that it offers.
    const all = more.some(([value]) => value === chosen) ? more : [...more, [chosen, chosen]];
    const text = JSON.stringify(all);
    if (text !== shown) fill(select, all.map(([value, words]) => el("option", { value }, harmless(words))));
    shown = text;
    select.value = chosen;
  };
  return { node: select, show };
}

/** A choice of one label of some allocations: `{node, show(chosen, items)}`. */
export function labelFilter(choose) {
  const { node, show } = choice("Filter by label", [], choose);
  return {
    node,
    show(chosen, items) {
      const labels = frequentLabels(items);
      node.hidden = labels.length === 0 && !chosen;
      show(chosen, [["", "Any label"], ...labels.map((label) => [label, label.includes("=") ? label : `${label} (any value)`])]);
    },
  };
}

// The labels that most have, and their keys, in the order of the alphabet.
function frequentLabels(items) {
  const counts = new Map();
  const count = (label) => counts.set(label, (counts.get(label) ?? 0) + 1);
  for (const item of items) for (const label of item.labels) [label, keyOf(label)].forEach(count);
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_LABELS).map(([label]) => label).sort();
}

const keyOf = (label) => label.slice(0, label.indexOf("="));

/** True if an item has a label: `KEY=VALUE`, or `KEY` with any value. */
export function hasLabel(item, label) {
  return item.labels.some((own) => own === label || keyOf(own) === label);
}
