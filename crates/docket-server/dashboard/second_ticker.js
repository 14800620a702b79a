// One clock for all countdowns: calls its listeners at each full second while the page is seen.

const listeners = new Set();
let timer = null;

/** Calls `listener` each second; returns what stops it. */
export function everySecond(listener) {
  listeners.add(listener);
  start();
  return () => listeners.delete(listener);
}

function start() {
  if (timer !== null || document.hidden) return;
  // A new timer for each second: an interval would drift away from the full seconds.
  timer = setTimeout(tick, 1000 - (Date.now() % 1000));
}

function tick() {
  timer = null;
  for (const listener of [...listeners]) listener();
  if (listeners.size > 0) start();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    timer = null;
  } else if (timer === null) {
    tick();
  }
});
