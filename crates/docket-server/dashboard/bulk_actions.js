// The allocations that are selected in the list, and what can be done with several at once.

import { notice } from "./announcements.js";
import { address, post } from "./api_client.js";
import { open } from "./confirm_dialog.js";
import { el, foreign, say } from "./dom_elements.js";
import { suspensionFields } from "./manual_actions.js";
import * as state from "./allocation_cache.js";
import { counted } from "./format_times.js";

/** How many requests are under way at once: a browser has six connections to a server. */
const AT_ONCE = 3;
/** How many names the dialog shows. */
const NAMED = 12;

/** Makes the bar that is shown while some are selected; `changed` is called when others are. */
export function bulkActions(changed) {
  const selected = new Set();
  const count = el("strong", { role: "status" });
  const button = (words, act) => el("button", { type: "button", onclick: act }, words);
  const node = el("div.bulk", { role: "group", "aria-label": "Selected allocations", hidden: true },
    count, button("Suspend…", suspend), button("Resume…", resume), button("Clear selection", () => set([])));
  return { node, has: (name) => selected.has(name), choose, selectAll, countOf, keep };

  function choose(name, isSelected) {
    if (isSelected) selected.add(name);
    else selected.delete(name);
    show();
  }

  /** Selects all of these items; none if all are selected. */
  function selectAll(items) {
    set(countOf(items) === items.length ? [] : items.map(({ name }) => name));
  }

  function countOf(items) {
    return selected.size === 0 ? 0 : items.reduce((sum, { name }) => sum + Number(selected.has(name)), 0);
  }

  /** Forgets those that are no longer there. */
  function keep(items) {
    const before = selected.size;
    for (const name of selected) if (!items.has(name)) selected.delete(name);
    if (selected.size !== before) show();
  }

  function set(names) {
    selected.clear();
    for (const name of names) selected.add(name);
    show();
  }

  function show() {
    node.hidden = selected.size === 0;
    say(count, `${selected.size.toLocaleString("en")} selected`);
    changed();
  }

  function suspend() {
    const { fields, body } = suspensionFields();
    ask("Suspend", "No scheduled runs start until they are resumed. Runs in progress continue, and manual runs still start.", fields,
      (name) => post(address(name, "suspend"), body()));
  }

  function resume() {
    ask("Resume", "Scheduled runs start again at their next instants.", [], (name) => post(address(name, "resume")));
  }

  function ask(verb, meaning, fields, act) {
    const names = [...selected].sort();
    const more = names.length - NAMED;
    open({
      title: `${verb} ${counted(names.length, "allocation")}?`,
      text: [el("p", null, names.slice(0, NAMED).map((name, index) => [index > 0 && ", ", foreign(name)]), more > 0 && ` and ${more.toLocaleString("en")} more`),
        el("p", null, meaning)],
      fields,
      verb,
      // After a failure those that failed are still selected.
      act: () => actOnEach(verb, [...selected].sort(), act),
    });
  }

  async function actOnEach(verb, names, act) {
    const failed = [];
    const waiting = [...names];
    const work = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        await act(name).catch((error) => failed.push([name, error]));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    // The events that follow are asked for together.
    for (const name of names) state.touch(name);
    set(failed.map(([name]) => name));
    const done = `${counted(names.length - failed.length, "allocation")} ${verb === "Suspend" ? "suspended" : "resumed"}`;
    if (failed.length === 0) return notice(done);
    const [[name, error]] = failed;
    throw new Error(`${done}, ${failed.length.toLocaleString("en")} not: ${name}: ${error.message}`);
  }
}
