// Measures the page as a browser shows it, for the benches: each line of the standard input is
// answered with a line of JSON.
//   node measure_page.mjs URL
//     paint COUNT   loads the page, until it tells of so many allocations
//     search        searches in what was loaded
//     hide          hides the page
//     asked         tells how often it asked the server since it was hidden

import { createInterface } from "node:readline";
import { launch } from "./find_chromium.mjs";

const SEARCHES = ["1", "00", "report", "report-0099", "x", "sh -c", "report-009999"];
const LIMIT = 60_000;

const url = process.argv[2];
const browser = await launch();
let page = null;
let asked = 0;

const steps = {
  async paint(count) {
    await page?.context().close();
    page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();
    await page.goto(url);
    await page.getByText(`${Number(count).toLocaleString("en")} allocations ·`).waitFor({ timeout: LIMIT });
    return page.evaluate(() => ({
      FirstPaint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
      Listed: performance.now(),
    }));
  },

  async search() {
    const times = await page.evaluate(async (searches) => {
      const input = document.getElementById("search");
      const taken = [];
      for (const text of searches) {
        input.value = text;
        const start = performance.now();
        input.dispatchEvent(new Event("input", { bubbles: true }));
        document.body.getBoundingClientRect();
        taken.push(performance.now() - start);
        await new Promise((drawn) => requestAnimationFrame(drawn));
      }
      return taken;
    }, SEARCHES);
    return { Searches: times };
  },

  async hide() {
    // A browser without a screen hides no page by itself.
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    page.on("request", () => { asked += 1; });
    return {};
  },

  async asked() {
    return { Asked: asked };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [step, ...words] = line.split(" ");
  console.log(JSON.stringify(await steps[step](...words)));
}
await browser.close();
