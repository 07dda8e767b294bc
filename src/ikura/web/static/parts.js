// Pieces that several pages have: badges, bars, cards, facts, empty states.

import { h, s } from "./dom.js";
import { DASHES, MARKS } from "./plane.js";
import { STATES, count, score } from "./words.js";

export const TOLD = {
  training: "training",
  paused: "paused",
  finished: "finished",
  stopped: "not at work",
  opening: "being opened",
  broken: "cannot be read",
};

export function badge(state) {
  return h("span", { class: `badge ${state}` }, TOLD[state] ?? state);
}

export function stateOf(state) {
  return [h("span", { class: `sign is-${state}`, "aria-hidden": "true" }, STATES[state]?.sign ?? "·"), ` ${state}`];
}

export function stateBar(counts, planned) {
  const known = Object.entries(counts ?? {});
  const total = known.reduce((sum, [, value]) => sum + value, 0);
  const order = Object.keys(STATES);
  known.sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
  const rest = Math.max(0, (planned ?? total) - total);
  const label = known.map(([state, value]) => `${count(value)} ${state}`).join(", ");
  return h(
    "div",
    { class: "parts", role: "img", "aria-label": label || "no trials yet" },
    known.filter(([state]) => state !== "waiting").map(([state, value]) => h("i", { class: `is-${state}`, css: { "flex-grow": value }, title: `${count(value)} ${state}` })),
    h("i", { class: "is-waiting", css: { "flex-grow": rest + (counts?.waiting ?? 0), "min-width": "0" } }),
  );
}

export function card(title, value, ...below) {
  return h("section", { class: "card" }, h("h2", {}, title), h("p", { class: "value" }, value), ...below);
}

export function whisker(value, interval) {
  if (!interval || !interval.every((one) => typeof one === "number")) return null;
  const [low, high] = interval;
  const margin = (high - low) * 0.35 || Math.abs(high) * 0.01 || 0.01;
  const place = (one) => `${Math.min(100, Math.max(0, (100 * (one - low + margin)) / (high - low + 2 * margin)))}%`;
  return [
    h(
      "div",
      { class: "whisker", "aria-hidden": "true" },
      h("div", { class: "span", css: { left: place(low), width: `calc(${place(high)} - ${place(low)})` } }),
      h("div", { class: "dot", css: { left: place(value) } }),
    ),
    h("p", { class: "quiet" }, `95 % interval ${score(low)} to ${score(high)}`),
  ];
}

export function empty(title, ...lines) {
  return h("div", { class: "empty" }, h("h1", {}, title), lines.map((line) => h("p", {}, line)));
}

export function facts(pairs, differs = new Set()) {
  return h(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => h("div", { class: differs.has(name) ? "differs" : "" }, h("dt", { title: name }, name), h("dd", { title: String(value) }, value))),
  );
}

// A stroke of the legend in the colour and dashes of the line at a place.
export function stroke(place, faint = false) {
  const line = s("line", { x1: 1, x2: 25, y1: 5, y2: 5, "stroke-width": faint ? 1.6 : 2.6, "stroke-dasharray": (faint ? [4, 3] : DASHES[place % DASHES.length]).join(" ") });
  line.style.stroke = `var(${MARKS[place % MARKS.length]})`;
  return s("svg", { width: 26, height: 10, "aria-hidden": "true" }, line);
}

export function legend(entries) {
  return h("ul", { class: "legend" }, entries.map(([mark, ...words]) => h("li", {}, mark, ...words)));
}

export function toggles(label, options, now, choose) {
  return h(
    "span",
    { class: "chips", role: "group", "aria-label": label },
    options.map(([value, words]) => h("button", { type: "button", "aria-pressed": String(value === now), on: { click: () => choose(value) } }, words)),
  );
}
