// The views of all runs and of the journal, with their filters in the address.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();
const forgive = [/Failed to load resource/];
const names = (page) => page.getByRole("table", { name: "Runs of all allocations" }).getByRole("rowheader").allTextContents();
const counted = (page, text) => page.locator(".list-count").getByText(text, { exact: true }).waitFor();

/** A server on which `good` and `bad` ran in turn. */
async function furnished(t) {
  const server = await serve(t);
  await server.push(
    shell("good", "true", { Labels: { team: "ops" } }),
    shell("bad", "exit 3", { Labels: { team: "finance" } }),
  );
  for (const name of ["good", "bad", "good"]) await ran(server, name);
  return server;
}

test("the filters of the activity survive a reload, back and forward", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server, { hash: "#/activity" });
  await counted(page, "3 runs");
  const all = await names(page);

  await page.getByLabel("Filter by result").selectOption({ label: "Failures" });
  await counted(page, "1 run");
  const address = await page.evaluate(() => location.hash);
  await page.getByRole("searchbox").fill("code 3");
  await page.reload();
  await counted(page, "1 run");
  const [failed, sought] = [await names(page), await page.getByRole("searchbox").inputValue()];
  await page.goBack();
  await counted(page, "3 runs");
  await page.goForward();
  await counted(page, "1 run");
  await page.getByRole("searchbox").fill("nothing");
  await counted(page, "0 of 1 run");

  assert.deepEqual(all, ["good", "bad", "good"]);
  assert.match(address, /#\/activity\?state=failed%2C/);
  assert.deepEqual([failed, sought], [["bad"], "code 3"]);
  page.done();
});

test("an address filters the activity by label and time, and sorts it", async (t) => {
  const server = await furnished(t);
  const shown = async (query, text) => {
    const page = await open(chromium, t, server, { hash: `#/activity?${query}` });
    await counted(page, text);
    const found = await names(page);
    page.done();
    return found;
  };

  const labelled = await shown("label=team=finance&since=1h", "1 run");
  const keyed = await shown("label=team&sort=allocation", "3 runs");
  const failures = await shown("sort=failures", "3 runs");
  const none = await shown("since=2100-01-01T00:00:00Z", "0 runs");

  assert.deepEqual([labelled, keyed, failures, none], [["bad"], ["bad", "good", "good"], ["bad", "good", "good"], []]);
});

test("the activity follows the runs that match its filters", async (t) => {
  const server = await furnished(t);
  const page = await open(chromium, t, server, { hash: "#/activity?state=failed" });
  await counted(page, "1 run");

  await ran(server, "good");
  await ran(server, "bad");
  await counted(page, "2 runs");
  const found = await names(page);
  await fetch(`${server.url}/bad`, { method: "DELETE" });
  await counted(page, "0 runs");

  assert.deepEqual(found, ["bad", "bad"]);
  page.done();
});

test("what starts next is listed beside the activity, the soonest first", async (t) => {
  const server = await serve(t);
  const at = (hours) => `R1/${new Date(Date.now() + hours * 3_600_000).toISOString().replace(/\.\d+/, "")}/PT1H`;
  await server.push(shell("later", "true", { Cron: at(5) }), shell("soon", "true", { Cron: at(2) }), shell("held", "true", { Cron: at(1) }), shell("manual", "true"));
  await server.post("/held/suspend");
  const page = await open(chromium, t, server, { hash: "#/activity" });

  const links = page.getByRole("region", { name: "Next up" }).getByRole("link");
  await links.nth(1).waitFor();
  const listed = await links.allTextContents();

  assert.deepEqual(listed, ["soon", "later"]);
  page.done();
});

test("an activity without runs and one that cannot be loaded say so", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/activity" });
  await page.getByText("No runs yet.").waitFor();
  await page.getByText("Nothing is scheduled.").waitFor();
  const wrong = await open(chromium, t, server, { hash: "#/activity?state=nosuch", forgive });

  await wrong.getByText(/^The runs cannot be loaded: state: `nosuch` is not/).waitFor();
  await wrong.getByLabel("Filter by result").selectOption("");
  await wrong.getByText("No runs yet.").waitFor();

  page.done();
  wrong.done();
});

test("older runs are loaded until enough match a search", async (t) => {
  const server = await serve(t);
  const record = (index) => ({
    Allocation: index % 50 === 0 ? "rare" : "often", Run: new Date(Date.UTC(2026, 0, 1) - index * 60_000).toISOString().replace(/[-:]|\.000/g, ""),
    State: "succeeded", Trigger: "schedule", Attempts: [], Ended: "2026-01-02T00:00:00Z", DurationMilliseconds: 5,
  });
  const answer = (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
    return route.fulfill({ json: { Runs: Array.from({ length: 100 }, (_, index) => record(from + index)), Cursor: String(from + 100) } });
  };
  const page = await open(chromium, t, server, { hash: "#/activity?q=rare", prepare: (page) => page.route(/\/-\/runs\?/, answer) });

  await page.locator(".list-count").getByText(/^12 of 600 runs, back to /).waitFor();
  await page.getByRole("button", { name: "Older runs" }).click();
  await page.locator(".list-count").getByText(/^14 of 700 runs/).waitFor();

  assert.deepEqual(new Set(await names(page)), new Set(["rare"]));
  page.done();
});

test("the journal is filtered by its address, and follows what happens", async (t) => {
  const server = await furnished(t);
  const events = (page) => page.getByRole("table", { name: "Entries, newest first" }).locator("tbody td:last-child").allInnerTexts();
  const page = await open(chromium, t, server, { hash: "#/journal" });
  await counted(page, "3 entries");
  const all = await events(page);

  await page.getByLabel("Filter by subject").selectOption("allocations");
  await counted(page, "2 of 3 entries");
  await page.getByRole("searchbox").fill("bad");
  await counted(page, "1 of 3 entries");
  await page.reload();
  await counted(page, "1 of 3 entries");
  await server.post("/bad/suspend", { Reason: "the books are audited" });
  await counted(page, "2 of 4 entries");
  const sought = await events(page);
  const own = await open(chromium, t, server, { hash: "#/a/bad", forgive });
  await own.getByRole("link", { name: "In the journal" }).click();
  await counted(own, "3 entries");
  await own.getByLabel("Filter by allocation").fill("a b");
  await own.getByLabel("Filter by allocation").press("Enter");
  const refusal = await own.getByText(/^The journal cannot be loaded: allocation: ` ` at position 2/).innerText();

  assert.ok(all.some((text) => /^docket .* started$/.test(text)), all.join("|"));
  assert.match(sought[0], /^suspended by \S+: the books are audited$/);
  assert.match(sought[1], /^created by /);
  assert.match(refusal, /is not allowed in a name/);
  page.done();
  own.done();
});
