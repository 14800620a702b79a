// Manual actions: run, cancel, suspend, resume, delete. An action that cannot be undone asks first.

import { announce, notice } from "./announcements.js";
import { address, ask, post } from "./api_client.js";
import { field, open } from "./confirm_dialog.js";
import { el, foreign } from "./dom_elements.js";
import { at, go, home } from "./view_router.js";
import * as state from "./allocation_cache.js";
import { instantOf, readersZone, wallClock } from "./format_times.js";

/** Asks for changes, and runs an allocation now. */
export async function run(name) {
  try {
    // Right after the page was opened it may not be loaded yet.
    const item = state.all().get(name) ?? (await state.refresh(name));
    if (item) askAndRun(name, item.allocation);
  } catch (error) {
    notice(`${name} was not started: ${error.message}`, "bad");
  }
}

function askAndRun(name, allocation) {
  const config = allocation.Container?.Config ?? {};
  const usual = [config.Cmd ?? []].flat();
  // One argument per line cannot show an argument that is empty or has lines of its own.
  const hasLines = usual.some((word) => word === "" || word.includes("\n"));
  const cmd = el("textarea", { rows: 3, spellcheck: "false", ".value": usual.join("\n"), disabled: hasLines });
  const env = el("textarea", { rows: 3, spellcheck: "false", placeholder: "KEY=VALUE" });
  const past = el("input", { type: "datetime-local", step: "1" });
  open({
    title: ["Run ", foreign(name), " now?"],
    fields: [
      field("Command", cmd, hasLines ? "An argument has several lines, so only the specification can change it." : "One argument per line."),
      field("Environment", env, "Additional variables, one KEY=VALUE per line. The values are not stored."),
      field("Past instant to backfill", past, `Empty: now. The time of your clock (${readersZone()}).`),
    ],
    verb: "Run",
    async act() {
      const lines = (input) => input.value.split("\n").filter((line) => line !== "");
      const words = lines(cmd);
      const changed = !hasLines && words.length > 0 && words.join("\n") !== usual.join("\n");
      const body = {
        // An unchanged command is left out, so that the record does not say it was replaced.
        ...(changed ? { Cmd: words } : {}),
        Env: lines(env),
        ...(past.value ? { At: onServer(past.value) } : {}),
      };
      started(name, await post(address(name, "runs"), body).catch((error) => { throw explained(error); }));
    },
  });
}

// A time of the reader's clock, as every server reads it.
const onServer = (local) => new Date(local).toISOString();

function started(name, run) {
  announce(`run of ${wallClock(instantOf(run.Run))} begins`);
  go(at(name, run.Run));
}

// If a policy forbids the run, the response is the skipped run with its reason.
function explained(error) {
  if (error.status === 409 && error.body?.Run) return new Error(`Not started: ${error.body.Reason}`);
  return error;
}

/** Cancels a run; asks first. */
export function cancel(name, run) {
  const kill = el("input", { type: "checkbox", id: "kill" });
  open({
    title: "Cancel this run?",
    text: [el("p", null, "The run of ", foreign(name), ` at ${wallClock(instantOf(run.Run))} is cancelled. Its container is stopped, and killed if it does not exit in time.`)],
    fields: [el("div.field-check", null, kill, el("label", { for: "kill" }, "Kill immediately (SIGKILL)"))],
    verb: "Cancel the run",
    danger: true,
    async act() {
      await post(address(name, "runs", run.Run, "cancel"), kill.checked ? { Kill: true } : {});
      announce("the run is being cancelled");
    },
  });
}

/** Suspends an allocation; asks first. */
export function suspend(name) {
  const { fields, body } = suspensionFields();
  open({
    title: ["Suspend ", foreign(name), "?"],
    text: [el("p", null, "No scheduled runs start until it is resumed. Runs in progress continue, and manual runs still start.")],
    fields,
    verb: "Suspend",
    async act() {
      await post(address(name, "suspend"), body());
      notice(`${name} is suspended`);
      await state.refresh(name);
    },
  });
}

/** The fields of a suspension: `{fields, body()}`, where the body is that of the request. */
export function suspensionFields() {
  const reason = el("input", { type: "text", autocomplete: "off" });
  const until = el("input", { type: "datetime-local" });
  return {
    fields: [
      field("Reason", reason, "Shown to others as the reason why it does not run."),
      field("Until", until, `The time of your clock (${readersZone()}); empty: until it is resumed.`),
    ],
    body: () => ({
      ...(reason.value.trim() ? { Reason: reason.value.trim() } : {}),
      ...(until.value ? { Until: onServer(until.value) } : {}),
    }),
  };
}

/** Resumes an allocation. */
export async function resume(name) {
  try {
    await post(address(name, "resume"));
    notice(`${name} is resumed`);
    await state.refresh(name);
  } catch (error) {
    notice(`${name} was not resumed: ${error.message}`, "bad");
  }
}

/** Deletes an allocation; asks for its name. */
export function remove(name) {
  open({
    title: ["Delete ", foreign(name), "?"],
    text: [el("p", null, "Its schedule and history are deleted permanently. Running containers are not stopped.")],
    verb: "Delete",
    danger: true,
    async act() {
      // Removed from the page first, so that nothing on it is requested any more.
      const item = state.all().get(name);
      state.all().delete(name);
      try {
        await ask("DELETE", address(name));
      } catch (error) {
        if (item) state.all().set(name, item);
        throw error;
      }
      notice(`${name} is deleted`);
      go(home());
      state.changed.give();
    },
  });
}
