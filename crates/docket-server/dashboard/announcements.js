// Says short things: aloud to who listens, and for a moment in a corner to who looks.

import { el, harmless, say } from "./dom_elements.js";

/** How long a notice stays, in milliseconds. */
const STAYS = 6000;

// A live region must be on the page before its text changes, or it is not spoken.
const spoken = el("p.visually-hidden", { role: "status", "aria-live": "polite" });
const notices = el("div.notices");

/** Where notices are shown. */
export function furnish(place) {
  place.append(spoken, notices);
}

/** Says it to a screen reader only. */
export function announce(text) {
  say(spoken, harmless(text));
}

/** Says it to everyone. */
export function notice(text, tone = "good") {
  announce(text);
  const close = el("button.plain", { type: "button", "aria-label": "Close notice", onclick: () => node.remove() }, "×");
  const node = el(`div.notice.notice-${tone}`, null, el("bdi", null, harmless(text)), close);
  notices.append(node);
  // Failures stay until they are closed: they may be read later.
  if (tone === "good") setTimeout(() => node.remove(), STAYS);
}
