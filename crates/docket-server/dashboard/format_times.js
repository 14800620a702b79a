// Moments and lengths of time as people say them, in the words of the command line. All moments are
// milliseconds since 1970, by the server's clock: a browser's may be wrong.

let skew = 0;

/** Learns how far this browser's clock is from the server's. */
export function serverClock(time) {
  skew = Date.parse(time) - Date.now();
}

/** The present by the server's clock. */
export const now = () => Date.now() + skew;

const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

/** The two largest units of a length: `3h 12m`. */
export function length(milliseconds) {
  let rest = Math.floor(Math.abs(milliseconds) / 1000);
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0 || parts.length) parts.push([count, unit]);
  }
  const shown = parts.slice(0, 2).filter(([count]) => count > 0);
  return shown.map((part) => part.join("")).join(" ") || "0s";
}

/** Where a moment lies: `in 3h 12m`, `5m ago`, `now`. */
export function relative(at, from = now()) {
  const seconds = Math.trunc((at - from) / 1000);
  if (seconds === 0) return "now";
  return seconds > 0 ? `in ${length(at - from)}` : `${length(from - at)} ago`;
}

/** A length to the millisecond where that matters: `12ms`, `1.2s`, `5m 3s`. */
export function exact(milliseconds) {
  if (milliseconds < 0) return `-${exact(-milliseconds)}`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`;
  if (milliseconds < 60_000) return `${(Math.floor(milliseconds / 100) / 10).toFixed(1)}s`;
  return length(milliseconds);
}

/** A number of bytes: `512 B`, `1.4 MiB`. */
export function bytes(count) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (count >= size) return `${(count / size).toFixed(count < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${count} B`;
}

/** A count with its noun: `1 run`, `1,200 runs`. */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

// Making a formatter takes far longer than using it, and a list uses a few for thousands of times.
const formats = new Map();

function format(zone, shape) {
  const key = `${shape}|${zone}`;
  if (!formats.has(key)) formats.set(key, formatter(zone, SHAPES[shape]));
  return formats.get(key);
}

// A browser may know fewer zones than the server: it shows their times in UTC, and says so.
function formatter(zone, options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
  }
}

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/** The zone of the reader's clock, which all times are shown on. */
export const readersZone = () => ownZone;

/** True for a zone that is not the reader's. */
export const isForeign = (zone) => Boolean(zone) && format(zone, "zone").resolvedOptions().timeZone !== ownZone;

const DAY = { day: "numeric", month: "short" };
const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const SHAPES = {
  date: { year: "numeric", month: "2-digit", day: "2-digit" },
  minute: MINUTE,
  second: { ...MINUTE, second: "2-digit" },
  weekday: { weekday: "short" },
  day: { weekday: "short", ...DAY },
  dated: { ...DAY, year: "numeric" },
  zone: { timeZoneName: "short" },
  full: { weekday: "short", ...DAY, year: "numeric", ...MINUTE, second: "2-digit", timeZoneName: "short" },
};

/** The time of the clock: `09:00`, or `09:00:10` where there are seconds. */
export const clock = (at, shape) => clockIn(at, ownZone, shape);

function clockIn(at, zone, shape) {
  const seconds = Math.floor(at / 1000) % 60 !== 0;
  return format(zone, shape ?? (seconds ? "second" : "minute")).format(at);
}

/** A moment on the reader's clock, near days by name: `today 09:00`, `Mon 23 Nov 09:00`. */
export const wallClock = (at) => `${day(at)} ${clock(at)}`;

/** The same moment on the clock of a foreign zone: `09:00 GMT+9`, with the day if it differs; or nothing. */
export function foreignClock(at, zone) {
  if (!isForeign(zone)) return "";
  const weekday = dateNumber(at, zone) === dateNumber(at, ownZone) ? "" : `${format(zone, "weekday").format(at)} `;
  const parts = format(zone, "zone").formatToParts(at);
  return `${weekday}${clockIn(at, zone)} ${parts.find(({ type }) => type === "timeZoneName").value}`;
}

const DAY_LENGTH = 86_400_000;
const NEAR_DAYS = new Map([[-1, "yesterday"], [0, "today"], [1, "tomorrow"]]);

// The number of a moment's date. Dates are counted and not hours: a day has 23 or 25 of them where
// the clocks change.
function dateNumber(at, zone) {
  const [date, month, year] = format(zone, "date").format(at).split("/");
  return Date.UTC(year, month - 1, date) / DAY_LENGTH;
}

/** The day of a moment: `today`, `Mon 23 Nov`. */
export function day(at) {
  const present = now();
  const near = NEAR_DAYS.get(dateNumber(at, ownZone) - dateNumber(present, ownZone));
  if (near) return near;
  const far = Math.abs(at - present) > 180 * DAY_LENGTH;
  return format(ownZone, far ? "dated" : "day").format(at).replace(",", "");
}

/** A moment in full, with its zone; in a foreign zone too. */
export function inFull(at, zone) {
  const each = isForeign(zone) ? [ownZone, zone] : [ownZone];
  return each.map((zone) => `${format(zone, "full").format(at)} (${zone})`).join("\n");
}

/** The moment that a query begins with: a duration before now, or a time; NaN for what only the server can read. */
export function sinceTime(text) {
  const parts = [...text.matchAll(/(\d+)([dhms])/g)];
  if (parts.map(([part]) => part).join("") !== text) return Date.parse(text);
  const sizes = Object.fromEntries(UNITS);
  return now() - parts.reduce((sum, [, count, unit]) => sum + count * sizes[unit] * 1000, 0);
}

/** The moment that a run is named for: `20261121T090000.250Z`. */
export function instantOf(run) {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(run);
  if (!parts) return NaN;
  const [, year, month, date, hour, minute, second, fraction] = parts;
  return Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}${fraction ?? ""}Z`);
}
