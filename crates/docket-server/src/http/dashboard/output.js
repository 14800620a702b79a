// What a container wrote, followed while it runs. However much that is, the page keeps only the
// newest lines and says what it leaves out; the whole text is a link away.

import { address, get, send } from "./api.js";
import { classes, terminal } from "./ansi.js";
import { append, el, fill, say } from "./dom.js";
import { bytes, counted } from "./words.js";

/** So many lines are on the page. */
const LINES = 2000;
/** So much of the end of a kept output is asked for, in bytes. */
const TAIL = 512 * 1024;
/** How long to wait before following again, in milliseconds. */
const PAUSE = 1500;

/** Makes the viewer: `{node, show(run, attempt), end}`. */
export function output(name) {
  const lines = el("div.terminal", { role: "log", "aria-label": "Output", "aria-live": "off", tabindex: "0" });
  const told = el("p.output-told.muted");
  const whole = el("a", { target: "_blank", rel: "noopener" }, "Whole text");
  const follow = el("input", { type: "checkbox", id: "follow", ".checked": true });
  const followed = el("span.field-check", null, follow, el("label", { for: "follow" }, "Keep the newest line in view"));
  const node = el("div.output", null, el("div.output-head", null, told, followed, whole), lines);
  let reading = null;
  let seen = null;

  return { node, show, end: stop };

  /** Shows the output of an attempt, or of all attempts to come where the run is under way. */
  function show(run, attempt, isLive) {
    const key = `${run.Run}/${isLive ? "live" : attempt?.Attempt}`;
    if (seen === key && !reading?.failed) return;
    // What is followed goes on to its end by itself, and then stands there already.
    const wasLive = seen === `${run.Run}/live`;
    seen = key;
    const url = address(name, "runs", run.Run, "output");
    whole.href = attempt ? `${url}?attempt=${attempt.Attempt}` : url;
    followed.hidden = !isLive;
    if (wasLive && run.Ended && reading && !reading.failed) return;
    stop();
    lines.replaceChildren();
    const isOver = async (signal) => Boolean((await get(address(name, "runs", run.Run), { signal })).Ended);
    reading = isLive ? begin(`${url}?follow=true`, 0, isOver) : kept(url, attempt);
  }

  function kept(url, attempt) {
    if (!attempt) return tell("There is no output: nothing was started.");
    const size = attempt.OutputBytes ?? 0;
    const skip = Math.max(0, size - TAIL);
    return begin(`${url}?attempt=${attempt.Attempt}`, skip, null, attempt.OutputOmitted ?? 0);
  }

  function tell(text) {
    say(told, text);
    return null;
  }

  function stop() {
    reading?.abort();
    reading = null;
  }

  // With a way to ask whether the run is over it is followed until then.
  function begin(url, skip, isOver, omitted = 0) {
    const controller = new AbortController();
    const state = { failed: false, abort: () => controller.abort() };
    read(url, skip, isOver, omitted, controller.signal).catch((error) => {
      if (error.name === "AbortError") return;
      state.failed = true;
      tell(`The output cannot be shown: ${error.message}`);
    });
    return state;
  }

  async function read(url, skip, isOver, omitted, signal) {
    const isLive = isOver !== null;
    const screen = terminal();
    const sheet = paper(lines, () => isLive && follow.checked);
    const decoder = new TextDecoder();
    let taken = skip;
    const status = (more) => {
      const cut = [
        skip > 0 && `the first ${bytes(skip)} are not shown here`,
        omitted > 0 && `${bytes(omitted)} in the middle were not kept`,
        sheet.dropped() > 0 && `${counted(sheet.dropped(), "older line")} not shown here`,
      ].filter(Boolean);
      say(told, [`${bytes(taken)}${more}`, ...cut].join(" · "));
    };
    for (;;) {
      if (isLive) await lookedAt(signal);
      const watched = isLive ? whileLookedAt(signal) : { signal, end() {} };
      try {
        const answer = await send("GET", `${url}${url.includes("?") ? "&" : "?"}skip=${taken}`, { signal: watched.signal });
        await drain(answer.body.getReader());
        // A server that stops ends the answer too, and the run goes on.
        if (!isLive || (await isOver(watched.signal))) break;
      } catch (error) {
        if (signal.aborted || error.status || !isLive) throw error;
        // The connection broke, or nobody looks; what was read stays, and the rest follows.
      } finally {
        watched.end();
      }
      await pause(signal);
    }
    sheet.write(screen.take(decoder.decode()), screen.line());
    status(taken === 0 ? ", it wrote nothing" : "");

    async function drain(reader) {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        taken += value.length;
        sheet.write(screen.take(decoder.decode(value, { stream: true })), screen.line());
        status(isLive ? " so far" : "");
      }
    }
  }
}

// Aborted while nobody looks at the page too: a browser has six connections to a server.
function whileLookedAt(signal) {
  const controller = new AbortController();
  const look = () => {
    if (signal.aborted || document.hidden) controller.abort();
  };
  signal.addEventListener("abort", look);
  document.addEventListener("visibilitychange", look);
  return {
    signal: controller.signal,
    end() {
      signal.removeEventListener("abort", look);
      document.removeEventListener("visibilitychange", look);
    },
  };
}

async function lookedAt(signal) {
  while (document.hidden) await pause(signal);
}

function pause(signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, PAUSE);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    }, { once: true });
  });
}

// Puts lines on the page, once a frame, and takes the oldest away beyond the bound.
function paper(place, isFollowing) {
  let waiting = [];
  let open = null;
  let openNode = null;
  let dropped = 0;
  let frame = null;
  return { write, dropped: () => dropped };

  function write(done, line) {
    for (const each of done) waiting.push(each);
    open = line;
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
  if (!node.firstChild) fill(node, "\u200b");
  return node;
}

