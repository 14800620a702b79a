// The list of all allocations.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, hide, open, TIMEOUT, serve, shell } from "./harness.mjs";

const chromium = browser();
const names = (page) => page.locator(".row .row-name a").allTextContents();

test("allocations are shown in words and found by search, state and label", async (t) => {
  const server = await serve(t);
  await server.push(
    shell("report", "true", { Cron: "0 9 * * 1-5", Labels: { team: "finance", owner: "ann" }, Description: "Sums of the day" }),
    shell("mail", "true", { Cron: "@every 5m", TimeZone: "America/New_York", Labels: { team: "sales" } }),
    shell("archive", "true", { Cron: undefined, After: "report" }),
  );
  await server.post("/mail/suspend", { Reason: "the provider moves" });
  const page = await open(chromium, t, server);
  await page.getByRole("table", { name: "Allocations" }).waitFor();

  const shown = await page.getByRole("row").allInnerTexts();
  await page.getByRole("searchbox").fill("finance");
  const searched = await names(page);
  await page.getByRole("searchbox").fill("");
  await page.getByRole("button", { name: /^Suspended/ }).click();
  const suspended = await names(page);
  await page.getByRole("button", { name: /^All/ }).click();
  await page.getByLabel("Filter by label").selectOption("team=sales");
  const labelled = await names(page);

  assert.ok(shown.some((text) => text.includes("at 09:00 on weekdays") && text.includes("Europe/Berlin") && text.includes("ann")), shown.join("|"));
  assert.ok(shown.some((text) => text.includes("every 5 minutes") && text.includes("America/New York") && text.includes("suspended")));
  assert.ok(shown.some((text) => text.includes("after report")));
  assert.deepEqual([searched, suspended, labelled], [["report"], ["mail"], ["mail"]]);
  page.done();
});

test("ten thousand allocations are few rows, and a search finds those that it means", async (t) => {
  const server = await serve(t);
  const many = Array.from({ length: 10_000 }, (_, index) =>
    shell(`job-${String(index).padStart(5, "0")}`, "true", { Cron: `${index % 60} ${index % 24} * * *`, Labels: { team: `t${index % 7}` } }));
  await server.push(...many);
  const page = await open(chromium, t, server);
  await page.getByText(/^10,000 allocations ·/).waitFor({ timeout: 2 * TIMEOUT });

  const rows = await page.locator(".row").count();
  const count = await page.getByRole("table", { name: "Allocations" }).getAttribute("aria-rowcount");
  await page.getByRole("searchbox").fill("t3 job-0999");
  const several = await names(page);
  await page.getByRole("searchbox").fill("job-09999");
  const found = await names(page);
  await page.getByRole("searchbox").fill("");
  await page.getByRole("searchbox").press("ArrowDown");
  await page.keyboard.press("End");
  const last = await page.evaluate(() => document.activeElement.textContent);

  assert.ok(rows < 60, `${rows} rows`);
  assert.equal(count, "10001");
  assert.deepEqual(several, ["job-09992", "job-09999"]);
  assert.deepEqual(found, ["job-09999"]);
  assert.equal(last, "job-09999");
  page.done();
});

test("the keyboard alone searches, walks the list, opens an allocation and comes back", async (t) => {
  const server = await serve(t);
  await server.push(...["a", "b", "c"].map((name) => shell(name, "true")));
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "a", exact: true }).waitFor();

  await page.keyboard.press("/");
  const searching = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowUp");
  const walked = await page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "b" }).waitFor();
  const focused = await page.evaluate(() => document.activeElement.tagName);
  await page.keyboard.press("g");
  await page.getByRole("heading", { level: 1, name: "Allocations" }).waitFor();
  await page.keyboard.press("?");
  const help = await page.getByRole("dialog").innerText();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  assert.deepEqual([searching, walked, focused], ["search", "b", "H1"]);
  assert.match(help, /search allocations/);
  page.done();
});

test("the search field has the focus as soon as its key is pressed, on every view", async (t) => {
  const server = await serve(t);
  await server.push(shell("a", "true"));
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "a", exact: true }).waitFor();
  const press = () => page.evaluate(() => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true }));
    return document.activeElement.id;
  });

  const onList = await press();
  await page.getByRole("link", { name: "a", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "a" }).waitFor();
  const elsewhere = await press();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "a" }).waitFor();

  assert.deepEqual([onList, elsewhere], ["search", "search"]);
  page.done();
});

test("an allocation that changes while its row is clicked is opened all the same", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server);
  const link = page.getByRole("link", { name: "report", exact: true });
  await link.waitFor();

  await link.hover();
  await page.mouse.down();
  const refreshed = page.waitForResponse((response) => new URL(response.url()).pathname === "/report");
  await server.push(shell("report", "true", { Description: "changed" }));
  await refreshed;
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.mouse.up();

  await page.getByRole("heading", { level: 1, name: "report" }).waitFor();
  await page.getByText("changed").first().waitFor();
  page.done();
});

test("a key that follows a click on a link is for the view of the link", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server);
  const link = page.getByRole("link", { name: "report", exact: true });
  await link.waitFor();

  await link.evaluate((node) => {
    node.click();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "r", bubbles: true }));
  });

  await page.getByRole("dialog", { name: "Run report now?" }).waitFor();
  page.done();
});

test("the page loads itself again if one of its files could not be loaded", async (t) => {
  const server = await serve(t);
  await server.push(shell("a", "true"));
  const context = await chromium.browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  let refused = 0;
  await page.route("**/-/page/allocation_list.js", (route) => {
    refused += 1;
    return refused === 1 ? route.abort() : route.continue();
  });

  await page.goto(server.url);
  await page.getByRole("link", { name: "a", exact: true }).waitFor({ timeout: TIMEOUT });

  assert.ok(refused > 1);
});

test("a page of which a file can never be loaded is loaded again three times, and then left as it is", async (t) => {
  const server = await serve(t);
  const context = await chromium.browser.newContext({ bypassCSP: true });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.route("**/-/page/page.css", (route) => route.abort());

  await page.goto(server.url);
  await page.waitForFunction(() => sessionStorage.getItem("docket-reloads") === "3", null, { timeout: TIMEOUT });
  await page.getByText("No allocations yet").waitFor({ timeout: TIMEOUT });
});

test("a lost connection is shown, and changes appear once it is restored", async (t) => {
  const server = await serve(t, ["--store", "memory"]);
  const page = await open(chromium, t, server, { forgive: [/Failed to load resource/] });
  await page.getByText("No allocations yet").waitFor();

  await server.stop();
  await page.getByText("The server does not answer").waitFor();
  await server.start();
  await server.push(shell("new", "true"));
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "new", exact: true }).waitFor();

  page.done();
});

test("who comes back to the page sees what changed meanwhile, and nothing is loaded twice", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "report", exact: true }).waitFor();
  await server.push(shell("mail", "true"));
  await page.getByRole("link", { name: "mail", exact: true }).waitFor();
  const loads = [];
  page.on("request", (request) => new URL(request.url()).searchParams.has("limit") && loads.push(request.url()));

  const left = page.waitForEvent("requestfailed", (request) => request.url().includes("/-/events"));
  await hide(page, true);
  await left;
  await server.push(shell("archive", "true"));
  await server.post("/mail/suspend");
  await hide(page, false);
  await page.getByRole("link", { name: "archive", exact: true }).waitFor();
  await page.getByRole("row").filter({ hasText: "mail" }).getByText("suspended").first().waitFor();

  assert.deepEqual(loads, []);
  page.done();
});

test("what a page says of the present stays true while nothing happens", async (t) => {
  const server = await serve(t);
  const soon = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "");
  await server.push(shell("report", "true", { Cron: `R3/${soon}/PT1S` }));
  const page = await open(chromium, t, server, { hash: "#/a/report" });
  const distance = page.locator(".instants li:first-child .muted time");
  const said = await distance.innerText();

  await distance.filter({ hasNotText: said }).waitFor();
  const later = await distance.innerText();

  assert.match(said, /in (59m|1h)/);
  assert.match(later, /in 59m/);
  page.done();
});

test("an allocation that is suspended until a time has one timer, however often it changes", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  await server.post("/report/suspend", { Until: new Date(Date.now() + 86_400_000).toISOString() });
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "report", exact: true }).waitFor();
  await page.evaluate(() => {
    const { setTimeout, clearTimeout } = window;
    window.longTimers = new Set();
    window.setTimeout = (work, delay, ...values) => {
      const id = setTimeout(work, delay, ...values);
      if (delay > 3_600_000) window.longTimers.add(id);
      return id;
    };
    window.clearTimeout = (id) => {
      window.longTimers.delete(id);
      clearTimeout(id);
    };
  });

  for (const description of ["once", "twice"]) {
    await server.push(shell("report", "true", { Description: description }));
    await page.getByText(description).waitFor();
  }

  assert.equal(await page.evaluate(() => window.longTimers.size), 1);
  page.done();
});
