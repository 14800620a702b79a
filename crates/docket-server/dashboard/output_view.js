// The output of a container, followed while it runs. The page keeps only the newest lines and says what
// it omits; a link leads to the whole text.

import { address, get, send } from "./api_client.js";
import { classes, terminal } from "./terminal_colours.js";
import { append, el, fill, say } from "./dom_elements.js";
import { bytes, counted } from "./format_times.js";

/** The maximum number of lines on the page. */
// More would make each drawing of a followed output slow.
const LINES = 2000;
/** How much of the end of a stored output is requested, in bytes. */
const TAIL = 512 * 1024;
/** How long to wait before the next attempt to follow, in milliseconds. */
const PAUSE = 1500;

/** Makes the viewer: `{node, show(run, attempt), end}`. */
export function output(name) {
  const lines = el("div.terminal", { role: "log", "aria-label": "Output", "aria-live": "off", tabindex: "0" });
  const message = el("p.output-summary.muted");
  const whole = el("a", { target: "_blank", rel: "noopener" }, "Raw output");
  const follow = el("input", { type: "checkbox", id: "follow", ".checked": true });
  const follows = el("span.field-check", null, follow, el("label", { for: "follow" }, "Follow"));
  const node = el("div.output", null, el("div.output-head", null, message, follows, whole), lines);
  let reading = null;
  let seen = null;

  return { node, show, end: stop };

  /** Shows the output of an attempt, or of all attempts at its part to come where that is under way. */
  function show(run, attempt, isLive) {
    const followed = `${run.Run}/live/${attempt?.Part ?? ""}`;
    const key = isLive ? followed : `${run.Run}/${attempt && query(attempt)}`;
    // Called at each change of the record: the same output is not requested again.
    if (seen === key && !reading?.failed) return;
    // What is followed goes on to its end by itself, and then stands there already.
    const wasLive = seen === followed;
    seen = key;
    const url = address(name, "runs", run.Run, "output");
    whole.href = attempt ? `${url}?${query(attempt)}` : url;
    follows.hidden = !isLive;
    if (wasLive && run.Ended && reading && !reading.failed) return;
    stop();
    lines.replaceChildren();
    if (isLive) reading = begin((signal) => live(run.Run, url, attempt?.Part, signal));
    else if (attempt) reading = begin((signal) => kept(url, attempt, signal));
    else say(message, "There is no output: no container was started.");
  }

  function stop() {
    reading?.abort();
    reading = null;
  }

  function begin(read) {
    const controller = new AbortController();
    const state = { failed: false, abort: () => controller.abort() };
    read(controller.signal).catch((error) => {
      if (error.name === "AbortError") return;
      state.failed = true;
      say(message, `The output cannot be shown: ${error.message}`);
    });
    return state;
  }

  async function kept(url, attempt, signal) {
    const size = attempt.OutputBytes ?? 0;
    const skip = Math.max(0, size - TAIL);
    const omitted = attempt.OutputOmitted ?? 0;
    // A stored output is read from its beginning.
    const sheet = paper(lines, () => false);
    const cut = () => [
      skip > 0 && `the first ${bytes(skip)} are not shown here`,
      omitted > 0 && `${bytes(omitted)} were not kept`,
    ];
    const answer = await send("GET", `${url}?${query(attempt)}&skip=${skip}`, { signal });
    // A piece may end within a character, which the decoder keeps for the next one.
    const decoder = new TextDecoder();
    let taken = skip;
    for await (const piece of pieces(answer.body.getReader())) {
      taken += piece.length;
      sheet.write(decoder.decode(piece, { stream: true }));
      tell(taken, "", sheet, cut());
    }
    sheet.write(decoder.decode());
    tell(taken, taken === 0 ? ", it wrote nothing" : "", sheet, cut());
  }

  async function live(id, url, part, signal) {
    const ofPart = part === undefined ? "" : `&part=${part}`;
    const sheet = paper(lines, () => follow.checked);
    let taken = 0;
    const take = (text, end) => {
      taken = end;
      sheet.write(text);
      tell(taken, " so far", sheet);
    };
    for (;;) {
      await untilVisible(signal);
      // After a break it continues with the byte after the last one.
      if (await stream(`${url}?follow=true${ofPart}&skip=${taken}`, take, signal)) break;
      // A refusal has a reason to show; after a temporary failure the loop tries again.
      if (!document.hidden) await get(address(name, "runs", id), { signal }).catch(unlessAway);
      await pause(signal);
    }
    tell(taken, taken === 0 ? ", it wrote nothing" : "", sheet);
  }

  function tell(taken, more, sheet, cut = []) {
    const dropped = sheet.dropped() > 0 && `${counted(sheet.dropped(), "older line")} not shown here`;
    say(message, [`${bytes(taken)}${more}`, ...cut, dropped].filter(Boolean).join(" · "));
  }
}

// Names an attempt in a request for its output.
function query({ Part: part, Attempt: number }) {
  return part === undefined ? `attempt=${number}` : `part=${part}&attempt=${number}`;
}

async function* pieces(reader) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

// Follows an output; true at its end, false if the server refuses or the page is hidden: a browser has
// six connections to a server. The browser repairs a broken connection by itself.
function stream(url, take, signal) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(url);
    const leave = (settle, value) => {
      source.close();
      signal.removeEventListener("abort", abort);
      document.removeEventListener("visibilitychange", look);
      settle(value);
    };
    const abort = () => leave(reject, new DOMException("left", "AbortError"));
    const look = () => document.hidden && leave(resolve, false);
    signal.addEventListener("abort", abort);
    document.addEventListener("visibilitychange", look);
    source.onmessage = ({ data, lastEventId }) => take(JSON.parse(data), Number(lastEventId));
    source.addEventListener("end", () => leave(resolve, true));
    source.onerror = () => source.readyState === EventSource.CLOSED && leave(resolve, false);
  });
}

function unlessAway(error) {
  if (error.status !== 0) throw error;
}

async function untilVisible(signal) {
  while (document.hidden) await pause(signal);
}

function pause(signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    };
    const timer = setTimeout(() => {
      // An output is followed with one signal through any number of pauses.
      signal.removeEventListener("abort", abort);
      resolve();
    }, PAUSE);
    signal.addEventListener("abort", abort, { once: true });
  });
}

// Puts what a terminal would show on the page, once a frame, and takes the oldest lines away beyond
// the bound.
function paper(place, isFollowing) {
  const screen = terminal();
  let waiting = [];
  let open = null;
  let openNode = null;
  let dropped = 0;
  let frame = null;
  return { write, dropped: () => dropped };

  function write(text) {
    for (const line of screen.take(text)) waiting.push(line);
    open = screen.line();
    // A fast output writes more lines between two frames than are ever shown.
    if (waiting.length > LINES) {
      dropped += waiting.length - LINES;
      waiting = waiting.slice(-LINES);
    }
    frame ??= requestAnimationFrame(draw);
    // A hidden page has no frames, and still must not grow.
    if (document.hidden) draw();
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = null;
    openNode?.remove();
    const fragment = document.createDocumentFragment();
    for (const line of waiting) fragment.append(drawn(line));
    waiting = [];
    openNode = open?.length ? drawn(open) : null;
    if (openNode) fragment.append(openNode);
    place.append(fragment);
    const many = place.childElementCount - LINES;
    for (let count = 0; count < many; count += 1) place.firstChild.remove();
    dropped += Math.max(0, many);
    if (isFollowing()) place.scrollTop = place.scrollHeight;
  }
}

// Each line is shut off from the direction of writing of the others.
function drawn(line) {
  const node = el("div.terminal-line");
  append(node, line.parts.map(({ text, style }) => {
    const names = classes(style);
    return names ? el("span", { class: names }, text) : text;
  }));
  if (line.leftOut > 0) append(node, [el("span.cut", null, ` … ${counted(line.leftOut, "character")} more in this line`)]);
  // An empty line would have no height.
  if (!node.firstChild) fill(node, "\u200b");
  return node;
}

