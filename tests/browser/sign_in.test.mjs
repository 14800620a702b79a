// A guarded server: signing in and out.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browser, open, serve } from "./harness.mjs";

const chromium = browser();
const TOKEN = "a-token-that-is-long-enough";

async function guarded(t) {
  const folder = mkdtempSync(join(tmpdir(), "docket-page-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "token"), TOKEN, { mode: 0o600 });
  return serve(t, ["--token-file", join(folder, "token")]);
}

test("a guarded server shows nothing but the question for its token", async (t) => {
  const server = await guarded(t);

  const page = await open(chromium, t, server, { forgive: [/401/] });
  await page.getByRole("dialog", { name: "Sign in to docket" }).waitFor();
  const focused = await page.evaluate(() => document.activeElement.id);

  assert.equal(focused, "token");
  page.done();
});

test("a token is asked for once, outlives the page, and is given back by signing out", async (t) => {
  const server = await guarded(t);
  const page = await open(chromium, t, server, { forgive: [/401/] });
  const dialog = page.getByRole("dialog", { name: "Sign in to docket" });

  await page.getByLabel("Token").fill("not-the-token-of-this-server");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This is not the server's token.").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("No allocations yet").waitFor();
  const readable = await page.evaluate(() => document.cookie + JSON.stringify(localStorage));
  await page.reload();
  await page.getByText("No allocations yet").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await dialog.waitFor();

  assert.ok(!readable.includes(TOKEN), readable);
  page.done();
});
