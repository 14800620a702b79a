// Puts the page together: head, views, shortcuts. What each part does stands in its own file.

import * as allocation from "./allocation.js";
import * as announcements from "./announce.js";
import { onUnauthorized } from "./api.js";
import * as connection from "./connection.js";
import * as editor from "./editor.js";
import * as events from "./events.js";
import * as help from "./help.js";
import * as list from "./list.js";
import * as nowhere from "./nowhere.js";
import * as router from "./router.js";
import * as run from "./run.js";
import * as session from "./session.js";
import * as state from "./state.js";

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
events.follow();
state.load();
router.start(part("main"), {
  list: list.show,
  allocation: allocation.show,
  run: run.show,
  edit: editor.show,
  nowhere: nowhere.show,
});
