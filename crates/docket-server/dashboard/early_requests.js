// Runs while most scripts of the page are still being loaded: opens the event stream and requests the list, so that
// both are there when the page can show them. The stream first: it must have each event after the list was written.

import { openEarly } from "./event_stream.js";
import { requestEarly } from "./list_pages.js";

openEarly();
requestEarly();
