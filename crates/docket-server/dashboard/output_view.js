// The output of a container, followed while it runs. The page keeps only the newest lines and says what
// it omits; a link leads to the whole text.

import { address, get, send } from "./api_client.js";
import { el, say } from "./dom_elements.js";
import { bytes, counted } from "./format_times.js";
import { search } from "./output_search.js";
import { LINES, sheet } from "./output_sheet.js";

/** The streams to choose from, and what they are called. */
const STREAMS = [["", "Both"], ["stdout", "stdout"], ["stderr", "stderr"]];
/** How much of the end of a stored output is requested, in bytes. */
const TAIL = 512 * 1024;
/** How long to wait before the next attempt to follow, in milliseconds. */
const PAUSE = 1500;

/** Makes the viewer: `{node, show(run, attempt, isLive), find, end}`. */
export function output(name) {
  const lines = el("div.terminal", { role: "log", "aria-label": "Output", "aria-live": "off", tabindex: "0" });
  const message = el("p.output-summary.muted");
  const whole = el("a", { target: "_blank", rel: "noopener" }, "Raw output");
  const follow = el("input", { type: "checkbox", id: "follow", ".checked": true });
  const follows = el("span.field-check", null, follow, el("label", { for: "follow" }, "Follow"));
  const streams = el("div.segments", { role: "group", "aria-label": "Stream" });
  const times = el("input", { type: "checkbox", id: "times", onchange: again });
  const timesLabel = el("label", { for: "times" }, "Times");
  // A match that was gone to stays in view, whatever is added behind it.
  const matches = search(lines, () => { follow.checked = false; });
  const node = el("div.output", null,
    el("div.output-head", null, message, streams, el("span.field-check", null, times, timesLabel), follows, whole),
    matches.node, lines);
  let reading = null;
  let seen = null;
  let stream = "";
  // What was shown last.
  let shown = null;
  for (const [value, words] of STREAMS) {
    streams.append(el("button.segment", { type: "button", value, "aria-pressed": String(value === stream), onclick: choose }, words));
  }

  return { node, show, find: matches.focus, end };

  function end() {
    stop();
    matches.end();
  }

  function choose({ currentTarget: chosen }) {
    stream = chosen.value;
    for (const button of streams.children) button.setAttribute("aria-pressed", String(button === chosen));
    again();
  }

  // Requests what is shown anew, by the choices of now.
  function again() {
    if (shown) show(...shown);
  }

  // The choices in a request; none for the output as it was written.
  function choices() {
    return `${stream && `&stream=${stream}`}${times.checked ? "&timestamps=true" : ""}`;
  }

  /** Shows the output of an attempt, or of all attempts at its part to come where that is under way. */
  function show(run, attempt, isLive) {
    shown = [run, attempt, isLive];
    const followed = `${run.Run}/live/${attempt?.Part ?? ""}${choices()}`;
    const key = isLive ? followed : `${run.Run}/${attempt && query(attempt)}${choices()}`;
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
    matches.restart();
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
    const picked = choices();
    // Positions are those of the whole output, so what is picked from it is limited by its lines.
    const skip = picked ? 0 : Math.max(0, size - TAIL);
    const omitted = attempt.OutputOmitted ?? 0;
    // A stored output is read from its beginning.
    const paper = sheetOf(signal, () => false);
    const cut = () => [
      skip > 0 && `the first ${bytes(skip)} are not shown here`,
      omitted > 0 && `${bytes(omitted)} were not kept`,
      picked && paper.isFull() && `only the last ${counted(LINES, "line")} are shown`,
    ];
    const range = picked ? `&tail=${LINES}${picked}` : `&skip=${skip}`;
    const answer = await send("GET", `${url}?${query(attempt)}${range}`, { signal });
    // A piece may end within a character, which the decoder keeps for the next one.
    const decoder = new TextDecoder();
    let taken = skip;
    for await (const piece of pieces(answer.body.getReader())) {
      taken += piece.length;
      paper.write(decoder.decode(piece, { stream: true }));
      tell(picked ? size : taken, "", paper, cut());
    }
    paper.write(decoder.decode());
    tell(picked ? size : taken, wroteNothing(paper), paper, cut());
  }

  async function live(id, url, part, signal) {
    const ofPart = part === undefined ? "" : `&part=${part}`;
    const picked = choices();
    const paper = sheetOf(signal, () => follow.checked);
    let taken = 0;
    const take = (text, end) => {
      taken = end;
      paper.write(text);
      tell(taken, " so far", paper);
    };
    for (;;) {
      await untilVisible(signal);
      // After a break it continues with the byte after the last one.
      if (await streamed(`${url}?follow=true${ofPart}&skip=${taken}${picked}`, take, signal)) break;
      // A refusal has a reason to show; after a temporary failure the loop tries again.
      if (!document.hidden) await get(address(name, "runs", id), { signal }).catch(unlessAway);
      await pause(signal);
    }
    tell(taken, wroteNothing(paper), paper);
  }

  function sheetOf(signal, isFollowing) {
    // What was written before another output was chosen may still wait for its frame.
    const drawn = (dropped) => signal.aborted || matches.refresh(dropped);
    return sheet(lines, { hasTimes: times.checked, isFollowing, drawn });
  }

  function wroteNothing(paper) {
    if (!paper.isEmpty()) return "";
    return stream ? `, it wrote nothing to ${stream}` : ", it wrote nothing";
  }

  function tell(taken, more, paper, cut = []) {
    const dropped = paper.dropped() > 0 && `${counted(paper.dropped(), "older line")} not shown here`;
    const only = stream && `only ${stream} is shown`;
    say(message, [`${bytes(taken)}${more}`, only, ...cut, dropped].filter(Boolean).join(" · "));
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
function streamed(url, take, signal) {
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
