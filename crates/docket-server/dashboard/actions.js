// What can be done by hand: run, cancel, suspend, resume, delete. What cannot be undone asks back.

import { announce, notice } from "./announce.js";
import { address, ask, post } from "./api.js";
import { field, open } from "./dialog.js";
import { el, foreign } from "./dom.js";
import { at, go } from "./router.js";
import * as state from "./state.js";
import { instantOf, wallClock } from "./words.js";

/** Runs an allocation now, as it is specified. */
export async function runNow(name, zone) {
  try {
    started(name, await post(address(name, "runs")), zone);
  } catch (error) {
    skipped(error, name);
  }
}

/** Asks what to change, and runs it. */
export function runWith(name, allocation, zone) {
  const config = allocation.Container?.Config ?? {};
  const usual = [config.Cmd ?? []].flat();
  const hasLines = usual.some((word) => word === "" || word.includes("\n"));
  const cmd = el("textarea", { rows: 3, spellcheck: "false", ".value": usual.join("\n"), disabled: hasLines });
  const env = el("textarea", { rows: 3, spellcheck: "false", placeholder: "KEY=VALUE" });
  const atInput = el("input", { type: "text", placeholder: "2026-11-21T09:00", autocomplete: "off" });
  open({
    title: ["Run ", foreign(name), " now"],
    fields: [
      field("Command", cmd, hasLines ? "It has a word of several lines, which only the specification can change." : "One word a line, as the container gets them."),
      field("Environment", env, "Variables beside its own, one KEY=VALUE a line. Values are not kept with the run."),
      field("Past instant to make up for", atInput, `Empty for now; by the wall clock of ${zone}.`),
    ],
    verb: "Run",
    async act() {
      const lines = (input) => input.value.split("\n").filter((line) => line !== "");
      const words = lines(cmd);
      const changed = !hasLines && words.length > 0 && words.join("\n") !== usual.join("\n");
      const body = {
        ...(changed ? { Cmd: words } : {}),
        Env: lines(env),
        ...(atInput.value.trim() ? { At: atInput.value.trim() } : {}),
      };
      started(name, await post(address(name, "runs"), body), zone);
    },
  });
}

function started(name, run, zone) {
  announce(`run of ${wallClock(instantOf(run.Run), zone)} begins`);
  go(at(name, run.Run));
}

// Where policies forbid it the answer is the run that was skipped, and why.
function skipped(error, name) {
  const run = error.body?.Run;
  if (error.status === 409 && run) notice(`Not started: ${error.body.Reason}`, "warn");
  else notice(`${name} was not started: ${error.message}`, "bad");
}

/** Ends a run; asks back. */
export function cancel(name, run, zone) {
  const kill = el("input", { type: "checkbox", id: "kill" });
  open({
    title: "Cancel this run?",
    text: [el("p", null, "The run of ", foreign(name), ` at ${wallClock(instantOf(run.Run), zone)} ends. Its container is asked to stop, and killed if it takes too long.`)],
    fields: [el("div.field-check", null, kill, el("label", { for: "kill" }, "Kill it at once"))],
    verb: "Cancel the run",
    danger: true,
    async act() {
      await post(address(name, "runs", run.Run, "cancel"), kill.checked ? { Kill: true } : {});
      announce("the run is being cancelled");
    },
  });
}

/** Has nothing start by itself. */
export function suspend(name, zone) {
  const reason = el("input", { type: "text", autocomplete: "off" });
  const until = el("input", { type: "datetime-local" });
  open({
    title: ["Suspend ", foreign(name), "?"],
    text: [el("p", null, "Nothing starts by itself until it is resumed. Runs under way go on, and it can still be run by hand.")],
    fields: [field("Reason", reason, "For those who wonder why it does not run."), field("Until", until, `By the wall clock of ${zone}; empty until somebody resumes it.`)],
    verb: "Suspend",
    async act() {
      await post(address(name, "suspend"), {
        ...(reason.value.trim() ? { Reason: reason.value.trim() } : {}),
        ...(until.value ? { Until: until.value } : {}),
      });
      notice(`${name} is suspended`);
      await state.refresh(name);
    },
  });
}

/** Has it start again. */
export async function resume(name) {
  try {
    await post(address(name, "resume"));
    notice(`${name} goes on`);
    await state.refresh(name);
  } catch (error) {
    notice(`${name} was not resumed: ${error.message}`, "bad");
  }
}

/** Deletes an allocation; asks for its name. */
export function remove(name) {
  open({
    title: ["Delete ", foreign(name), "?"],
    text: [el("p", null, "Its schedule and its history go, for good. Containers that run go on.")],
    verb: "Delete",
    danger: true,
    async act() {
      // Gone for the page before it is for the server, so that nothing asks about it any more.
      const item = state.all().get(name);
      state.all().delete(name);
      try {
        await ask("DELETE", address(name));
      } catch (error) {
        if (item) state.all().set(name, item);
        throw error;
      }
      notice(`${name} is deleted`);
      go("#/");
      state.changed.give();
    },
  });
}
