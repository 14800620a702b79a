// Puts the page together: head, views, shortcuts. What each part does stands in its own file.

import * as activity from "./activity_view.js";
import * as allocation from "./allocation_view.js";
import * as announcements from "./announcements.js";
import { onUnauthorized } from "./api_client.js";
import * as connection from "./connection_status.js";
import * as editor from "./allocation_editor.js";
import * as events from "./event_stream.js";
import * as failures from "./failure_alert.js";
import * as help from "./help_dialog.js";
import * as journal from "./journal_view.js";
import * as list from "./allocation_list.js";
import * as nowhere from "./not_found_view.js";
import * as router from "./view_router.js";
import * as run from "./run_view.js";
import * as session from "./sign_in.js";
import * as state from "./allocation_cache.js";

const part = (id) => document.getElementById(id);

// The address behind `#` says which view is shown, so that this one must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  part("main").focus();
});
announcements.furnish(part("notices"));
onUnauthorized(session.signIn);
const signOut = part("sign-out");
signOut.addEventListener("click", session.signOut);
session.onChange(() => session.showSignOut(signOut));
session.showSignOut(signOut);
connection.furnish(part("health"), part("banner"));
help.furnish(part("help"));
state.follow();
failures.follow();
events.follow();
state.load();
router.start(part("main"), {
  list: list.show,
  activity: activity.show,
  journal: journal.show,
  allocation: allocation.show,
  run: run.show,
  edit: editor.show,
  nowhere: nowhere.show,
});
