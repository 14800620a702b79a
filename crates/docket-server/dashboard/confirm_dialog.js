// Dialogs that ask before something is done. Esc and Cancel do nothing; the first field, or the
// safe button, has the focus.

import { el, fill, harmless } from "./dom_elements.js";

let count = 0;

/**
 * Opens a dialog. `fields` are nodes of its form, `act` does what is asked for and may throw, which
 * is shown; the dialog closes once it has succeeded.
 */
export function open({ title, text = [], fields = [], verb, danger = false, act }) {
  count += 1;
  const id = `dialog-${count}`;
  const message = el("p.field-error", { role: "alert" });
  const go = el(danger ? "button.danger" : "button.primary", { type: "submit" }, verb);
  const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = el("form", { onsubmit: submit }, el("h2", { id }, title), text, fields, message, el("div.buttons", null, cancel, go));
  const dialog = el("dialog.card", { "aria-labelledby": id, onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  // Without a field the safe button has the focus: Enter must not do what is dangerous.
  (form.querySelector("input, textarea, select") ?? cancel).focus();

  async function submit(event) {
    event.preventDefault();
    // Enter in a field submits, even while the action is under way.
    if (go.disabled) return;
    go.disabled = true;
    fill(message);
    try {
      await act();
      dialog.close();
    } catch (error) {
      fill(message, harmless(error.message));
    } finally {
      go.disabled = false;
    }
  }
}

/** A labelled field of a form. */
export function field(label, input, hint) {
  count += 1;
  input.id ||= `field-${count}`;
  const message = hint && el("span.hint", { id: `${input.id}-hint` }, hint);
  if (message) input.setAttribute("aria-describedby", message.id);
  return el("div.field", null, el("label", { for: input.id }, label), input, message);
}
