// The output of a run on its page: streams, times and the search, while it is followed and afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, ran, runNow, serve, shell } from "./harness.mjs";

const chromium = browser();
const TIME = /^\d\d:\d\d:\d\d\.\d{3}$/;

/** The lines that are shown, without their times. */
const texts = (output) => output.locator(".terminal-line").evaluateAll((lines) => lines.map((line) =>
  [...line.childNodes].filter((part) => !part.classList?.contains("line-time")).map((part) => part.textContent).join("")));

test("one stream, with the times of its lines, is chosen of a stored output", async (t) => {
  const server = await serve(t);
  await server.push(shell("work", "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.2; done"));
  const { Run: run } = await ran(server, "work");
  const page = await open(chromium, t, server, { hash: `#/a/work/${run}` });
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("err 3", { exact: true }).waitFor();
  const both = await texts(output);

  await page.getByRole("button", { name: "stderr" }).click();
  await output.getByText("out 1").waitFor({ state: "detached" });
  await output.getByText("err 3").waitFor();
  const errors = await texts(output);
  const summary = await page.locator(".output-summary").innerText();
  await page.getByLabel("Times").check();
  await output.locator("time").nth(2).waitFor();
  const timed = await texts(output);
  const times = await output.locator("time").allInnerTexts();
  const moments = await output.locator("time").evaluateAll((all) => all.map((time) => Date.parse(time.dateTime)));
  await page.getByRole("button", { name: "Both" }).click();
  await output.locator("time").nth(5).waitFor();

  assert.deepEqual(both.toSorted(), ["err 1", "err 2", "err 3", "out 1", "out 2", "out 3"]);
  assert.deepEqual(errors, ["err 1", "err 2", "err 3"]);
  assert.match(summary, /only stderr is shown/);
  assert.deepEqual(timed, errors);
  assert.ok(times.every((time) => TIME.test(time)), times.join());
  // Each line was written a fifth of a second after the one before.
  assert.ok(moments[1] - moments[0] >= 150 && moments[2] - moments[1] >= 150, moments.join());
  page.done();
});

test("the search counts its matches, goes through them by keys, and survives what is written meanwhile", async (t) => {
  const server = await serve(t);
  const until = (file) => `until [ -e /tmp/${file} ]; do sleep 0.1; done`;
  await server.push(shell("work", `for i in 1 2 3; do echo "The disk is full, disk $i"; echo fine; done; ${until("more")}; echo 'another DISK'; ${until("end")}; echo over`));
  const page = await open(chromium, t, server, { hash: "#/a/work" });
  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("fine").nth(2).waitFor();
  const tally = page.locator(".find-tally");
  const says = (words) => tally.filter({ hasText: words }).waitFor();
  const current = () => output.locator(".found-line").innerText();

  await page.keyboard.press("f");
  await page.keyboard.type("disk");
  await says("1 of 6");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await says("3 of 6");
  const third = await current();
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.press("Shift+Enter");
  await says("6 of 6");
  const last = await current();
  const follows = await page.getByLabel("Follow").isChecked();
  server.exec("work", "touch", "/tmp/more");
  await says("6 of 7");
  const afterwards = await current();
  const marked = await page.evaluate(() => [CSS.highlights.get("found").size, CSS.highlights.get("found-current").size]);
  const field = page.getByRole("searchbox", { name: "Find in output" });
  const isFocused = await field.evaluate((node) => node === document.activeElement && node.value === "disk");
  await page.getByRole("button", { name: "Next match" }).click();
  await says("7 of 7");
  const added = await current();
  server.exec("work", "touch", "/tmp/end");
  await page.getByText("succeeded", { exact: true }).waitFor();
  await output.getByText("over", { exact: true }).waitFor();
  await says("7 of 7");
  await field.fill("no such words");
  await says("no match");
  await field.press("Escape");
  await page.locator(".find-tally:empty").waitFor({ state: "attached" });

  assert.equal(third, "The disk is full, disk 2");
  assert.equal(last, "The disk is full, disk 3");
  assert.equal(afterwards, last);
  assert.equal(added, "another DISK");
  assert.deepEqual([follows, isFocused], [false, true]);
  assert.deepEqual(marked, [7, 1]);
  assert.equal(await field.inputValue(), "");
  page.done();
});

test("a stream and times stay chosen while a run is followed, and the search does not find times", async (t) => {
  const server = await serve(t);
  await server.push(shell("work", "echo out 1; echo err 1 >&2; until [ -e /tmp/end ]; do sleep 0.1; done; echo out 2; printf '10%%\\r20%%\\n' >&2"));
  const page = await open(chromium, t, server, { hash: "#/a/work" });
  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("err 1").waitFor();

  await page.getByRole("button", { name: "stderr" }).click();
  await page.getByLabel("Times").check();
  await output.locator("time").waitFor();
  await page.getByRole("searchbox", { name: "Find in output" }).fill(":");
  await page.getByText("no match").waitFor();
  server.exec("work", "touch", "/tmp/end");
  await page.getByText("succeeded", { exact: true }).waitFor();
  await output.getByText("20%").waitFor();
  const lines = await texts(output);
  const times = await output.locator("time").count();
  const pressed = await page.getByRole("button", { name: "stderr" }).getAttribute("aria-pressed");
  const found = await page.getByText("no match").count();

  // What follows a carriage return takes the place of the line, and not of its time.
  assert.deepEqual(lines, ["err 1", "20%"]);
  assert.deepEqual([times, pressed, found], [2, "true", 1]);
  page.done();
});

for (const scheme of ["light", "dark"]) {
  test(`the choices and the search fit on a phone, in ${scheme}`, async (t) => {
    const server = await serve(t);
    await server.push(shell("work", "for i in 1 2 3; do echo the disk is full; echo oh no >&2; done"));
    const { Run: run } = await ran(server, "work");
    const page = await open(chromium, t, server, { hash: `#/a/work/${run}`, width: 390, height: 844, scheme });
    const output = page.getByRole("log", { name: "Output" });
    await output.getByText("oh no").nth(2).waitFor();

    await page.getByLabel("Times").check();
    await output.locator("time").nth(5).waitFor();
    await page.getByRole("searchbox", { name: "Find in output" }).fill("disk");
    await page.getByText("1 of 3").waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const controls = page.locator(".output-head button, .output-head input, .find button, .find input");
    const boxes = await controls.evaluateAll((all) => all.filter((node) => node.checkVisibility()).map((node) => node.getBoundingClientRect().toJSON()));
    await page.locator(".output").scrollIntoViewIfNeeded();
    await page.screenshot({ path: new URL(`../../target/screenshots/output-390-${scheme}.png`, import.meta.url).pathname });

    assert.equal(over, 0);
    assert.equal(boxes.length, 7);
    assert.deepEqual(boxes.filter(({ left, right }) => left < 0 || right > 390), []);
    page.done();
  });
}
