// Builds elements. The only way from text to the page: nothing here or elsewhere reads HTML.
// Rules: text goes in as text nodes; what users or containers wrote goes through `harmless`.

const SVG = "http://www.w3.org/2000/svg";

/** Builds `tag.class.class` with attributes, properties (`.value`) and listeners (`onclick`). */
export function el(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag || "div");
  return furnish(node, classes, attributes, children);
}

/** The same for SVG. */
export function svg(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  return furnish(document.createElementNS(SVG, tag), classes, attributes, children);
}

function furnish(node, classes, attributes, children) {
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    // Listeners and no attributes: the content security policy forbids scripts in attributes.
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith(".")) node[key.slice(1)] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

/** Appends nodes, texts and lists of them; null and false are left out. */
export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    // `append` makes text nodes of texts, so no text can become an element.
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Puts new children in place of all that are there. */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

/** Sets the text only where it differs, so that nothing is drawn or spoken again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// C0 and C1 controls but tab and line feed; marks that turn the direction of writing around; and
// those that take no room, by which one name could pass for another.
const HARMFUL =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Shows a replacement character where a text would command the terminal or the page. */
export function harmless(text) {
  return String(text).replace(HARMFUL, "\ufffd");
}

/** A text from elsewhere, shut off from the direction of what stands around it. */
export function foreign(text, what = "bdi") {
  return el(what, null, harmless(text));
}

/** The name of a zone, which may be broken behind its slashes. */
export function zoneName(zone) {
  return harmless(zone).split("/").flatMap((part, index) => (index > 0 ? ["/", el("wbr"), part] : [part]));
}

/** A link within the page. */
export function link(hash, ...children) {
  return el("a", { href: hash }, children);
}
