// The title and the icon of the page report failing allocations.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, hide, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();

/** Waits for a title; returns the icon that is shown with it. */
const icon = (page, title) => page.evaluate((title) => new Promise((resolve) => {
  const look = () => {
    if (document.title === title) resolve(document.querySelector("link[rel=icon]").getAttribute("href"));
  };
  new MutationObserver(look).observe(document.querySelector("title"), { childList: true });
  look();
}), title);

test("the title and the icon change when an allocation fails, and back", async (t) => {
  const server = await serve(t);
  await server.push(shell("flaky", "exit 3"), shell("fine", "true"));
  const page = await open(chromium, t, server);

  const icons = [await icon(page, "docket")];
  await ran(server, "flaky");
  await ran(server, "fine");
  icons.push(await icon(page, "(1 failing) docket"));
  await page.getByRole("link", { name: "fine", exact: true }).click();
  icons.push(await icon(page, "(1 failing) fine · docket"));
  await server.push(shell("flaky", "true"));
  await ran(server, "flaky");
  icons.push(await icon(page, "fine · docket"));

  assert.deepEqual(icons.map((path) => path.replace("-/page/", "")), ["icon.svg", "icon_failing.svg", "icon_failing.svg", "icon.svg"]);
  page.done();
});

test("a hidden page asks once a minute whether something fails", async (t) => {
  const server = await serve(t);
  await server.push(shell("flaky", "exit 3"), shell("held", "exit 3", { Suspended: true }));
  const page = await open(chromium, t, server, { prepare: (page) => page.clock.install() });
  await page.getByRole("link", { name: "flaky", exact: true }).waitFor();
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const left = page.waitForEvent("requestfailed", (request) => request.url().includes("/-/events"));
  await hide(page, true);
  await left;

  for (const name of ["flaky", "held"]) await ran(server, name);
  await page.clock.fastForward(60_000);
  const shown = await icon(page, "(1 failing) docket");

  assert.equal(shown, "-/page/icon_failing.svg");
  assert.equal(asked.length, 1, asked.join("\n"));
  page.done();
});
