// What each test has for itself: a server with a namespace of its own, and a page that watches what
// it asks for and what it says to its console.

import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { after, before } from "node:test";
import { launch } from "./find_chromium.mjs";

/** How long anything may take that is waited for, in milliseconds. */
export const TIMEOUT = 60_000;

/** How much of the server's log and of the page's is printed when a test fails, in lines. */
const PRINTED = 60;

const program = process.env.DOCKET_PROGRAM ?? new URL("../../target/debug/docket", import.meta.url).pathname;
let number = 0;

/** One browser for a file of tests. */
export function browser() {
  const held = {};
  before(async () => {
    held.browser = await launch();
  });
  after(() => held.browser?.close());
  return held;
}

const endings = new WeakMap();

// What is set up last ends first, so that a page is still connected when its state is printed.
function atEnd(test, work) {
  if (!endings.has(test)) {
    endings.set(test, []);
    test.after(async () => {
      for (const ending of endings.get(test).reverse()) await ending();
    });
  }
  endings.get(test).push(work);
}

/** Prints lines when a test fails, so that the log of CI alone tells what happened. */
function explain(test, title, lines) {
  if (test.passed) return;
  console.error([`${test.name}: ${title}`, ...lines.slice(-PRINTED)].join("\n  "));
}

/** Starts a server; it and its containers go when the test ends. */
export async function serve(test, more = [], listen = "127.0.0.1:0") {
  number += 1;
  const namespace = `page-${process.pid}-${number}`.slice(-20).replace(/^-/, "");
  const server = { namespace, url: null, process: null, log: "", start, stop, push, get, post, exec };
  atEnd(test, async () => {
    await stop();
    explain(test, "the log of the server", server.log.split("\n"));
    const ids = docker("ps", "--all", "--quiet", "--filter", `label=io.docket.namespace=${namespace}`);
    for (const id of ids.split("\n").filter(Boolean)) remove(id);
  });
  await start(listen);
  return server;

  async function start(at = new URL(server.url).host) {
    const options = ["server", "--listen", at, "--namespace", namespace, "--time-zone", "Europe/Berlin", ...more];
    server.process = spawn(program, options, { stdio: ["ignore", "ignore", "pipe"] });
    server.url = await announced(server);
  }

  async function stop() {
    if (server.process.exitCode !== null || server.process.signalCode !== null) return;
    server.process.kill("SIGTERM");
    await once(server.process, "exit");
  }

  async function push(...specifications) {
    const answer = await post("/", specifications);
    assert.equal(answer.status, 200, await answer.text());
  }

  async function get(path) {
    return (await fetch(server.url + path)).json();
  }

  function post(path, body = {}) {
    return fetch(server.url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }

  // Runs a command in the one container of an allocation.
  function exec(name, ...words) {
    const labels = [`namespace=${namespace}`, `allocation=${name}`].flatMap((label) => ["--filter", `label=io.docket.${label}`]);
    docker("exec", docker("ps", "--quiet", ...labels), ...words);
  }
}

function announced(server) {
  const start = server.log.length;
  return new Promise((resolve, reject) => {
    server.process.stderr.on("data", (piece) => {
      server.log += piece;
      const found = /listening on (http:\S+)/.exec(server.log.slice(start));
      if (found) resolve(found[1]);
    });
    server.process.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${server.log}`)));
  });
}

// The engine may be removing it already, as the server asked for.
function remove(id) {
  try {
    docker("rm", "--force", "--volumes", id);
  } catch (error) {
    if (!/No such container|already in progress/.test(error.stderr)) throw error;
  }
}

function docker(...words) {
  return execFileSync("docker", words, { encoding: "utf8" }).trim();
}

/** A specification of a container that runs a line of shell. */
export function shell(name, line, more = {}) {
  const container = { Config: { Image: "busybox", Cmd: ["sh", "-c", line] }, HostConfig: { NetworkMode: "none" } };
  return { Name: name, Cron: "", Pull: "Missing", Container: container, ...more };
}

// Chromium drops what it is loading when a network interface of the host comes or goes, as when the engine
// starts or a container gets a network. The page then loads itself again (`reload_on_missing_file.js`).
const NETWORK_CHANGED = /net::ERR_NETWORK_CHANGED/;

/** Opens the page, and watches it: `watched.done()` fails on what should not have been. `prepare` gets the page
 * before it loads anything. */
export async function open({ browser }, test, server, { hash = "#/", width = 1600, height = 1000, scheme = "light", zone = "Europe/Berlin", forgive = [], prepare = () => {} } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: zone, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  const wrong = [];
  const logged = [];
  atEnd(test, async () => {
    if (!test.passed) await explainPage(test, page, logged);
    await context.close();
  });
  page.on("pageerror", (error) => {
    wrong.push(`error: ${error.message}`);
    logged.push(`error: ${error.stack}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    const text = `${message.type()}: ${message.text()} ${message.location().url}`;
    logged.push(text);
    if (message.type() === "error" && !NETWORK_CHANGED.test(text) && !forgive.some((known) => known.test(text))) wrong.push(text);
  });
  page.on("response", (response) => logged.push(`${response.request().method()} ${response.url()}: ${response.status()}`));
  page.on("requestfailed", (request) => logged.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== server.url) wrong.push(`asked ${url.href}`);
  });
  await prepare(page);
  await page.goto(`${server.url}/${hash}`);
  page.done = () => assert.deepEqual(wrong, []);
  return page;
}

async function explainPage(test, page, logged) {
  const { focus, text } = await page.evaluate(() => ({ focus: document.activeElement?.outerHTML.slice(0, 200), text: document.body.innerText }))
    .catch((error) => ({ focus: "unknown", text: error.message }));
  explain(test, "what the page logged and requested", logged.filter((line) => !/\/-\/page\/\S*: 200$/.test(line)));
  explain(test, `the text of the page at ${page.url()}, with the focus in ${focus}`, text.split("\n").filter(Boolean));
}

/** Runs the shown allocation, by its button and the dialog that asks. */
export async function runNow(page) {
  await page.getByRole("button", { name: "Run now…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
}

/** Waits until a run has ended; returns its record. */
export async function ended(server, name, run) {
  for (;;) {
    const record = await server.get(`/${name}/runs/${run}`);
    if (record.Ended) return record;
    await new Promise((wait) => setTimeout(wait, 100));
  }
}

/** Runs an allocation manually to its end; returns the record. */
export async function ran(server, name) {
  const { Run: run } = await (await server.post(`/${name}/runs`)).json();
  return ended(server, name, run);
}

/** The words on the page that are on more than one line, except long ones of users. */
export function brokenWords(page) {
  return page.evaluate(() => {
    const broken = [];
    const range = document.createRange();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest("pre, code, .terminal, .visually-hidden")) continue;
      const isForeign = node.parentElement.closest("bdi") !== null;
      for (const word of node.data.matchAll(/[\p{L}\p{N}]+/gu)) {
        const before = /\S*$/.exec(node.data.slice(0, word.index))[0];
        const whole = before + /^\S*/.exec(node.data.slice(word.index))[0];
        if (isForeign && whole.length > 16) continue;
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].filter(({ width }) => width > 0).map(({ top }) => Math.round(top)));
        if (lines.size > 1) broken.push(word[0]);
      }
    }
    return broken;
  });
}

/** Has the page take itself for hidden, or for seen again. */
export function hide(page, hidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
