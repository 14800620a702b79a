// What an address shows that leads to nothing on this page.

import { el, fill, harmless, link } from "./dom_elements.js";
import * as router from "./view_router.js";

/** Shows that there is nothing at this address. */
export function show(outlet, hash) {
  const heading = el("h1", { tabindex: "-1" }, "Not found");
  fill(outlet,
    el("nav.crumbs", { "aria-label": "Breadcrumb" }, link(router.home(), "Allocations")),
    el("div.detail-head", null, heading),
    el("p.card", null, "There is no page at ", el("code", null, harmless(hash)), ". ", link("#/", "All allocations")));
  router.setTitle("Not found", heading);
}
