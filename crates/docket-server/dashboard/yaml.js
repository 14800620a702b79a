// Writes a specification as YAML, the way people write it. Nothing here reads YAML: the server does.

const PLAIN = /^(?:[A-Za-z_/]|-[A-Za-z-])[A-Za-z0-9_/. =@+-]*$/;
/** A length of time, which YAML takes for a text as it stands. */
const LENGTH = /^(?:\d+h)?(?:\d+m)?(?:\d+s)?$/;
/** What no quotation mark may hold as it stands. */
const CONTROL = /[\u0000-\u001f\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/;
const MEANS_ELSE = /^(true|false|null|yes|no|on|off|y|n|~)$/i;
/** Lists that are longer than this stand one item a line. */
const WIDTH = 72;

/** The text of a value, with a line feed at its end. */
export function toYaml(value) {
  return `${block(value, 0).trimStart()}\n`;
}

function block(value, depth) {
  const pad = "  ".repeat(depth);
  if (Array.isArray(value) && value.length > 0) {
    const flow = inline(value);
    if (flow !== null) return ` ${flow}`;
    return value.map((item) => `\n${pad}-${nested(item, depth)}`).join("");
  }
  if (isMap(value) && Object.keys(value).length > 0) {
    return Object.entries(value).map(([key, held]) => `\n${pad}${scalar(key)}:${block(held, depth + 1)}`).join("");
  }
  if (typeof value === "string" && value.includes("\n") && /^[^\s\u0000-\u0008\u000b-\u001f][^\u0000-\u0008\u000b-\u001f]*$/.test(value)) {
    return literal(value, pad);
  }
  return ` ${Array.isArray(value) ? "[]" : isMap(value) ? "{}" : scalar(value)}`;
}

// An item of a list: a mapping begins on the line of its dash.
function nested(item, depth) {
  if (isMap(item) && Object.keys(item).length > 0) return ` ${block(item, depth + 1).trimStart()}`;
  return block(item, depth + 1);
}

function literal(text, pad) {
  const keep = text.endsWith("\n") ? (text.endsWith("\n\n") ? "+" : "") : "-";
  const lines = text.replace(/\n$/, "").split("\n");
  return ` |${keep}${lines.map((line) => `\n${line ? pad + line : ""}`).join("")}`;
}

// A short list of plain values stands on one line.
function inline(list) {
  if (list.some((item) => typeof item === "object" && item !== null)) return null;
  if (list.some((item) => typeof item === "string" && item.includes("\n"))) return null;
  const text = `[${list.map(flowScalar).join(", ")}]`;
  return text.length <= WIDTH ? text : null;
}

const flowScalar = (value) => (typeof value === "string" && /[,[\]{}#&*!|>'"%@`]|: /.test(value) ? scalar(`${value}`, true) : scalar(value));

function scalar(value, quoted = false) {
  if (typeof value !== "string") return JSON.stringify(value);
  if (!quoted && value !== "" && LENGTH.test(value)) return value;
  const isPlain = !quoted && PLAIN.test(value) && !MEANS_ELSE.test(value) && value.trim() === value && !/^[.\d]/.test(value) && !/^(0x|\.inf|\.nan)/i.test(value);
  if (isPlain) return value;
  // Within single marks nothing has to be escaped but they themselves.
  if (/["\\]/.test(value) && !CONTROL.test(value)) return `'${value.replaceAll("'", "''")}'`;
  // Some of what JSON may hold as it stands ends a line in YAML, or is not seen.
  const escaped = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff]/g, escaped);
}

const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
