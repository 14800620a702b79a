// Links to the parents and children of an allocation.

import { foreign, link } from "./dom_elements.js";
import { at } from "./view_router.js";
import * as state from "./allocation_cache.js";

/** Links to allocations; where the last run of one has the same instant as a run, to that: a chain shares one instant. */
export function relatedLinks(names, run) {
  return names.map((name, index) => {
    const last = state.all().get(name)?.status.LastRun?.Run;
    return [index > 0 && ", ", link(run !== undefined && last === run ? at(name, run) : at(name), foreign(name))];
  });
}
