// Reports failing allocations in the title and the icon of the page, also while it is hidden. A hidden page follows
// no events; it asks once a minute.

import { address, get } from "./api_client.js";
import { FAILURE_STATES } from "./state_mark.js";
import { setFailing } from "./page_title.js";
import * as state from "./allocation_cache.js";

/** How often a hidden page asks, in milliseconds. */
const EVERY = 60_000;
/** So many are counted at most while the page is hidden. */
const MOST = 1000;

let timer = null;

/** Begins to report. */
export function follow() {
  state.changed.on(() => count(state.all().values()));
  document.addEventListener("visibilitychange", watch);
  watch();
}

function watch() {
  clearInterval(timer);
  if (document.hidden) timer = setInterval(look, EVERY);
}

function count(items) {
  let failing = 0;
  for (const item of items) failing += Number(item.state === "failing");
  setFailing(failing);
}

async function look() {
  // Without a response nothing is known, so nothing changes.
  const listed = await get(`${address()}?logs=false&limit=${MOST}&state=${FAILURE_STATES}`).catch(() => null);
  if (listed && document.hidden) count(listed.map(state.make));
}
