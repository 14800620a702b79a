// Reads what a container wrote for a terminal: colours and weight become classes, and everything
// else that would command a terminal is left out. It holds no more than one bounded line.

import { harmless } from "./dom_elements.js";

/** So much of a line is kept; of the rest only its length, in characters. */
export const LONGEST = 4096;

// One command to a terminal: a control sequence, a text for its title and the like, or a short one.
// An unfinished one at the end of a piece is kept for the next piece.
const COMMAND = /^\u001b(?:\[([\u0030-\u003f]*)[\u0020-\u002f]*([\u0040-\u007e])|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u0020-\u002f]*[\u0030-\u004f\u0051-\u0057\u0059\u005a\u005c\u0060-\u007e])/;
const UNFINISHED = /^\u001b(?:\[[\u0020-\u003f]*|[\]PX^_][^\u0007\u001b]*\u001b?|[\u0020-\u002f]*)?$/;
/** A command longer than this is none. */
const LONGEST_COMMAND = 4096;

const PLAIN = { fg: null, bg: null, bold: false, faint: false, italic: false, underline: false, inverse: false, strike: false };

/**
 * Makes a reader. `take(text)` returns the lines that were finished, each `{parts, left_out}` with
 * parts `{text, style}`; `line()` is the one that is not.
 */
export function terminal() {
  let style = PLAIN;
  let kept = "";
  let line = fresh();
  let returned = false;
  return { take, line: () => line };

  function take(text) {
    const done = [];
    let rest = kept + text;
    kept = "";
    while (rest) {
      const end = rest.search(/[\u001b\n\r]/);
      if (end !== 0) {
        const plain = end < 0 ? rest : rest.slice(0, end);
        write(plain);
        rest = rest.slice(plain.length);
        continue;
      }
      if (rest[0] === "\n") {
        done.push(line);
        line = fresh();
        returned = false;
        rest = rest.slice(1);
      } else if (rest[0] === "\r") {
        returned = true;
        rest = rest.slice(1);
      } else {
        const command = COMMAND.exec(rest);
        if (command) {
          if (command[2] === "m") style = styled(style, command[1]);
          rest = rest.slice(command[0].length);
        // A longer one never ends, and would hide all that follows.
        } else if (rest.length <= LONGEST_COMMAND && UNFINISHED.test(rest)) {
          kept = rest;
          rest = "";
        } else {
          rest = rest.slice(1);
        }
      }
    }
    return done;
  }

  function write(text) {
    // What follows a carriage return is written over the line, as progress bars do it.
    if (returned) line = fresh();
    returned = false;
    const room = LONGEST - line.length;
    const shown = text.slice(0, Math.max(0, room));
    line.leftOut += text.length - shown.length;
    if (!shown) return;
    line.length += shown.length;
    const last = line.parts.at(-1);
    // The same object: a new style is only made by a command.
    if (last && last.style === style) last.text += harmless(shown);
    else line.parts.push({ text: harmless(shown), style });
  }
}

const fresh = () => ({ parts: [], length: 0, leftOut: 0 });

function styled(style, parameters) {
  // Private parameters, such as `?`, are not about colours.
  if (/[^\d;:]/.test(parameters)) return style;
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.faint = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 9) next.strike = true;
    else if (code === 22) next.bold = next.faint = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code === 29) next.strike = false;
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code === 39) next.fg = null;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code === 49) next.bg = null;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 38 || code === 48) {
      // Of the larger palettes only the sixteen colours that have a class are shown.
      const isIndexed = codes[index + 1] === 5;
      const colour = isIndexed && codes[index + 2] < 16 ? codes[index + 2] : null;
      if (code === 38) next.fg = colour;
      else next.bg = colour;
      index += isIndexed ? 2 : 4;
    }
  }
  return next;
}

/** The classes of a style, empty for plain text. */
export function classes(style) {
  const [fg, bg] = style.inverse ? [style.bg ?? "inverse", style.fg ?? "inverse"] : [style.fg, style.bg];
  const names = ["bold", "faint", "italic", "underline", "strike"].filter((name) => style[name]);
  if (fg !== null) names.push(`fg-${fg}`);
  if (bg !== null) names.push(`bg-${bg}`);
  return names.map((name) => `a-${name}`).join(" ");
}
