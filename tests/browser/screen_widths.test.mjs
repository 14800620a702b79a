// The page at every width: words stay whole, everything can be reached, charts use the room they have.

import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenWords, browser, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();
const REASON = "the database moves to another machine, and must not be written to until that is finished";

/** An allocation whose runs fail at once, without a container. */
const imageless = (name, more) => ({
  ...shell(name, "true", more),
  Pull: "Never",
  Container: { Config: { Image: "no-such-image-on-this-engine" } },
});

test("badges and headers do not break inside words, and nothing is wider than the screen", async (t) => {
  const server = await serve(t);
  const long = "archive-of-everything-that-the-finance-department-needs-for-the-audit";
  await server.push(
    imageless(long, { Cron: "0 18 LW * *", TimeZone: "America/Argentina/ComodRivadavia", Labels: { team: "finance", owner: "accounting@example.com" } }),
    imageless("suspended", { Cron: "0 0 30 2 *", Description: `${REASON}. `.repeat(3) }),
    shell("running", "sleep 600", { Overlap: "Queue" }),
  );
  await server.post("/suspended/suspend", { Reason: REASON });
  const { Run: run } = await ran(server, long);
  for (const name of ["suspended", "running", "running"]) await server.post(`/${name}/runs`);

  const wrong = [];
  const views = {
    "#/": ".row .strip .mark",
    "#/activity": "table.runs tbody tr",
    "#/journal": "table.journal tbody tr",
    [`#/a/${long}`]: ".changes li",
    "#/a/suspended": ".changes li",
    "#/a/running": ".changes li",
    [`#/a/${long}/${run}`]: ".output-summary:not(:empty)",
    "#/a/running/edit": ".preview-words",
  };
  for (const [hash, place] of Object.entries(views)) {
    for (const width of [320, 390, 768, 1280]) {
      const page = await open(chromium, t, server, { hash, width, height: 844 });
      await page.locator(place).first().waitFor();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) wrong.push(`${hash} at ${width}: ${over} px too wide`);
      wrong.push(...(await brokenWords(page)).map((word) => `${hash} at ${width}: ${word}`));
      page.done();
      await page.context().close();
    }
  }

  assert.deepEqual(wrong, []);
});

test("each filter can be reached on a phone", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const page = await open(chromium, t, server, { width: 390, height: 844 });
  await page.getByRole("link", { name: "report", exact: true }).waitFor();

  const tabs = page.getByRole("group", { name: "Filter by state" }).getByRole("button");
  const boxes = [];
  for (const tab of await tabs.all()) {
    boxes.push(await tab.boundingBox());
    await tab.click();
  }
  const last = await tabs.last().getAttribute("aria-pressed");

  assert.equal(boxes.length, 5);
  assert.deepEqual(boxes.filter(({ x, width }) => x < 0 || x + width > 390), []);
  assert.equal(last, "true");
  page.done();
});

test("a strip shows whole runs, as many as the header says", async (t) => {
  const server = await serve(t);
  await server.push(imageless("often"));
  for (let count = 0; count < 32; count += 1) await ran(server, "often");

  const shown = {};
  for (const width of [320, 390, 768, 1000, 1280, 1600]) {
    const page = await open(chromium, t, server, { width, height: 844 });
    await page.getByRole("img", { name: "last 30 runs: 30 failed" }).waitFor();
    shown[width] = await page.evaluate(() => {
      const strip = document.querySelector(".strip-window").getBoundingClientRect();
      const marks = [...document.querySelectorAll(".strip .mark")].map((mark) => mark.getBoundingClientRect());
      const cell = document.querySelector(".row .cell-strip").getBoundingClientRect();
      const isSeen = ({ left, right }) => left >= Math.max(strip.left, cell.left) && right <= cell.right;
      return { said: document.querySelector(".row-head .cell-strip").innerText, seen: marks.filter(isSeen).length };
    });
    page.done();
    await page.context().close();
  }

  for (const { said, seen } of Object.values(shown)) assert.equal(said, `Last ${seen} runs`);
  assert.equal(shown[1280].seen, 30);
  assert.equal(shown[390].seen, 30);
  assert.ok(shown[1000].seen >= 15 && shown[1000].seen < 30, JSON.stringify(shown));
});

test("charts of few runs use their width", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "sleep 0.2"));
  for (let count = 0; count < 3; count += 1) await ran(server, "report");
  const page = await open(chromium, t, server, { hash: "#/a/report", width: 1280 });
  await page.getByRole("img", { name: /Lateness of 3 runs/ }).waitFor();

  const spread = await page.evaluate(() => [...document.querySelectorAll("svg.plot")].map((plot) => {
    const { left, width } = plot.getBoundingClientRect();
    const marks = [...plot.querySelectorAll(".mark")].map((mark) => (mark.getBoundingClientRect().left - left) / width);
    return { width: width / plot.parentElement.getBoundingClientRect().width, first: Math.min(...marks), last: Math.max(...marks) };
  }));

  assert.equal(spread.length, 3);
  for (const { width, first, last } of spread) {
    assert.ok(width > 0.98 && first < 0.35 && last - first > 0.4, JSON.stringify(spread));
  }
  page.done();
});
