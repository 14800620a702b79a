// Has the server check what is being written, soon after each pause in the typing. The newest text
// wins: an older check that is still under way is given up.

import { address, ask } from "./api_client.js";

/** How long a pause in the typing is, in milliseconds. */
const PAUSE = 300;

/** The text of JSON or YAML, checked now. */
export function checked(text, type, signal) {
  return ask("POST", address("-", "check"), { body: text, type, signal });
}

/** Makes a checker; `report` gets `{Findings, Allocations}`, or an error. */
export function checker(report) {
  let timer = null;
  let controller = null;
  return { soon, end: stop };

  function soon(text, type, wait = PAUSE) {
    stop();
    timer = setTimeout(() => run(text, type), wait);
  }

  function stop() {
    clearTimeout(timer);
    // The server checks one document at a time: an outdated check must not delay the next one.
    controller?.abort();
  }

  async function run(text, type) {
    controller = new AbortController();
    try {
      report(await checked(text, type, controller.signal), null);
    } catch (error) {
      if (error.name !== "AbortError") report(null, error);
    }
  }
}

/** What was found, in one text. */
export function findingInWords(finding) {
  const { Message: message, Hint: hint } = finding;
  if (!hint) return message;
  return message.endsWith("?") ? `${message} ${hint}` : `${message}, ${hint}`;
}
