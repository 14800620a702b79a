// The filters of a view, which are in the address: they survive a reload, and a link has them. All are texts.

import * as router from "./view_router.js";

/**
 * Reads the filters from the address. `defaults` are the values of those that it does not have, which are not
 * written either; `allowed` has a function for each filter that cannot have any value.
 */
export function filters(defaults, allowed = {}) {
  const query = router.query();
  const values = { ...defaults };
  for (const key of Object.keys(defaults)) {
    const value = query.get(key);
    if (value !== null && (allowed[key]?.(value) ?? true)) values[key] = value;
  }
  return { values, set };

  /** Changes some; while a text `isTyping`, the change is no step of the browser's history. */
  function set(changes, isTyping = false) {
    Object.assign(values, changes);
    const written = Object.entries(values).map(([key, value]) => [key, value === defaults[key] ? "" : value]);
    router.setQuery(Object.fromEntries(written), isTyping);
  }
}

/** The words of a search, in lower case. */
export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
