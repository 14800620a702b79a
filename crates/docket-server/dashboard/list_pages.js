// The list of allocations in two pieces: about a screen of them, so that it is drawn soon, and all others. The others
// are one response, which the browser reads while it does other things: pages, each with a request of its own, would
// wait for the script again and again.

import { address, nextPage, send } from "./api_client.js";

/** How many allocations the first piece has. */
const FIRST = 100;

let early = null;

/** Requests the list for the next call of `pieces`. */
export function requestEarly() {
  early = begin();
}

/** Requests the list; the pieces come one after the other. */
export async function* pieces() {
  let requested = early;
  early = null;
  // The first request may have been too early: before a token was asked for.
  const isUsable = requested !== null && (await requested.first.then(() => true, () => false));
  if (!isUsable) requested = begin();
  yield await requested.first;
  yield await requested.others;
}

// The promises of both. The others are requested as soon as the head of the first response is there.
function begin() {
  const head = send("GET", `${address()}?limit=${FIRST}&logs=false`);
  const first = head.then((response) => response.json());
  const others = head.then(async (response) => {
    const url = nextPage(response);
    if (!url) return [];
    url.searchParams.delete("limit");
    return (await send("GET", url.href)).json();
  });
  // A failure is handled where a piece is awaited; an early load may be given up before.
  for (const piece of [first, others]) piece.catch(() => {});
  return { first, others };
}
