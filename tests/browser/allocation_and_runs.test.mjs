// One allocation and its runs, on a real engine.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browser, ended, hide, open, ran, runNow, serve, shell } from "./harness.mjs";

const chromium = browser();

test("a manual run is followed line by line to its end, and its record has the reason of its failure", async (t) => {
  const server = await serve(t);
  await server.push(shell("work", 'echo "$WORD"; for i in 1 2 3; do echo "line $i"; sleep 1; done; exit 3'));
  const page = await open(chromium, t, server, { hash: "#/a/work" });

  await page.getByRole("button", { name: "Run now…" }).click();
  await page.getByLabel("Environment").fill("WORD=overridden");
  await page.getByRole("dialog").getByRole("button", { name: "Run" }).click();
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("overridden").waitFor();
  await output.getByText("line 3").waitFor();
  await page.getByText("failed", { exact: true }).waitFor();
  const record = await page.getByRole("region", { name: "Record" }).innerText();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "work" }).click();
  await page.getByRole("table", { name: "Runs, newest first" }).getByText("exit code 3").waitFor();

  assert.match(record, /manual/);
  assert.match(record, /WORD/);
  assert.doesNotMatch(record, /overridden/);
  page.done();
});

test("a run is cancelled and an allocation suspended, resumed and deleted, each asked back", async (t) => {
  const server = await serve(t);
  await server.push(shell("long", "trap 'exit 0' TERM; echo begun; sleep 600 & wait", { Cron: "0 0 1 1 *" }));
  const page = await open(chromium, t, server, { hash: "#/a/long" });

  await runNow(page);
  await page.getByRole("log", { name: "Output" }).getByText("begun").waitFor();
  await page.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("button", { name: "Cancel the run" }).click();
  await page.getByText("cancelled", { exact: true }).waitFor();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "long" }).click();
  await page.getByRole("button", { name: "Suspend…" }).click();
  await page.getByLabel("Reason").fill("the disk is full");
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  await page.getByText("the disk is full").first().waitFor();
  const suspended = await server.get("/long");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Suspend…" }).waitFor();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  const kept = await server.get("/");
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("No allocations yet").waitFor();

  assert.equal(suspended.Status.Suspended.Reason, "the disk is full");
  assert.equal(kept.length, 1);
  assert.deepEqual(await server.get("/"), []);
  page.done();
});

test("an output is followed on through a restart of the server, to its end", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "docket-page-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const server = await serve(t, ["--store", `sqlite:${join(folder, "docket.db")}`]);
  // It ends on request, so that the restart happens in between.
  await server.push(shell("long", "echo begun; until [ -e /tmp/end ]; do sleep 0.1; done; echo ended"));
  const page = await open(chromium, t, server, { hash: "#/a/long", forgive: [/Failed to load resource/] });

  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("begun", { exact: true }).waitFor();
  await server.stop();
  await page.getByText("The server does not answer").waitFor();
  await server.start();
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  server.exec("long", "touch", "/tmp/end");
  await output.getByText("ended", { exact: true }).waitFor();
  await page.getByText("succeeded", { exact: true }).waitFor();
  const lines = await output.locator(".terminal-line").allTextContents();

  assert.deepEqual(lines, ["begun", "ended"]);
  page.done();
});

test("the output is not followed while the page is hidden, and nothing of it is lost", async (t) => {
  const server = await serve(t);
  await server.push(shell("long", "echo begun; until [ -e /tmp/more ]; do sleep 0.1; done; echo more; until [ -e /tmp/end ]; do sleep 0.1; done; echo ended"));
  const page = await open(chromium, t, server, { hash: "#/a/long" });

  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("begun", { exact: true }).waitFor();
  const left = page.waitForEvent("requestfailed", (request) => request.url().includes("follow=true"));
  await hide(page, true);
  await left;
  server.exec("long", "touch", "/tmp/more");
  await hide(page, false);
  await output.getByText("more", { exact: true }).waitFor();
  server.exec("long", "touch", "/tmp/end");
  await page.getByText("succeeded", { exact: true }).waitFor();
  await output.getByText("ended", { exact: true }).waitFor();
  const lines = await output.locator(".terminal-line").allTextContents();

  assert.deepEqual(lines, ["begun", "more", "ended"]);
  page.done();
});

test("an output that waits while the page is hidden keeps one listener", async (t) => {
  const server = await serve(t);
  await server.push(shell("long", "echo begun; until [ -e /tmp/end ]; do sleep 0.1; done"));
  const page = await open(chromium, t, server, { hash: "#/a/long" });
  await runNow(page);
  await page.getByRole("log", { name: "Output" }).getByText("begun", { exact: true }).waitFor();
  const removedAtFourth = page.evaluate(() => new Promise((resolve) => {
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    let [added, removed] = [0, 0];
    AbortSignal.prototype.addEventListener = function (...values) {
      addEventListener.apply(this, values);
      added += 1;
      if (added === 4) resolve(removed);
    };
    AbortSignal.prototype.removeEventListener = function (...values) {
      removeEventListener.apply(this, values);
      removed += 1;
    };
  }));

  await hide(page, true);
  const removed = await removedAtFourth;
  server.exec("long", "touch", "/tmp/end");

  // Those of the three pauses before, and the one of the stream that was followed.
  assert.equal(removed, 4);
  page.done();
});

test("the keyboard alone runs, cancels, suspends and deletes", async (t) => {
  const server = await serve(t);
  await server.push(shell("keys", "trap 'exit 0' TERM; sleep 600 & wait", { Cron: "0 9 * * *" }));
  const page = await open(chromium, t, server, { hash: "#/a/keys", forgive: [/404/] });
  const press = async (name, confirmed) => {
    const button = page.getByRole("button", { name, exact: true });
    await button.waitFor();
    for (let count = 0; count < 60; count += 1) {
      if (await button.evaluate((node) => node === document.activeElement)) break;
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    if (confirmed === undefined) return;
    await page.getByRole("dialog").waitFor();
    await press(confirmed);
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };

  await page.getByRole("heading", { level: 1, name: "keys" }).waitFor();
  await press("Run now…", "Run");
  await press("Cancel…", "Cancel the run");
  await page.getByText("cancelled", { exact: true }).first().waitFor();
  await page.goBack();
  await press("Suspend…", "Suspend");
  await press("Resume");
  await page.getByRole("button", { name: "Suspend…" }).waitFor();
  await press("Delete…", "Delete");
  await page.getByText("No allocations yet").waitFor();

  assert.deepEqual(await server.get("/"), []);
  page.done();
});

test("hostile text in a specification and in output is shown and does nothing", async (t) => {
  const server = await serve(t);
  const markup = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  const line = `printf '<b id=evil>x</b> \\033]0;title\\007\\033[2J\\033[31mred\\033[0m \\342\\200\\256turned\\n'; ` +
    "head -c 1048576 /dev/zero | tr '\\000' x; echo; seq 1 5000; echo last";
  await server.push(shell("hostile", line, { Description: `${markup}\u202eturned\u001b[2J`, Labels: { owner: markup, note: "\u202ex" } }));
  const page = await open(chromium, t, server);
  await page.getByRole("link", { name: "hostile" }).waitFor();
  const listed = await page.getByRole("row").last().innerText();

  await page.getByRole("link", { name: "hostile" }).click();
  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("last", { exact: true }).waitFor();
  await page.getByText("succeeded", { exact: true }).waitFor();
  const { lines, made, red } = await page.evaluate(() => ({
    lines: document.querySelectorAll(".terminal-line").length,
    made: document.querySelectorAll("#evil, main img, main script").length,
    red: document.querySelector(".terminal").textContent.includes("\u001b"),
  }));

  assert.ok(listed.includes("<img src=x onerror=alert(1)>"), listed);
  assert.ok(!/[\u001b\u202e]/.test(listed), JSON.stringify(listed));
  assert.ok(lines <= 2001, `${lines} lines`);
  assert.deepEqual([made, red], [0, false]);
  page.done();
});

test("colours of output become classes, and a line of a mebibyte is cut with a word", async (t) => {
  const server = await serve(t);
  const line = "printf '\\033[1;32mgreen\\033[0m plain\\n'; head -c 1048576 /dev/zero | tr '\\000' x; echo; echo end";
  await server.push(shell("colours", line, { Keep: { Output: "4MiB" } }));
  const page = await open(chromium, t, server, { hash: "#/a/colours" });

  await runNow(page);
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("end", { exact: true }).waitFor();
  const classes = await output.getByText("green").getAttribute("class");
  const cut = await output.locator(".cut").innerText();
  const length = await output.evaluate((node) => node.textContent.length);

  assert.equal(classes, "a-bold a-fg-2");
  assert.match(cut, /1,044,480 characters more in this line/);
  assert.ok(length < 5000, `${length}`);
  page.done();
});

test("the parts of a run are listed with their hosts, and the output of each is shown", async (t) => {
  const server = await serve(t);
  await server.push(shell("work", "true"));
  const record = await ran(server, "work");
  const [attempt] = record.Attempts;
  const parts = [
    { Part: 1, EngineName: "web1", State: "succeeded" },
    { Part: 2, EngineName: "swarm", Node: "node-4", State: "failed", Reason: "exit code 3" },
  ];
  const attempts = [[1, 1, 0], [2, 1, 1], [2, 2, 3]].map(([Part, Attempt, ExitCode]) => ({ ...attempt, Part, Attempt, ExitCode }));
  const answer = { ...record, State: "failed", Parts: parts, Attempts: attempts };
  const page = await open(chromium, t, server, {
    hash: `#/a/work/${record.Run}`,
    prepare: async (page) => {
      await page.route(({ pathname }) => pathname === `/work/runs/${record.Run}`, (route) => route.fulfill({ json: answer }));
      await page.route(({ pathname }) => pathname.endsWith("/output"), (route) => {
        const asked = new URL(route.request().url()).searchParams;
        return route.fulfill({ body: `part ${asked.get("part")}, attempt ${asked.get("attempt")}` });
      });
    },
  });

  const table = page.getByRole("table", { name: "Parts" });
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("part 1, attempt 1").waitFor();
  const rows = await table.getByRole("row").allInnerTexts();
  await table.getByRole("button", { name: "Output of part 2" }).click();
  await output.getByText("part 2, attempt 2").waitFor();
  await page.getByRole("heading", { name: "Output of part 2" }).waitFor();
  await page.getByRole("group", { name: "Attempt" }).getByRole("button", { name: "Part 2, attempt 1" }).click();
  await output.getByText("part 2, attempt 1").waitFor();

  const words = rows.slice(1).map((row) => row.split(/\s+/).join(" "));
  assert.deepEqual(words, ["1 web1 succeeded 0 Output", "2 swarm, node-4 failed exit code 3 3 Output"]);
  page.done();
});

test("parents and children have links to each other, and so have their runs", async (t) => {
  const server = await serve(t);
  await server.push(shell("import", "true"), shell("report", "true", { Cron: undefined, After: "import" }));
  const { Run: run } = await ran(server, "import");
  await ended(server, "report", run);
  const page = await open(chromium, t, server, { hash: "#/a/import" });
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();

  await page.getByText("Starts report when it succeeds").getByRole("link", { name: "report" }).click();
  await heading("report");
  await page.getByText("Runs after import").getByRole("link", { name: "import" }).click();
  await heading("import");
  await page.getByRole("table", { name: "Runs, newest first" }).getByRole("link").click();
  const record = page.getByRole("region", { name: "Record" });
  await record.getByRole("link", { name: "report" }).click();
  await page.getByRole("heading", { level: 1, name: /^report/ }).waitFor();
  await record.getByRole("link", { name: "import" }).click();
  await page.getByRole("heading", { level: 1, name: /^import/ }).waitFor();

  assert.ok(page.url().endsWith(`#/a/import/${run}`), page.url());
  page.done();
});

test("a key and a button ask before an allocation runs", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "true"));
  const record = await ran(server, "report");
  const page = await open(chromium, t, server, { hash: "#/a/report" });
  const dialog = page.getByRole("dialog", { name: "Run report now?" });
  const cancel = async () => {
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
  };

  await page.getByRole("button", { name: "Run now…" }).click();
  await cancel();
  await page.keyboard.press("r");
  await cancel();
  await page.goto(`${server.url}/#/a/report/${record.Run}`);
  await page.getByRole("button", { name: "Run again…" }).click();
  await cancel();

  assert.equal((await server.get("/report/runs")).Runs.length, 1);
  page.done();
});
