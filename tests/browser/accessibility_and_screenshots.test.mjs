// How each view looks and sounds: axe finds nothing serious in light and in dark, nothing is wider
// than the screen, and pictures of all are left in `target/screenshots` to be looked at.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { before, test } from "node:test";
import axe from "@axe-core/playwright";
import { brokenWords, browser, open, ran, serve, shell } from "./harness.mjs";

const AxeBuilder = axe.default ?? axe;
const chromium = browser();
const folder = new URL("../../target/screenshots/", import.meta.url).pathname;
const WIDTHS = [390, 1024, 1600];

before(() => mkdirSync(folder, { recursive: true }));

const ALLOCATIONS = [
  shell("backup", "echo saved 12 files; sleep 1", { Cron: "*/10 * * * * * *", Description: "Copies the files of the day", Labels: { team: "ops", owner: "ann" } }),
  shell("report", "printf '\\033[32mall sums\\033[0m in EUR\\n'", { Cron: "0 9 * * MON-FRI", Labels: { team: "finance", owner: "bea" } }),
  shell("alarm", "echo the disk is full >&2; exit 3", { Cron: "*/5 * * * *", Labels: { team: "ops" } }),
  shell("close", "true", { Cron: "0 18 LW * *", Labels: { team: "finance", owner: "bea" } }),
  shell("slow", "sleep 60", { Cron: "*/20 * * * *", Timeout: "2s" }),
  shell("archive", "echo put away", { Cron: undefined, After: "report" }),
  shell("manual", "true"),
];

async function furnished(t) {
  const server = await serve(t);
  await server.push(...ALLOCATIONS);
  await server.post("/close/suspend", { Reason: "the books are audited" });
  for (const name of ["report", "alarm", "slow", "alarm"]) {
    await ran(server, name);
  }
  return server;
}

for (const scheme of ["light", "dark"]) {
  test(`axe finds nothing serious in any view, and all fits the screen, in ${scheme}`, async (t) => {
    const server = await furnished(t);
    const { Runs: [run] } = await server.get("/alarm/runs?limit=1");
    const views = {
      list: ["#/", (page) => page.getByRole("link", { name: "backup" }).waitFor()],
      activity: ["#/activity", (page) => page.getByText("exit code 3").first().waitFor()],
      journal: ["#/journal", (page) => page.getByText("the books are audited").first().waitFor()],
      selected: ["#/", async (page) => {
        await page.getByRole("link", { name: "backup" }).waitFor();
        await page.getByLabel("Select backup").check();
      }],
      allocation: ["#/a/alarm", (page) => page.getByText("exit code 3").first().waitFor()],
      run: [`#/a/alarm/${run.Run}`, (page) => page.getByText("the disk is full").waitFor()],
      form: ["#/a/report/edit", (page) => page.getByText("Runs at 09:00 on weekdays").waitFor()],
      text: ["#/new", async (page) => {
        await page.getByRole("button", { name: "Text" }).click();
        await page.getByRole("textbox", { name: /Specification/ }).fill('Name: new\nCron: "0 9 * *"\nContainer: {Config: {Image: busybox}}\n');
        await page.getByText("1 error").waitFor();
      }],
      nowhere: ["#/nosuch", (page) => page.getByText("There is no page at").waitFor()],
      help: ["#/", (page) => page.keyboard.press("?")],
    };
    const serious = [];
    const wide = [];
    const broken = [];
    for (const [name, [hash, ready]] of Object.entries(views)) {
      for (const width of WIDTHS) {
        const page = await open(chromium, t, server, { hash, width, height: width < 500 ? 844 : 1000, scheme });
        await ready(page);
        await page.waitForLoadState("load");
        await page.screenshot({ path: `${folder}${name}-${width}-${scheme}.png` });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        broken.push(...(await brokenWords(page)).map((word) => `${name} at ${width}: ${word}`));
        if (over > 0) wide.push(`${name} at ${width}: ${over} px`);
        if (width !== 1024) {
          const { violations } = await new AxeBuilder({ page }).analyze();
          const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
          serious.push(...bad.map(({ id, nodes }) => `${name} at ${width}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`));
        }
        page.done();
        await page.context().close();
      }
    }

    assert.deepEqual(serious, []);
    assert.deepEqual(wide, []);
    assert.deepEqual(broken, []);
  });
}
