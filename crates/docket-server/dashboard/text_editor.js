// A text with line numbers, and what is wrong with it at its place. It grows with its text, and what
// is around it scrolls, so that numbers and marks stay beside their lines.

import { findingInWords } from "./live_check.js";
import { el, fill, harmless, say } from "./dom_elements.js";
import { counted } from "./format_times.js";

/** So many findings are marked in the text; the list has all of them. */
const MARKED = 50;

/** Makes an editor: `{node, text(), set(text), mark(findings), focus}`. */
export function textEditor({ label, changed, save }) {
  const area = el("textarea.editor-area", {
    "aria-label": label, "aria-describedby": "findings-summary", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    wrap: "off", oninput: () => { fit(); clear(); changed(area.value); }, onkeydown: key,
  });
  const gutter = el("div.editor-gutter", { "aria-hidden": "true" });
  const marks = el("div.editor-marks", { "aria-hidden": "true" });
  const sheet = el("div.editor-sheet", null, area, marks);
  const message = el("p", { id: "findings-summary", role: "status" });
  const list = el("ul.plain-list.findings");
  const node = el("div", null, el("div.editor-frame", null, gutter, sheet), message, list);
  let lines = 0;
  return { node, text: () => area.value, set, mark, focus: () => area.focus() };

  function set(text) {
    area.value = text;
    fit();
    clear();
  }

  function fit() {
    const each = area.value.split("\n");
    const widest = each.reduce((most, line) => Math.max(most, line.length), 0);
    area.rows = Math.max(each.length + 1, 12);
    // Messages stand behind the lines, so there is room for them.
    area.style.minWidth = `${Math.min(widest, 2000) + 4}ch`;
    if (each.length === lines) return;
    lines = each.length;
    fill(gutter, each.map((_, index) => el("span", null, String(index + 1))));
  }

  function clear() {
    fill(marks);
  }

  function mark(findings) {
    const each = area.value.split("\n");
    clear();
    for (const number of gutter.children) number.className = "";
    // One message behind each line; the list below has them all.
    const said = new Set();
    for (const finding of findings.slice(0, MARKED)) {
      const kind = finding.Fatal ? "bad" : "warn";
      gutter.children[finding.Line - 1]?.classList.add(`line-${kind}`);
      marks.append(place(el(`span.squiggle.squiggle-${kind}`), finding.Line, finding.Column - 1, Math.max(finding.Length, 1)));
      if (said.has(finding.Line)) continue;
      said.add(finding.Line);
      const end = (each[finding.Line - 1] ?? "").length;
      marks.append(place(el(`span.said.said-${kind}`, null, harmless(findingInWords(finding))), finding.Line, end + 3, null));
    }
    tell(findings);
  }

  function place(mark, line, column, width) {
    mark.style.setProperty("--line", String(line - 1));
    mark.style.setProperty("--column", String(column));
    if (width !== null) mark.style.setProperty("--width", String(width));
    return mark;
  }

  function tell(findings) {
    const errors = findings.filter((finding) => finding.Fatal).length;
    const warnings = findings.length - errors;
    const parts = [errors > 0 && counted(errors, "error"), warnings > 0 && counted(warnings, "warning")].filter(Boolean);
    message.className = errors > 0 ? "message-bad" : warnings > 0 ? "message-warn" : "message-good";
    say(message, parts.length ? parts.join(", ") : "No errors");
    fill(list, findings.map((finding) => el("li", null,
      el("button.finding", { type: "button", onclick: () => jump(finding) },
        el(`span.${finding.Fatal ? "tone-bad" : "tone-warn"}`, null, finding.Fatal ? "✕" : "▲"),
        el("span.muted", null, `${finding.Line}:${finding.Column}`),
        el("span", null, finding.Field && el("code", null, harmless(finding.Field)), finding.Field && " ", harmless(findingInWords(finding)))))));
  }

  function jump(finding) {
    const each = area.value.split("\n");
    // A line's characters may be of two units each.
    const line = [...(each[finding.Line - 1] ?? "")];
    const start = each.slice(0, finding.Line - 1).reduce((sum, text) => sum + text.length + 1, 0) + line.slice(0, finding.Column - 1).join("").length;
    area.focus();
    area.setSelectionRange(start, start + line.slice(finding.Column - 1, finding.Column - 1 + finding.Length).join("").length);
    // A textarea does not scroll to its selection, but the window can scroll to the line's number.
    gutter.children[finding.Line - 1]?.scrollIntoView({ block: "center" });
  }

  // Tab leaves the text, as everywhere; Enter keeps the indentation.
  function key(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      save();
      return;
    }
    if (event.shiftKey || event.altKey) return;
    const before = area.value.slice(0, area.selectionStart);
    const indentation = /(?:^|\n)( *)(?:- )?[^\n]*$/.exec(before)?.[1] ?? "";
    const deeper = /:\s*$/.test(before) ? "  " : "";
    if (!indentation && !deeper) return;
    event.preventDefault();
    // The one way to insert a text that undo knows of.
    document.execCommand("insertText", false, `\n${indentation}${deeper}`);
  }
}
