// The title of the page: how many allocations fail, and what is shown. The icon changes too, because a tab may be
// too narrow for its title.

const icon = document.querySelector("link[rel=icon]");
const WELL = icon.getAttribute("href");
const FAILING = "-/page/icon_failing.svg";

let subject = "";
let failing = 0;

/** Sets what is shown. */
export function setSubject(text) {
  subject = text;
  update();
}

/** Sets how many allocations fail. */
export function setFailing(count) {
  if (count === failing) return;
  failing = count;
  icon.setAttribute("href", count > 0 ? FAILING : WELL);
  update();
}

function update() {
  const count = failing > 0 ? `(${failing.toLocaleString("en")} failing) ` : "";
  document.title = `${count}${subject ? `${subject} · docket` : "docket"}`;
}
