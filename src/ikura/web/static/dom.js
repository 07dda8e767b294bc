// Elements made of names and texts. Text of any origin is only ever text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

// What steers a terminal or turns the direction of writing is shown as its code, as everywhere in ikura.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const code = (sign) => (sign < "\u0100" ? `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
const nodes = (children) => children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false).map(written);
const written = (one) => (one instanceof Node ? one : String(one).replace(STEERING, code));

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, does] of Object.entries(value)) element.addEventListener(event, does);
    else if (name === "css") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

// An element of HTML: h("a", { href: "/", class: "quiet", on: { click } }, "text", child).
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// An element of SVG.
export function s(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

// Put other children in the place of an element's own, without losing the place that was scrolled to.
export function put(element, ...children) {
  element.replaceChildren(...nodes(children));
}

// The address of a page about a run.
export function address(path, parts = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) if (value !== undefined && value !== null) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

// Call a function in the next frame, once, however often it is asked for.
export function inFrame(does) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      does();
    });
  };
}

const tip = () => document.getElementById("tip");

// Show lines of text beside the pointer; the first is the heading.
export function showTip(x, y, lines) {
  const box = tip();
  put(box, lines.map(([name, value], i) => h("div", { class: i ? "" : "head" }, h("span", {}, name), value === undefined ? null : h("b", {}, value))));
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(8, y + 18 + height > innerHeight ? y - height - 12 : y + 18)}px`;
}

export function hideTip() {
  tip().hidden = true;
}
