// Writes a specification as YAML, the way people write it. Nothing here reads YAML: the server does.

const PLAIN = /^[A-Za-z_/][A-Za-z0-9_/. =@+-]*$/;
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

const flowScalar = (value) => (typeof value === "string" && /[,[\]{}#&*!|>'"%@`]|: /.test(value) ? JSON.stringify(value) : scalar(value));

function scalar(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  const isPlain = PLAIN.test(value) && !MEANS_ELSE.test(value) && value.trim() === value && !/^[.\d]/.test(value) && !/^(0x|\.inf|\.nan)/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
