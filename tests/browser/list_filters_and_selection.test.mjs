// The list of allocations: its filters in the address, its selection, and the rows that are not seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();
const names = (page) => page.locator(".row .row-name a").allTextContents();
const counted = (page, text) => page.getByText(new RegExp(`^${text} ·`)).waitFor();

async function furnished(t) {
  const server = await serve(t);
  await server.push(
    shell("archive", "true", { Labels: { team: "ops" } }),
    shell("mail", "true", { Labels: { team: "finance" } }),
    shell("report", "exit 3", { Labels: { team: "finance", owner: "ann" } }),
  );
  await ran(server, "report");
  return server;
}

test("failing allocations are first, and labels have their keys", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server);
  await page.getByText("exit code 3").waitFor();

  const shown = await names(page);
  const row = await page.getByRole("row").filter({ hasText: "report" }).innerText();

  assert.deepEqual(shown, ["report", "archive", "mail"]);
  assert.match(row, /owner=ann · team=finance/);
  page.done();
});

test("search, filters and order of the list are in the address, and survive a reload, back and forward", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server);
  await counted(page, "3 allocations");

  await page.getByRole("button", { name: "Name" }).click();
  await page.getByRole("button", { name: "Name" }).click();
  await page.getByLabel("Filter by label").selectOption("team=finance");
  await page.getByRole("searchbox").fill("busybox");
  const address = await page.evaluate(() => location.hash);
  await page.reload();
  await counted(page, "2 of 3 allocations");
  const [reloaded, sought] = [await names(page), await page.getByRole("searchbox").inputValue()];
  await page.getByRole("link", { name: "mail", exact: true }).click();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Allocations" }).click();
  await counted(page, "2 of 3 allocations");
  await page.goBack();
  await page.goBack();
  await counted(page, "2 of 3 allocations");
  await page.goBack();
  await counted(page, "3 allocations");
  const before = await names(page);
  await page.goForward();
  await counted(page, "2 of 3 allocations");
  const linked = await open(chromium, t, server, { hash: "#/?state=failing&label=team" });
  await counted(linked, "1 of 3 allocations");

  assert.equal(address, "#/?q=busybox&label=team%3Dfinance&sort=-name");
  assert.deepEqual([reloaded, sought, before], [["report", "mail"], "busybox", ["report", "mail", "archive"]]);
  assert.deepEqual(await names(linked), ["report"]);
  page.done();
  linked.done();
});

test("several allocations are suspended and resumed at once", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server);
  await counted(page, "3 allocations");

  await page.getByLabel("Select mail").check();
  await page.getByRole("link", { name: "archive", exact: true }).focus();
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Suspend…" }).click();
  await page.getByLabel("Reason").fill("the disk is full");
  await page.getByRole("dialog", { name: "Suspend 2 allocations?" }).getByRole("button", { name: "Suspend", exact: true }).click();
  await page.getByText("2 allocations suspended").first().waitFor();
  const suspended = await server.get("/?state=suspended");
  await page.getByRole("button", { name: /^Suspended 2/ }).click();
  await page.getByLabel("Select all that are shown").check();
  await page.getByRole("button", { name: "Resume…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByText("2 allocations resumed").first().waitFor();

  assert.deepEqual(suspended.map(({ Name, Status }) => [Name, Status.Suspended.Reason]), [["archive", "the disk is full"], ["mail", "the disk is full"]]);
  assert.deepEqual(await server.get("/?state=suspended"), []);
  page.done();
});

test("allocations that cannot be suspended stay selected, and the dialog says why", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server, { forgive: [/Failed to load resource/] });
  await counted(page, "3 allocations");
  const refusal = { status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: "the store is full" }) };
  await page.route(/\/mail\/suspend$/, (route) => route.fulfill(refusal), { times: 1 });

  await page.getByLabel("Select all that are shown").check();
  await page.getByRole("button", { name: "Suspend…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Suspend", exact: true }).click();
  await dialog.getByText("2 allocations suspended, 1 not: mail: the store is full").waitFor();
  await page.getByText("1 selected", { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Suspend", exact: true }).click();
  await dialog.waitFor({ state: "detached" });

  assert.equal((await server.get("/?state=suspended")).length, 3);
  page.done();
});

test("all rows of up to a thousand allocations are found by the browser's search, and printed", async (t) => {
  const server = await serve(t);
  await server.push(...Array.from({ length: 1000 }, (_, index) => shell(`job-${String(index).padStart(3, "0")}`, "true")));
  const page = await open(chromium, t, server);
  await counted(page, "1,000 allocations");

  const atOnce = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    return document.querySelectorAll(".row").length;
  });
  const printed = await open(chromium, t, server);
  await printed.locator(".row").nth(999).waitFor();
  const found = await printed.evaluate(() => window.find("job-777") && getSelection().toString());
  await printed.emulateMedia({ media: "print" });
  const places = await printed.locator(".row").evaluateAll((rows) => rows.map((row) => [row.textContent.slice(0, 7), row.getBoundingClientRect().top]));

  assert.equal(atOnce, 1000);
  assert.equal(found, "job-777");
  const sorted = places.toSorted((a, b) => a[1] - b[1]).map(([name]) => name);
  assert.deepEqual(sorted, places.map(([name]) => name));
  assert.equal(new Set(places.map(([, top]) => top)).size, 1000);
  page.done();
  printed.done();
});
