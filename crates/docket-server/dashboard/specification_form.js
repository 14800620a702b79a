// The form of a specification: what most allocations need. What it does not show it leaves as it is.

import { findingInWords } from "./live_check.js";
import { field } from "./confirm_dialog.js";
import { el, fill, harmless } from "./dom_elements.js";

const lines = (text) => text.split("\n").filter((line) => line.trim() !== "");
const words = (value) => (value === undefined ? "" : [value].flat().join("\n"));
// One word a line cannot show a word that is empty or has lines of its own.
const hasLines = (value) => [value ?? []].flat().some((word) => word === "" || String(word).includes("\n"));

const labelLines = (value) => Object.entries(value ?? {}).map((pair) => pair.join("=")).join("\n");

const MIB = 2 ** 20;
const bytesOf = (text) => Math.round(Number(text) * MIB);

/** Each field: its key's path, its label and hint, and how it is read and written. */
const FIELDS = [
  ["Name", "Name", "Letters, digits, _ . and -", {}],
  ["Description", "Description", "For people", {}],
  ["Cron", "Schedule", "Such as 0 9 * * MON-FRI, @daily or @every 1h30m; empty: manual runs only", { code: true, empty: true }],
  ["TimeZone", "Time zone", "The time zone of the schedule; empty: the server's", { list: "zones" }],
  ["Jitter", "Jitter", "Such as 5m: delays each start by up to this much", {}],
  ["StartingDeadline", "Starting deadline", "Such as 30m: what cannot start that soon is missed; empty: until the next instant, at most 1h", {}],
  ["After", "After", "Instead of a schedule: runs after these have succeeded; one name per line", { rows: 1, list: false, read: lines, write: words }],
  ["Container.Config.Image", "Image", "", { code: true }],
  ["Pull", "Pull", "", { options: [["", "Before each start (Always)"], ["Missing", "If the engine lacks it (Missing)"], ["Never", "Never (Never)"]] }],
  ["Container.Config.Cmd", "Command", "One argument per line; empty: the command of the image", { rows: 3, read: lines, write: words }],
  ["Container.Config.Env", "Environment", "KEY=VALUE, one per line", { rows: 2, read: lines, write: words }],
  ["Container.Config.User", "User", "The user or user:group in the container, as names or numbers; empty: that of the image", {}],
  ["Container.HostConfig.Binds", "Mounts", "SOURCE:TARGET or SOURCE:TARGET:ro, one per line; a path of the host or a volume", { rows: 2, read: lines, write: words }],
  ["Container.HostConfig.NetworkMode", "Network", "A network of the engine, or none or host; empty: the engine's default", {}],
  ["Container.HostConfig.Memory", "Memory", "The most that the container may use, in MiB; empty: no limit", { number: true, read: bytesOf, write: (value) => (value ? String(value / MIB) : "") }],
  ["Labels", "Labels", "key=value, one per line", { rows: 2, read: labels, write: labelLines, doubts: labelsWithoutValue }],
  ["Overlap", "While an older run is in progress", "", { options: [["", "Start in parallel (Allow)"], ["Forbid", "Skip the new one (Forbid)"], ["Replace", "Stop the older one (Replace)"], ["Queue", "Queue one run (Queue)"]] }],
  ["Timeout", "Timeout", "Such as 10m; a run that takes longer is stopped", {}],
  ["Retries", "Retries", "After a failure", { number: true, read: Number, write: (value) => String(value?.Limit ?? value ?? "") }],
];

function labels(text) {
  const pairs = lines(text).map((line) => {
    const end = line.indexOf("=");
    return end < 0 ? [line.trim(), ""] : [line.slice(0, end).trim(), line.slice(end + 1)];
  });
  return Object.fromEntries(pairs);
}


// The specification has an empty value for these, so the server cannot distinguish them from intended ones.
function labelsWithoutValue(text) {
  return lines(text).filter((line) => !line.includes("=")).map((line) =>
    ({ Fatal: false, Message: `\`${line.trim()}\` has no =: write key=value, or key= for an empty value` }));
}

/** Makes the form: `{node, set(specification), mark(findings), focus}`. */
export function form(changed) {
  let held = {};
  const others = el("ul.plain-list.findings", { role: "status" });
  const zones = el("datalist", { id: "zones" }, zoneNames().map((zone) => el("option", { value: zone })));
  const fields = FIELDS.map(([path, label, hint, how]) => {
    const input = control(how);
    const message = el("span.field-error", { id: `error-${path}` });
    const locked = el("span.hint", { hidden: true }, "An argument has several lines: edit it as text.");
    input.addEventListener("input", () => {
      held = written(held, path, input.value, how);
      changed(held);
    });
    const node = field(label, input, hint || null);
    input.setAttribute("aria-describedby", [input.getAttribute("aria-describedby"), message.id].filter(Boolean).join(" "));
    node.append(locked, message);
    return { path, input, message, locked, how, node };
  });
  const part = (title, ...paths) => el("fieldset", null, el("legend", null, title),
    fields.filter(({ path }) => paths.includes(path)).map(({ node }) => node));
  const node = el("div.form", null, zones,
    part("Who", "Name", "Description", "Labels"),
    part("When", "Cron", "TimeZone", "After", "Jitter", "StartingDeadline"),
    part("What", "Container.Config.Image", "Pull", "Container.Config.Cmd", "Container.Config.Env", "Container.Config.User"),
    part("With what", "Container.HostConfig.Binds", "Container.HostConfig.NetworkMode", "Container.HostConfig.Memory"),
    part("What if", "Overlap", "Timeout", "Retries"),
    others);
  return { node, set, mark, focus: () => fields[0].input.focus() };

  function set(specification) {
    held = specification;
    for (const { path, input, locked, how } of fields) {
      const value = at(specification, path);
      // Edited here, a word with lines of its own would become several.
      input.disabled = how.write === words && hasLines(value);
      locked.hidden = !input.disabled;
      input.value = how.write ? how.write(value) : (value ?? "");
    }
  }

  /** Shows findings at their fields; those of other fields are listed below. */
  function mark(findings) {
    const rest = new Set(findings);
    for (const { path, input, message, how } of fields) {
      const own = findings.filter(({ Field: name }) => name === path || name.startsWith(`${path}.`) || name.startsWith(`${path}[`));
      for (const finding of own) rest.delete(finding);
      own.push(...(how.doubts?.(input.value) ?? []));
      const isWrong = own.some((finding) => finding.Fatal);
      fill(message, own.map((finding) => harmless(findingInWords(finding))).join("; "));
      message.className = isWrong ? "field-error" : "field-error field-warning";
      if (isWrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    fill(others, [...rest].map((finding) => el("li", { class: finding.Fatal ? "field-error" : "field-error field-warning" },
      finding.Field && [el("code", null, harmless(finding.Field)), " "], harmless(findingInWords(finding)))));
  }
}

function control({ rows, options, number, code, list }) {
  if (options) return el("select", null, options.map(([value, label]) => el("option", { value }, label)));
  if (rows) return el("textarea", { rows, spellcheck: "false" });
  return el(code ? "input.code-input" : "input", { type: number ? "number" : "text", min: number ? "0" : null, step: number ? "any" : null, autocomplete: "off", spellcheck: "false", list });
}

const at = (value, path) => path.split(".").reduce((held, key) => held?.[key], value);

// A copy in which the value stands at its path, or is absent where the field is empty.
function written(specification, path, text, { read, empty }) {
  // A copy, because the editor notices a change by the identity of the object.
  const copy = structuredClone(specification);
  const keys = path.split(".");
  const last = keys.pop();
  const parent = keys.reduce((held, key) => (held[key] ??= {}), copy);
  const old = parent[last];
  if (text.trim() === "" && !empty) remove(copy, keys, last);
  else if (path === "Retries" && typeof old === "object" && old !== null) parent[last] = { ...old, Limit: read(text) };
  else parent[last] = read ? read(text) : text;
  // One with parents has no schedule, not even an empty one.
  if (copy.After !== undefined && copy.Cron === "") delete copy.Cron;
  if (copy.After === undefined && copy.Cron === undefined) copy.Cron = "";
  return copy;
}

// Without what is empty then: a field that was filled and emptied again changes nothing.
function remove(specification, keys, last) {
  const parent = at(specification, keys.join("."));
  delete (keys.length > 0 ? parent : specification)[last];
  if (keys.length > 1 && Object.keys(parent).length === 0) remove(specification, keys.slice(0, -1), keys.at(-1));
}

function zoneNames() {
  try {
    return ["UTC", ...Intl.supportedValuesOf("timeZone")];
  } catch {
    return ["UTC"];
  }
}
