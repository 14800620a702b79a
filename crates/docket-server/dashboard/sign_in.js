// Signs in and out on a guarded server. The token is sent once and never kept by the page: what
// stays is a cookie that no script can read.

import { address, failure } from "./api_client.js";
import { announce, notice } from "./announcements.js";
import { el, fill, say } from "./dom_elements.js";
import * as events from "./event_stream.js";
import { counted } from "./format_times.js";

let asking = null;
let signedIn = false;
let afterwards = () => {};

/** True if the user signed in on this page, or must sign in. */
export const isGuarded = () => signedIn || asking !== null;

/** Sets what is called after signing in. */
export function onChange(listener) {
  afterwards = listener;
}

/** Asks for a token; resolves with true once there is a session. */
export function signIn() {
  // Many requests may fail at once with 401; they share one dialog.
  asking ??= new Promise((resolve) => open(resolve));
  return asking;
}

/** Ends the session, on the server too. */
export async function signOut() {
  const answer = await fetch(address("-", "session"), { method: "DELETE", credentials: "same-origin" }).catch(() => null);
  // The cookie is the server's to take back: no script can.
  if (!answer?.ok) return notice("You are still signed in: the server did not accept the request. Try again.", "bad");
  signedIn = false;
  remember(false);
  location.hash = "#/";
  // Everything that was loaded must leave the page with the session.
  location.reload();
}

/** True where a session was begun in this browser, so that signing out can be offered. */
export const wasSignedIn = () => sessionHint() !== null;

const HINT = "docket-session";

// Only that there is a session; whether it still holds the server knows.
function remember(is) {
  try {
    if (is) localStorage.setItem(HINT, "1");
    else localStorage.removeItem(HINT);
  } catch {
    // Storage may be forbidden; then only this page knows.
  }
}

function sessionHint() {
  try {
    return localStorage.getItem(HINT);
  } catch {
    return signedIn ? "1" : null;
  }
}

function open(resolve) {
  const input = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const message = el("p.field-error", { role: "alert", id: "token-error" });
  const button = el("button.primary", { type: "submit" }, "Sign in");
  const form = el("form.card.login-card", { onsubmit: (event) => submit(event) },
    el("h1", { id: "login-title" }, "Sign in to docket"),
    el("p.muted", null, "Enter the token of this server. It is in the file of ",
      el("code", null, "--token-file"), "."),
    // Password managers want a name beside the secret.
    el("input.visually-hidden", { type: "text", autocomplete: "username", ".value": "docket", tabindex: "-1", "aria-hidden": "true" }),
    el("label", { for: "token" }, "Token"), input, message, el("div.buttons", null, button));
  // Browsers close a dialog at a second Esc although `cancel` is prevented.
  const screen = el("dialog.login", { "aria-labelledby": "login-title", oncancel: (event) => event.preventDefault(), onclose: () => asking && screen.showModal() }, form);
  input.setAttribute("aria-describedby", "token-error");
  document.body.append(screen);
  screen.showModal();
  input.focus();

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    const wrong = await offer(input.value.trim());
    button.disabled = false;
    if (wrong === null) {
      asking = null;
      screen.close();
      screen.remove();
      signedIn = true;
      remember(true);
      announce("signed in");
      resolve(true);
      // The stream was refused before the session.
      events.reopen();
      afterwards();
      return;
    }
    input.setAttribute("aria-invalid", "true");
    fill(message, wrong);
    input.select();
  }
}

// Null where the token was taken, or what is wrong.
async function offer(token) {
  let answer;
  try {
    answer = await fetch(address("-", "session"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ Token: token }),
      credentials: "same-origin",
    });
  } catch {
    return "The server does not answer. Try again later.";
  }
  if (answer.ok) return null;
  if (answer.status === 401) return "This is not the server's token.";
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get("retry-after")) || 60;
    return `Too many wrong tokens from this address. Try again in ${counted(seconds, "second")}.`;
  }
  return (await failure(answer)).message;
}

/** Shows the way out where there is a session. */
export function showSignOut(button) {
  button.hidden = !wasSignedIn();
  say(button, "Sign out");
}
