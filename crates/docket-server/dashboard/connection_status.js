// Shows the state of server and engines in the page's head, and a banner when the connection is lost.

import { address, get, reached } from "./api_client.js";
import * as events from "./event_stream.js";
import { el, fill, harmless, say } from "./dom_elements.js";
import { everySecond } from "./second_ticker.js";
import { clock, foreignClock, length, now, readersZone, relative, serverClock, wallClock } from "./format_times.js";

/** How often health is requested, in milliseconds. */
const EVERY = 15_000;
/** How often it is requested while the server is away. */
const EVERY_LOST = 2000;
/** The timeout of that request and those for version and engines together, in milliseconds. */
const TIMEOUT = 10_000;

let health = null;
let version = null;
let engines = null;
let lostSince = null;
/** When the last request for them ended. */
let asked = 0;
let asking = false;

const serverLamp = lamp("server");
const engineLamp = lamp("engine");
const time = el("span.head-time");
const banner = el("p.banner", { role: "status", hidden: true });
const pauseBanner = el("p.banner", { role: "status", hidden: true });

/** What the server says of itself, once it has: `{health, version}`. */
export const about = () => ({ health, version });

/** The part of the head that shows it, and the banners for a lost connection and a
 * paused server. */
export function furnish(place, bannerPlace) {
  place.append(serverLamp.node, engineLamp.node, time);
  bannerPlace.append(banner, pauseBanner);
  reached.on((isReached) => (isReached ? found() : lost()));
  // A pause, for example, is shown at once.
  events.server.on(() => look());
  events.gap.on(() => look());
  events.broken.on(() => look());
  everySecond(tick);
  look();
}

async function look() {
  // A slow response must not lead to more requests.
  if (asking) return;
  asking = true;
  // A host that is gone does not even refuse the connection.
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    health = await get(address("-", "health"), { signal });
    serverClock(health.Time);
    engines = await get(address("-", "engines"), { signal });
    version = await get(address("-", "version"), { signal });
  } catch {
    // `reached` has reported it already, or the user must sign in.
  }
  asking = false;
  // Counted from the end: a banner that the next response hides at once cannot be read.
  asked = Date.now();
  show();
}

function lost() {
  // Later failures belong to the same loss.
  lostSince ??= Date.now();
  show();
}

function found() {
  if (lostSince === null) return;
  lostSince = null;
  // The browser's own next try may be seconds away.
  events.reopen();
  // Requests in between were not answered.
  events.gap.give({ Reason: "the server was away" });
  show();
}

function tick() {
  const every = lostSince === null ? EVERY : EVERY_LOST;
  if (Date.now() - asked >= every) look();
  if (lostSince !== null) show();
  else showTime();
}

function showTime() {
  if (!health) return;
  say(time, `${clock(now(), "second")} ${readersZone()}`);
  const server = foreignClock(now(), health.TimeZone);
  time.title = server && `${server} in ${health.TimeZone}, the zone of the server`;
}

function show() {
  if (lostSince !== null) {
    serverLamp.set("bad", "server away");
    engineLamp.set("quiet", "engine unknown");
    banner.hidden = false;
    // The duration is hidden from screen readers: spoken each second it would drown everything else.
    if (!banner.firstChild) {
      fill(banner, "The server does not answer. The page may be out of date; it reconnects automatically. ");
      banner.append(el("span", { "aria-hidden": "true" }));
    }
    say(banner.lastChild, `Not reachable for ${length(Date.now() - lostSince)}.`);
    return;
  }
  banner.hidden = true;
  banner.replaceChildren();
  if (!health) return;
  showPause(health.Pause);
  const warning = health.Clock ?? null;
  serverLamp.set(warning ? "warn" : "good", warning ? "server: clock" : "server", [
    version ? `docket ${version.Version}` : "docket",
    `started ${relative(Date.parse(health.Started))}`,
    `store ${health.Store}`,
    warning,
  ]);
  // `/-/engines` may fail although the server is healthy; the state of the engines is then unknown.
  if (engines) showEngines();
  showTime();
}

function showEngines() {
  const unusable = engines.filter((engine) => engine.State !== "up");
  const about = engines.map(({ Name, Reason, Version, State }) => `${Name}: ${Reason ?? Version ?? State}`);
  const [one, all] = [engines.length === 1, unusable.length === engines.length];
  if (all) {
    engineLamp.set("bad", one ? "engine away" : "all engines away", ["no run can start until an engine answers", ...about]);
  } else if (unusable.length > 0) {
    const [{ Name, State }] = unusable;
    const words = unusable.length === 1 ? `engine ${Name} ${State}` : `${unusable.length} of ${engines.length} engines away`;
    engineLamp.set("warn", words, about);
  } else {
    engineLamp.set("good", one ? "engine" : `${engines.length} engines`, about, one ? engines[0].Version : "");
  }
}

function showPause(pause) {
  pauseBanner.hidden = !pause;
  if (!pause) return;
  const until = pause.Until
    ? `until ${wallClock(Date.parse(pause.Until))}`
    : "until it is unpaused";
  const reason = pause.Reason ? `: ${pause.Reason}` : "";
  const text = `docket is paused ${until} and starts nothing by itself (by ${pause.By}${reason}).`;
  say(pauseBanner, harmless(text));
}

// A lamp whose shape shows its state too: a dot for good, a cross for bad.
function lamp(name) {
  const light = el("span.lamp.lamp-quiet", { "aria-hidden": "true" });
  const text = el("span", null, name);
  const detail = el("span.head-detail");
  const node = el("span.head-lamp", { role: "status" }, light, text, detail);
  return {
    node,
    set(state, words, more = [], less = "") {
      light.className = `lamp lamp-${state}`;
      say(text, harmless(words));
      say(detail, harmless(less));
      node.title = more.filter(Boolean).map(harmless).join("\n");
    },
  };
}
