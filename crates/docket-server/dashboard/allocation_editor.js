// Creates or changes an allocation, in a form or as text. Errors and the next instants are shown while it
// is edited. A save sends the revision that it is based on, so it overwrites no other change.

import { announce, notice } from "./announcements.js";
import { ApiError, address, getYaml, send, toYaml } from "./api_client.js";
import { checked, checker, findingInWords } from "./live_check.js";
import { resolve } from "./edit_conflict.js";
import { el, fill, foreign, harmless, link } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { form } from "./specification_form.js";
import { instantsList } from "./upcoming_instants.js";
import { redraws } from "./redraw_scheduler.js";
import * as router from "./view_router.js";
import { cleanups } from "./listeners.js";
import * as state from "./allocation_cache.js";
import { textEditor } from "./text_editor.js";

const YAML = "application/yaml";
const JSON_TYPE = "application/json";

/** The initial content of a new allocation. */
const TEMPLATE = {
  Name: "hello",
  Cron: "0 9 * * MON-FRI",
  Container: { Config: { Image: "busybox", Cmd: ["echo", "hello"] } },
};

// For the page and not for the view, so that the next allocation opens in the same mode.
let lastMode = "form";

/** Shows the view for an allocation, or for a new one where `name` is null; that may begin as a copy. */
export function show(outlet, name) {
  const cleanup = cleanups();
  const original = name === null ? router.query().get("copy") : null;
  const heading = el("h1", { tabindex: "-1" }, name === null ? "New allocation" : ["Edit ", foreign(name)]);
  const message = el("div");
  const preview = el("div");
  const wrong = el("p.field-error", { role: "alert" });
  const saver = el("button.primary", { type: "button", onclick: save }, name === null ? "Create" : "Save");
  const cancel = el("a.button", { href: name === null ? router.home() : router.at(name) }, "Cancel");
  const fields = form((changed) => { specification = changed; touched(); });
  const text = textEditor({ label: "Specification in YAML or JSON", changed: touched, save });
  const modes = { form: fields, text };
  const tabs = Object.fromEntries(["form", "text"].map((key) =>
    [key, el("button.segment", { type: "button", onclick: () => change(key) }, key === "form" ? "Form" : "Text")]));
  let latestCheck = [];
  // A check may end while the mouse is down on a button, which moves if the findings above it
  // change.
  const drawCheck = redraws(() => cleanup.isOver() || showCheck(...latestCheck));
  const check = checker((...result) => { latestCheck = result; drawCheck(); });
  let mode = lastMode;
  // The mode that was chosen last: `mode` follows when its content is there.
  let chosen = mode;
  let specification = null;
  let base = null;
  let dirty = false;
  let saving = false;

  fill(outlet,
    el("nav.crumbs", { "aria-label": "Breadcrumb" }, link(router.home(), "Allocations"), name !== null && [" / ", link(router.at(name), foreign(name))]),
    el("div.detail-head", null, el("div", null, heading), el("div.segments", { role: "group", "aria-label": "Edit as" }, tabs.form, tabs.text)),
    message,
    el("div.detail", null,
      el("section.card", { "aria-label": "Specification" }, fields.node, text.node, wrong, el("div.buttons.save", null, saver, cancel, el("span.hint", null, "Ctrl+Enter saves"))),
      el("div.side", null, el("section.card", { "aria-labelledby": "preview-title" }, el("h2", { id: "preview-title" }, "When it would run"), preview))));
  cleanup.add(check.end, () => router.hold(null), events.allocations.on((entry) => entry.Allocation === name && compare()));
  outlet.addEventListener("keydown", key);
  cleanup.add(() => outlet.removeEventListener("keydown", key));
  router.setTitle(name === null ? "New allocation" : `Edit ${name}`, heading);
  begin();
  return () => cleanup.end();

  async function begin() {
    // What is typed before it is there would be lost.
    const detail = outlet.querySelector(".detail");
    detail.hidden = name !== null || original !== null || mode === "text";
    try {
      if (name !== null) base = await current(name);
      if (base && base.origin !== "api") {
        fill(message, el("p.card.warned", null, "This allocation comes from ", foreign(base.origin, "code"), " and can only be changed there."));
        saver.disabled = true;
      }
      await open(base?.specification ?? (await initial()));
    } catch (error) {
      fill(message, el("p.card", null, `The allocation cannot be edited: ${harmless(error.message)}.`));
    }
  }

  async function initial() {
    if (original === null) return structuredClone(TEMPLATE);
    const { specification } = await current(original);
    return { ...specification, Name: `${original}-copy` };
  }

  async function open(fresh) {
    specification = fresh;
    fields.set(fresh);
    if (mode === "text") text.set(await toYaml(fresh));
    outlet.querySelector(".detail").hidden = false;
    showMode();
    askCheck(0);
  }

  function showMode() {
    for (const [key, tab] of Object.entries(tabs)) {
      tab.setAttribute("aria-pressed", String(key === mode));
      modes[key].node.hidden = key !== mode;
    }
  }

  async function change(wanted) {
    chosen = wanted;
    if (wanted === mode) return;
    try {
      const converted = await (wanted === "text" ? convert(() => specification, toYaml) : convert(text.text, parsed));
      // The other mode was chosen again while the server converted.
      if (chosen !== wanted) return;
      if (wanted === "text") text.set(converted);
      else fields.set((specification = converted));
    } catch (error) {
      fill(wrong, harmless(error.message));
      return;
    }
    mode = lastMode = wanted;
    fill(wrong);
    showMode();
    askCheck(0);
  }

  // Converts again if more was typed meanwhile.
  async function convert(content, converter) {
    for (;;) {
      const before = content();
      const converted = await converter(before);
      if (content() === before) return converted;
    }
  }

  async function parsed() {
    // Only the server reads YAML; the page has no parser of its own.
    const result = await checkNow().catch(() => null);
    if (result?.Allocations.length === 1) return result.Allocations[0].Specification;
    throw new Error("The form can show one allocation without errors: fix the text first.");
  }

  function touched() {
    if (!dirty) {
      dirty = true;
      router.hold("Leave without saving?");
    }
    fill(wrong);
    askCheck();
  }

  function content() {
    return mode === "form" ? [JSON.stringify(specification), JSON_TYPE] : [text.text(), YAML];
  }

  function checkNow() {
    return checked(...content());
  }

  function askCheck(wait) {
    check.soon(...content(), wait);
  }

  function showCheck(found, error) {
    if (error) {
      fill(preview, el("p.muted", null, harmless(`The check failed: ${error.message}.`)));
      return;
    }
    modes[mode].mark(found.Findings);
    if (found.Findings.some((finding) => finding.Fatal)) {
      fill(preview, el("p.muted", null, "Fix the errors to see the next runs."));
      return;
    }
    fill(preview, found.Allocations.map((allocation) => [
      el("p.preview-words", null, found.Allocations.length > 1 && [foreign(allocation.Name), ": "],
        allocation.Schedule ? `Runs ${allocation.Schedule}` : "Runs after its parents", allocation.Schedule && el("span.muted", null, ` (${allocation.TimeZone})`)),
      allocation.Schedule && instantsList(allocation.Instants, allocation.TimeZone),
    ]));
  }

  async function save() {
    if (saving || saver.disabled) return;
    saving = true;
    saver.disabled = true;
    try {
      await trySave();
    } catch (error) {
      fill(wrong, harmless(error.message));
    } finally {
      saving = false;
      saver.disabled = false;
    }
  }

  async function trySave() {
    // The check that is shown may be of an older text.
    const found = await checkNow();
    showCheck(found, null);
    const errors = found.Findings.filter((finding) => finding.Fatal);
    if (errors.length > 0) throw new Error(`Not saved: ${findingInWords(errors[0])}`);
    if (found.Allocations.length !== 1) throw new Error(`Not saved: the text has ${found.Allocations.length} allocations, and the editor saves one. Use docket push for several.`);
    const [{ Name: saved, Specification: body }] = found.Allocations;
    const isSame = saved === name;
    // A new name must not overwrite an allocation that the user has not seen.
    const guard = isSame && base ? { "if-match": base.tag } : { "if-none-match": "*" };
    try {
      await send("POST", address(), { body, headers: guard });
    } catch (error) {
      if (error.status !== 412) throw explained(error);
      if (isSame) return await conflict();
      throw new Error(`Not saved: an allocation with the name ${saved} exists already.`);
    }
    router.hold(null);
    notice(isSame ? `${saved} is saved` : `${saved} is created`);
    await state.refresh(saved).catch(() => {});
    router.go(router.at(saved));
  }

  // Another user changed it: both versions are shown, and the next save is based on the other one.
  async function conflict() {
    const theirs = await current(name).catch((error) => {
      if (error.status !== 404) throw error;
      base = null;
      throw new Error("Not saved: the allocation was deleted. Save again to create it.");
    });
    const mine = mode === "form" ? await toYaml(specification) : text.text();
    const choice = await resolve({ name, theirs: await getYaml(name), mine, by: theirs.by });
    if (choice === null) throw new Error("Not saved: the allocation has changed on the server.");
    base = theirs;
    fill(message);
    if (choice === "theirs") {
      dirty = false;
      router.hold(null);
      await open(theirs.specification);
      announce("the version on the server is shown");
    } else {
      fill(wrong, "Your version is not saved yet. Save again to replace the version on the server.");
    }
  }

  // Shows a change by another user at once, before a save fails.
  async function compare() {
    // While it is saved, the event may be about this very save.
    if (saving || !base) return;
    // Without a response nothing is known, so nothing is reported.
    const theirs = await current(name).catch((error) => (error.status === 404 ? null : base));
    if (theirs === null) {
      base = null;
      fill(message, el("p.card.warned", { role: "status" }, "The allocation was deleted while you were editing. Saving creates it again."));
      return;
    }
    // A new revision may have the same specification, and then there is nothing to compare.
    if (theirs.tag === base.tag || JSON.stringify(theirs.specification) === JSON.stringify(base.specification)) return;
    fill(message, el("p.card.warned", { role: "status" }, "The allocation has changed on the server while you were editing. ",
      el("button", { type: "button", onclick: () => conflict().catch((error) => fill(wrong, harmless(error.message))) }, "Show differences")));
  }

  function key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
      event.preventDefault();
      save();
    }
  }
}

/** An allocation as it is on the server, and the tag of that state. */
async function current(name) {
  const answer = await send("GET", address(name));
  const { Status: status, Logs: _, ...specification } = await answer.json();
  return { specification, tag: answer.headers.get("etag") ?? `"${status.Revision}"`, origin: status.Origin ?? "api" };
}

// The server may refuse more than a check finds: names that others run after, and the like.
function explained(error) {
  const each = error.body?.errors?.map(({ field, message }) => `${field}: ${message}`);
  return each?.length ? new ApiError(error.status, `Not saved: ${each.join("; ")}`) : error;
}
