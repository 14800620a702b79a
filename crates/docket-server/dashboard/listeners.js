// A signal: whoever listens is called each time that it is given. It keeps no value.

/** Returns `{on, give}`; `on` returns what stops the listening. */
export function signal() {
  const listeners = new Set();
  return {
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    give(value) {
      for (const listener of [...listeners]) listener(value);
    },
  };
}

/** Collects what is to be stopped when a view is left. */
export function cleanups() {
  const ends = [];
  let isOver = false;
  return {
    isOver: () => isOver,
    add(...more) {
      ends.push(...more);
    },
    end() {
      isOver = true;
      for (const end of ends.splice(0)) end();
    },
  };
}
