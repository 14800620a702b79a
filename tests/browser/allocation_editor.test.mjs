// Adding and changing allocations.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, serve, shell } from "./harness.mjs";

const chromium = browser();

test("an allocation is added by the form, with errors shown at their fields", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/new" });

  await page.getByLabel("Name").fill("made by form");
  await page.getByText("is not allowed in a name").waitFor();
  const invalid = await page.getByLabel("Name").getAttribute("aria-invalid");
  await page.getByLabel("Name").fill("formed");
  await page.getByLabel("Schedule").fill("30 2 28-29 3 *");
  await page.getByText("02:30 does not exist that day: runs at 03:00").first().waitFor();
  const preview = await page.getByRole("region", { name: "When it would run" }).innerText();
  await page.getByLabel("Labels").fill("team=finance");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "formed" }).waitFor();
  const stored = await server.get("/formed");

  assert.equal(invalid, "true");
  assert.match(preview, /Runs at 02:30 on the 28th and 29th of March/);
  assert.equal(stored.Cron, "30 2 28-29 3 *");
  assert.deepEqual(stored.Labels, { team: "finance" });
  assert.deepEqual(stored.Container.Config.Cmd, ["echo", "hello"]);
  page.done();
});

test("warnings are shown in the form and in the text, and stop no save", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/new" });

  await page.getByLabel("Name").fill("warned");
  await page.getByLabel("While an older run is in progress").selectOption("Forbid");
  const warning = page.locator(".field", { hasText: "While an older run is in progress" }).locator(".field-warning");
  await warning.filter({ hasText: "Timeout" }).waitFor();
  const invalid = await page.getByLabel("While an older run is in progress").getAttribute("aria-invalid");
  await page.getByRole("button", { name: "Text" }).click();
  await page.getByText("1 warning", { exact: true }).waitFor();
  const finding = await page.locator(".finding").innerText();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "warned" }).waitFor();

  assert.equal(invalid, null);
  assert.match(finding, /Overlap[\s\S]*Timeout/);
  page.done();
});

test("the form warns of a command line in one line and of a label without a value", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/new" });

  await page.getByLabel("Name").fill("words");
  await page.getByLabel("Command").fill("echo hello world");
  await page.getByText("write each word by itself, `Cmd: [echo, hello, world]`").waitFor();
  await page.getByLabel("Labels").fill("team");
  await page.getByText("`team` has no =: write key=value").waitFor();
  await page.getByLabel("Command").fill("echo\nhello world");
  await page.getByText("write each word by itself").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "words" }).waitFor();
  const stored = await server.get("/words");

  assert.deepEqual(stored.Container.Config.Cmd, ["echo", "hello world"]);
  assert.deepEqual(stored.Labels, { team: "" });
  page.done();
});

test("an allocation is added and changed as a text, with errors shown at their lines", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/new" });

  await page.getByRole("button", { name: "Text" }).click();
  const text = page.getByRole("textbox", { name: "Specification in YAML or JSON" });
  await text.fill('Name: texted\nCron: "61 9 * * *"\nContainer:\n  Config: {Imag: busybox}\n');
  await page.getByText("3 errors").waitFor();
  const findings = await page.locator(".finding").allInnerTexts();
  const lines = await page.locator(".editor-gutter .line-bad").allInnerTexts();
  await text.fill('Name: texted\nCron: "1 9 * * *"\nContainer:\n  Config: {Image: busybox}\n');
  await page.getByText("Runs at 09:01 every day").waitFor();
  await text.press("Control+Enter");
  await page.getByRole("heading", { level: 1, name: "texted", exact: true }).waitFor();
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByRole("heading", { level: 1, name: "Edit texted" }).waitFor();
  await page.getByText("Runs at 09:01 every day").waitFor();
  await text.fill((await text.inputValue()).replace("1 9", "2 9"));
  await page.getByText("Runs at 09:02 every day").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "texted", exact: true }).waitFor();
  const stored = await server.get("/texted");

  assert.deepEqual(lines, ["2", "4"]);
  assert.match(findings[0], /2:8[\s\S]*Cron[\s\S]*61 is out of range/);
  assert.match(findings.join(), /did you mean `Image`/);
  assert.equal(stored.Cron, "2 9 * * *");
  page.done();
});

test("the text of a specification is read back as what it was, whatever it holds", async (t) => {
  const server = await serve(t);
  const hostile = ["-c", "a: b", "a #b", "#x", "50s", "1e3", "true", "null", "~", "", "  x", "\u202e", "a\nb\n", "\n", "tab\tx", "'q'",
    'say "hi"', "back\\slash", `it's "both"`, "{a}", "[b", "*x", "&y", "!z", "%p", "@q", "|", "> x", "? x", "-", "---", "12:30", "<<",
    "\u0085x", "x\u2028y", "😀", "x\r\ny", "=", ".5", "0x1f"];
  await server.push(shell("odd", "true", { Labels: Object.fromEntries(hostile.map((text, index) => [`k${index}`, text])) }));
  const page = await open(chromium, t, server, { hash: "#/a/odd/edit" });

  await page.getByRole("button", { name: "Text" }).click();
  const text = page.getByRole("textbox", { name: /Specification/ });
  await text.fill((await text.inputValue()).replace("Name: odd", "Name: even"));
  await page.getByText("No errors").waitFor();
  await text.press("Control+Enter");
  await page.getByRole("heading", { level: 1, name: "even", exact: true }).waitFor();
  const stored = await server.get("/even");

  assert.deepEqual(Object.values(stored.Labels).sort(), [...hostile].sort());
  page.done();
});

test("a concurrent change is shown and not overwritten silently", async (t) => {
  const server = await serve(t);
  await server.push(shell("shared", "true", { Cron: "0 9 * * *" }));
  const page = await open(chromium, t, server, { hash: "#/a/shared/edit", forgive: [/412/] });

  await page.getByLabel("Description").fill("mine");
  await page.getByRole("heading", { name: "When it would run" }).waitFor();
  await server.push(shell("shared", "true", { Cron: "0 10 * * *" }));
  await page.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog", { name: /has changed since you opened it/ });
  await dialog.waitFor();
  const shown = await dialog.innerText();
  const unseen = await server.get("/shared");
  await dialog.getByRole("button", { name: "Keep my version" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "shared", exact: true }).waitFor();
  const stored = await server.get("/shared");

  assert.match(shown, /0 10 \* \* \*[\s\S]*0 9 \* \* \*/);
  assert.equal(unseen.Cron, "0 10 * * *");
  assert.deepEqual([stored.Cron, stored.Description], ["0 9 * * *", "mine"]);
  page.done();
});

test("the form has what most containers need, and a field that is emptied again leaves nothing behind", async (t) => {
  const server = await serve(t);
  const page = await open(chromium, t, server, { hash: "#/new" });
  const values = {
    Name: "formed", Jitter: "5m", "Starting deadline": "30m", User: "1000:1000", Mounts: "data:/data\n/srv:/srv:ro",
    Network: "none", Memory: "64",
  };

  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel("Pull", { exact: true }).selectOption("Missing");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "formed" }).waitFor();
  const created = await server.get("/formed");
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Memory", { exact: true }).waitFor();
  const memory = await page.getByLabel("Memory", { exact: true }).inputValue();
  for (const label of ["Mounts", "Network", "Memory", "Jitter"]) await page.getByLabel(label, { exact: true }).fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "formed", exact: true }).waitFor();
  const emptied = await server.get("/formed");

  const { Jitter, StartingDeadline, Pull, Container } = created;
  assert.deepEqual([Jitter, StartingDeadline, Pull, Container.Config.User], ["5m", "30m", "Missing", "1000:1000"]);
  assert.deepEqual(Container.HostConfig, { Binds: ["data:/data", "/srv:/srv:ro"], Memory: 64 * 2 ** 20, NetworkMode: "none" });
  assert.equal(memory, "64");
  assert.deepEqual([emptied.Container.HostConfig, emptied.Jitter], [undefined, undefined]);
  page.done();
});

test("a copy of an allocation is created under another name", async (t) => {
  const server = await serve(t);
  await server.push(shell("report", "echo sums", { Cron: "0 9 * * *", Labels: { team: "finance" } }));
  const page = await open(chromium, t, server, { hash: "#/a/report" });

  await page.getByRole("link", { name: "Copy" }).click();
  await page.getByRole("heading", { level: 1, name: "New allocation" }).waitFor();
  const name = page.getByLabel("Name", { exact: true });
  await name.waitFor();
  const proposed = await name.inputValue();
  await page.getByLabel("Schedule").fill("0 10 * * *");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "report-copy" }).waitFor();
  const [copy, original] = [await server.get("/report-copy"), await server.get("/report")];

  assert.equal(proposed, "report-copy");
  assert.deepEqual([copy.Cron, copy.Labels, copy.Container], ["0 10 * * *", { team: "finance" }, original.Container]);
  assert.equal(original.Cron, "0 9 * * *");
  page.done();
});
