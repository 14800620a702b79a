// What the page shows after responses that come late, fail or never come.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();
const forgive = [/Failed to load resource/];
const refusal = { status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: "too many readers" }) };

/** Something that happens once: `await it.happened` waits for `it.happen()`. */
function occasion() {
  const it = {};
  it.happened = new Promise((resolve) => { it.happen = resolve; });
  return it;
}

/** Has the page load everything, as after events that it missed. */
const miss = (page) => page.evaluate(() => import("./-/page/event_stream.js").then(({ gap }) => gap.give({ Reason: "a test" })));
const go = (page, hash) => page.evaluate((hash) => { location.hash = hash; }, hash);
const drawn = (page) => page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));

test("a row that is drawn again while its last runs are requested shows them", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  await ran(server, "report");
  const page = await open(chromium, t, server, { hash: "#/new" });
  const redrawn = occasion();
  await page.route(/\/report\/runs\?limit=30$/, async (route) => {
    await redrawn.happened;
    await route.continue();
  });

  await go(page, "#/");
  await page.getByRole("link", { name: "report", exact: true }).waitFor();
  await server.push(shell("report", "true", { Description: "changed" }));
  await page.getByText("changed").waitFor();
  redrawn.happen();

  await page.getByRole("img", { name: "last 1 run: 1 succeeded" }).waitFor();
  page.done();
});

test("a list that could not be loaded again says so until it is", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server, { forgive });
  await page.getByRole("link", { name: "report", exact: true }).waitFor();
  await page.route(/\/\?limit=100&/, (route) => route.fulfill(refusal), { times: 1 });

  await miss(page);
  const sign = page.getByText("1 allocation, may be out of date: the last load failed (too many readers)");
  await sign.waitFor();

  await sign.waitFor({ state: "detached" });
  page.done();
});

test("a changed allocation whose request fails is requested again", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server, { forgive });
  await page.getByRole("link", { name: "report", exact: true }).waitFor();
  const failed = page.waitForResponse((response) => response.status() === 503);
  await page.route(/\/report$/, (route) => route.fulfill(refusal), { times: 1 });

  await server.push(shell("report", "true", { Description: "changed" }));
  await failed;

  await page.getByText("changed").waitFor();
  page.done();
});

test("an allocation that is deleted while the list is first loaded stays away", async (t) => {
  const server = await serve(t);
  const names = Array.from({ length: 101 }, (_, index) => `job-${String(index).padStart(3, "0")}`);
  await server.push(...names.map((name) => shell(name, "true")));
  const [requested, deleted] = [occasion(), occasion()];
  const holdList = (page) => page.route(/\/\?cursor=/, async (route) => {
    const response = await route.fetch();
    requested.happen();
    await deleted.happened;
    await route.fulfill({ response });
  });

  const page = await open(chromium, t, server, { prepare: holdList });
  await requested.happened;
  await fetch(`${server.url}/job-100`, { method: "DELETE" });
  await fetch(`${server.url}/job-000`, { method: "DELETE" });
  // Events come in order, so the page knows of both.
  await page.getByRole("link", { name: "job-000" }).waitFor({ state: "detached" });
  deleted.happen();

  await page.getByText(/^99 allocations ·/).waitFor();
  page.done();
});

test("a request for the version that is never answered does not end those for health", async (t) => {
  const server = await serve(t);
  const version = /\/-\/version$/;
  const page = await open(chromium, t, server, { prepare: (page) => page.route(version, () => {}) });

  await page.getByText("The server does not answer").waitFor();
  await page.unroute(version);

  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  await page.locator(".head-lamp").getByText("engine", { exact: true }).waitFor();
  page.done();
});

test("what happened last stays in the sidebar when an older response comes late", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server, { hash: "#/new" });
  const [requested, suspended] = [occasion(), occasion()];
  await page.route(/\/-\/journal\?allocation=report/, async (route) => {
    const response = await route.fetch();
    requested.happen();
    await suspended.happened;
    await route.fulfill({ response });
  }, { times: 1 });
  const changes = page.getByRole("region", { name: "Changes" });

  await go(page, "#/a/report");
  await requested.happened;
  await server.post("/report/suspend");
  await changes.getByText("suspended").waitFor();
  const late = page.waitForEvent("requestfinished", (request) => request.url().includes("/-/journal"));
  suspended.happen();
  await late;
  await drawn(page);

  assert.match(await changes.innerText(), /suspended/);
  page.done();
});

test("the runs of an allocation are shown in its time zone after it changed", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true", { Cron: "0 9 * * *" }));
  await ran(server, "report");
  const page = await open(chromium, t, server, { hash: "#/a/report" });
  const row = page.getByRole("table", { name: "Runs, newest first" }).getByRole("rowheader");
  const before = await row.innerText();

  await server.push(shell("report", "true", { Cron: "0 9 * * *", TimeZone: "Asia/Tokyo" }));
  await row.filter({ hasText: "GMT+9" }).waitFor();

  assert.doesNotMatch(before, /GMT/);
  page.done();
});

test("tomorrow is the next date, even if today has 25 hours", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server);

  const days = await page.evaluate(async () => {
    const { day, serverClock } = await import("./-/page/format_times.js");
    serverClock("2026-10-24T22:30:00Z");
    const moments = ["2026-10-24T21:00:00Z", "2026-10-25T22:59:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"];
    return moments.map((at) => day(Date.parse(at), "Europe/Berlin"));
  });

  assert.deepEqual(days, ["yesterday", "today", "tomorrow", "Tue 27 Oct"]);
  page.done();
});

const runNames = (count) => Array.from({ length: count }, (_, index) =>
  new Date(Date.UTC(2026, 0, 1) + index * 60_000).toISOString().replace(/[-:]|\.000/g, ""));

/** Opens an allocation with so many runs: the page gets records of `history.count` runs, not the server's. */
async function openWithRuns(t, count) {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server, { hash: "#/new", forgive });
  const history = { page, count, shown, rows: page.locator("table.runs tbody th a"), older: page.getByRole("button", { name: "Older runs" }) };
  await page.route(/\/report\/runs\?limit=100/, (route) => {
    const end = Number(new URL(route.request().url()).searchParams.get("cursor") ?? history.count);
    const start = end - 100;
    const records = runNames(end).slice(start).reverse().map((run) =>
      ({ Allocation: "report", Run: run, State: "succeeded", Trigger: "cron", Attempts: [], Ended: "2026-01-02T00:00:00Z", DurationMilliseconds: 5 }));
    return route.fulfill({ json: { Runs: records, Cursor: String(start) } });
  });
  await go(page, "#/a/report");
  await history.rows.nth(24).waitFor();
  return history;

  async function shown() {
    const links = await history.rows.evaluateAll((nodes) => nodes.map((node) => node.hash.split("/").at(-1)));
    return { links, expected: runNames(history.count).reverse().slice(0, links.length) };
  }
}

test("no run is missing after a gap with more runs than a page has", async (t) => {
  const history = await openWithRuns(t, 300);
  await history.older.click();
  await history.rows.nth(124).waitFor();

  history.count = 450;
  await miss(history.page);
  await history.page.locator(`a[href$="${runNames(450).at(-1)}"]`).first().waitFor();
  await history.older.click();
  await history.rows.nth(199).waitFor();
  const { links, expected } = await history.shown();

  assert.deepEqual(links, expected);
  history.page.done();
});

test("older runs that were requested before a gap follow what is loaded after it", async (t) => {
  const history = await openWithRuns(t, 300);
  const [requested, loaded] = [occasion(), occasion()];
  await history.page.route(/\/report\/runs\?limit=100&cursor=200/, async (route) => {
    requested.happen();
    await loaded.happened;
    await route.fallback();
  }, { times: 1 });

  await history.older.click();
  await requested.happened;
  history.count = 450;
  await miss(history.page);
  await history.page.locator(`a[href$="${runNames(450).at(-1)}"]`).first().waitFor();
  loaded.happen();
  await history.rows.nth(124).waitFor();
  const { links, expected } = await history.shown();

  assert.deepEqual(links, expected);
  history.page.done();
});

test("older runs that cannot be loaded are reported", async (t) => {
  const history = await openWithRuns(t, 300);
  await history.page.route(/cursor=/, (route) => route.fulfill(refusal));

  await history.older.click();

  await history.page.getByText("Older runs cannot be loaded: too many readers").first().waitFor();
  history.page.done();
});
