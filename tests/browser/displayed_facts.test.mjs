// What the page says is true: of times elsewhere, of what is not there, and of what never was.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { browser, ended, open, ran, serve, shell } from "./harness.mjs";

const chromium = browser();
const forgive = [/Failed to load resource/];

test("times are those of the reader's clock, and beside an instant is that of a foreign zone", async (t) => {
  const server = await serve(t);
  await server.push(
    shell("tokyo", "true", { Cron: "0 9 * * *", TimeZone: "Asia/Tokyo" }),
    shell("berlin", "true", { Cron: "0 9 * * *" }),
  );
  const run = await ran(server, "tokyo");
  const texts = async (hash, place, zone) => {
    const page = await open(chromium, t, server, { hash, zone });
    await page.locator(place).first().waitFor();
    const times = await page.locator(place).allInnerTexts();
    page.done();
    await page.context().close();
    return times;
  };
  const clock = (moment, zone) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(new Date(moment));
  const { Status: { Next: next } } = await server.get("/tokyo");

  const listed = await texts("#/", ".row[data-name=tokyo] .cell-next time.row-about");
  const away = await texts("#/", ".row[data-name=tokyo] .cell-next time.row-about", "America/New_York");
  const instants = await texts("#/a/tokyo", ".instants li > time");
  const own = await texts("#/a/berlin", ".instants li > time");
  const elsewhere = await texts("#/a/berlin", ".instants li > time", "America/New_York");
  const record = await texts(`#/a/tokyo/${run.Run}`, "dl.pairs time");

  assert.ok(listed[0].endsWith(clock(next, "Europe/Berlin")), listed[0]);
  assert.ok(away[0].endsWith(clock(next, "America/New_York")), away[0]);
  assert.ok(instants.length === 10 && instants.every((text) => / \d\d:\d\d \(09:00 GMT\+9\)$/.test(text)), instants.join("|"));
  assert.ok(elsewhere.every((text) => / \d\d:\d\d \(09:00 CES?T\)$/.test(text)), elsewhere.join("|"));
  assert.ok(own.every((text) => / 09:00$/.test(text)), own.join("|"));
  // Its instant; what happened then is on the reader's clock alone.
  assert.equal(record.filter((text) => /GMT/.test(text)).length, 1, record.join("|"));
});

test("events in another zone are shown with that zone", async (t) => {
  const server = await serve(t);
  await server.push(shell("tokyo", "true", { Cron: "0 9 * * *", TimeZone: "Asia/Tokyo" }));
  await ran(server, "tokyo");
  const page = await open(chromium, t, server, { hash: "#/a/tokyo" });

  await page.getByRole("region", { name: "Recent activity" }).getByText(/^It is .* in Asia\/Tokyo\.$/).waitFor();

  page.done();
});

test("a run that ended without an exit code says so, and why", async (t) => {
  const server = await serve(t);
  await server.push(
    { ...shell("imageless", "true"), Pull: "Never", Container: { Config: { Image: "no-such-image" } } },
    shell("alone", "sleep 600", { Overlap: "Forbid", Timeout: "1h" }),
    shell("fine", "true"),
  );
  const imageless = await ran(server, "imageless");
  const fine = await ran(server, "fine");
  const { Run: running } = await (await server.post("/alone/runs")).json();
  const skipped = await (await server.post("/alone/runs")).json();
  const record = async (name, run) => {
    const page = await open(chromium, t, server, { hash: `#/a/${name}/${run}` });
    await page.getByRole("region", { name: "Record" }).getByText("Instant").waitFor();
    const text = await page.locator(".side").innerText();
    page.done();
    return text;
  };

  const texts = {
    imageless: await record("imageless", imageless.Run),
    skipped: await record("alone", skipped.Run),
    running: await record("alone", running),
    fine: await record("fine", fine.Run),
  };
  await server.post(`/alone/runs/${running}/cancel`, { Kill: true });
  await ended(server, "alone", running);

  const codes = (text) => text.match(/Exit code\s+[^\n]*/g).map((line) => line.replace(/\s+/, " ").slice("Exit code".length).trim());
  assert.deepEqual(codes(texts.imageless), ["none: the container did not start", "none: the container did not start"]);
  assert.deepEqual(codes(texts.skipped), ["none: no container was started"]);
  assert.deepEqual(codes(texts.running), ["none yet"]);
  assert.deepEqual(codes(texts.fine), ["0", "0"]);
});

test("an address that leads to nothing says so", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const answers = {
    "#/nosuch": "There is no page at #/nosuch.",
    "#nosuch": "There is no page at #nosuch.",
    "#/a": "There is no page at #/a.",
    "#/new/thing": "There is no page at #/new/thing.",
    "#/a/report/edit/more": "There is no page at #/a/report/edit/more.",
    "#/a/nosuch": "No allocation has the name nosuch, or it was deleted.",
    "#/a/%zz": "No allocation has the name %zz, or it was deleted.",
    "#/a/nosuch/edit": "The allocation cannot be edited: no allocation is named `nosuch`",
    "#/a/nosuch/20260101T000000Z": "This run cannot be shown: no allocation is named `nosuch`",
    "#/a/report/20260101T000000Z": "This run cannot be shown: there is no record of the run `report/20260101T000000Z`",
    "#/a/report/20269999T999999Z": "This run cannot be shown: `20269999T999999Z` is no run",
    "#/a/report/nosuch": "This run cannot be shown: `nosuch` is no run",
  };

  for (const [hash, answer] of Object.entries(answers)) {
    const page = await open(chromium, t, server, { hash, forgive });
    await page.locator("main .card:visible").first().filter({ hasText: answer }).waitFor();
    page.done();
    await page.context().close();
  }
});

test("an allocation that is deleted while it is shown leaves nothing that looks current", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "exit 3", { Cron: "0 9 * * *" }));
  await ran(server, "report");
  const page = await open(chromium, t, server, { hash: "#/a/report", forgive });
  await page.getByText("last run failed").waitFor();

  await fetch(`${server.url}/report`, { method: "DELETE" });
  await page.getByText("No allocation has the name report, or it was deleted.").waitFor();
  const left = await page.locator(".chips, .facts").allInnerTexts();

  assert.deepEqual(left, ["", ""]);
  page.done();
});

test("the forecast leaves frequent allocations out, and names them", async (t) => {
  const server = await serve(t);
  await server.push(shell("heartbeat", "true", { Cron: "*/10 * * * * * *" }));
  const alone = await open(chromium, t, server);
  const note = "Not shown: heartbeat, which starts more often than every 5 minutes (8,640 starts).";
  await alone.getByText(note).waitFor();
  const empty = await alone.locator(".forecast").innerText();
  const isCharted = await alone.getByRole("slider").isVisible();
  const more = await serve(t);
  await more.push(
    ...["a", "b", "c", "d", "e"].map((name) => shell(`every-second-${name}`, "true", { Cron: "* * * * * * *", NotBefore: new Date(Date.now() + 3_600_000).toISOString() })),
    shell("hourly", "true", { Cron: "5 * * * *" }),
  );
  const page = await open(chromium, t, more);
  await page.getByText("24 starts in the next 24 hours, at most 1 a minute").waitFor();
  const text = await page.locator(".forecast-note").innerText();

  assert.match(empty, /^No starts in the next 24 hours/);
  assert.equal(isCharted, false);
  assert.match(text, /^Not shown: every-second-a, every-second-b, every-second-c and 2 other allocations, which start more often than every 5 minutes \(4\d\d,\d{3} starts\)\.$/);
  alone.done();
  page.done();
});

test("what never ran is not said to never run again", async (t) => {
  const server = await serve(t);
  await server.push(
    shell("past", "true", { Cron: "0 9 1 1 * 2024" }),
    shell("impossible", "true", { Cron: "0 0 30 2 *" }),
    shell("manual", "true"),
  );
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "past", exact: true }).waitFor();
  const next = await page.locator(".row .cell-next").allInnerTexts();
  const pages = [];
  for (const name of ["past", "impossible", "manual"]) {
    const shown = await open(chromium, t, server, { hash: `#/a/${name}` });
    await shown.getByText("No runs yet.").first().waitFor();
    await shown.getByRole("region", { name: "Recent activity" }).getByRole("listitem").first().waitFor();
    pages.push(await shown.locator("main").innerText());
    shown.done();
  }
  await ran(server, "past");
  await page.getByRole("row").filter({ hasText: "past" }).getByText("never again").waitFor();

  assert.deepEqual(next, ["never", "not scheduled", "never"]);
  assert.ok(pages.every((text) => !/again/.test(text)), pages.join("\n---\n"));
  page.done();
});

test("the head names the one of several engines that is not used, and why", async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/docket-page.`);
  t.after(() => rmSync(folder, { recursive: true }));
  const first = process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock";
  const socket = `${folder}/engine.sock`;
  const server = await serve(t, ["--engine", `web1=${first}`, "--engine", `web2=unix://${socket}`]);
  const page = await open(chromium, t, server);
  const lamp = page.locator(".head-lamp").last();

  await lamp.getByText("engine web2 away", { exact: true }).waitFor();
  const why = await lamp.getAttribute("title");
  // The engine under a second name.
  symlinkSync(first.slice("unix://".length), socket);
  await lamp.getByText("engine web2 refused", { exact: true }).waitFor();

  assert.match(why, /^web1: \d+\..*\nweb2: .*engine\.sock/);
  assert.match(await lamp.getAttribute("title"), /web2: it is the engine `web1` under a second name/);
  page.done();
});

test("the head says so if none of several engines answers", async (t) => {
  const server = await serve(t, ["--engine", "web1=unix:///no/web1.sock", "--engine", "web2=unix:///no/web2.sock"]);
  const page = await open(chromium, t, server);

  await page.locator(".head-lamp").getByText("all engines away", { exact: true }).waitFor();

  page.done();
});
