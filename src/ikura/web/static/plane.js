// What all charts share: a canvas that is sharp on every screen, colours of the style sheet, scales and ticks.

import { number } from "./words.js";

export const MARKS = ["--mark-0", "--mark-1", "--mark-2", "--mark-3", "--mark-4"];
export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 2]];

let palette = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  palette = new Map();
  dispatchEvent(new Event("colours"));
});

export function colour(name) {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
}

// A canvas that fills its box and is drawn anew when that changes its size or the colours change.
export class Plane {
  constructor(box, label, draw) {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    box.append(this.canvas);
    this.box = box;
    this.draw = draw;
    this.width = this.height = 0;
    // What is not on the screen is drawn when it comes there.
    this.seen = false;
    this.due = true;
    this.watcher = new IntersectionObserver(
      ([entry]) => {
        this.seen = entry.isIntersecting;
        if (this.seen && this.due) this.redraw();
      },
      { rootMargin: "120px" },
    );
    this.watcher.observe(box);
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(box);
    this.repaint = () => this.redraw();
    addEventListener("colours", this.repaint);
  }

  redraw() {
    const { clientWidth, clientHeight } = this.box;
    this.due = !this.seen;
    if (!this.seen || !clientWidth || !clientHeight || !this.canvas.isConnected) return;
    const sharp = devicePixelRatio || 1;
    const [width, height] = [Math.round(clientWidth * sharp), Math.round(clientHeight * sharp)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${clientWidth}px`;
      this.canvas.style.height = `${clientHeight}px`;
    }
    this.width = clientWidth;
    this.height = clientHeight;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, clientWidth, clientHeight);
    pen.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    this.draw(pen, clientWidth, clientHeight);
  }

  place(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  close() {
    this.observer.disconnect();
    this.watcher.disconnect();
    removeEventListener("colours", this.repaint);
  }
}

const straight = { to: (value) => value, from: (value) => value };
const KINDS = {
  linear: straight,
  integer: straight,
  log: { to: Math.log10, from: (value) => 10 ** value },
  "integer-log": { to: Math.log10, from: (value) => 10 ** value },
  "log-complement": { to: (value) => -Math.log10(1 - value), from: (value) => 1 - 10 ** -value },
};

// A scale takes values to [0, 1] and back; a choice has a place for each option.
export function scaleOf(parameter) {
  if (parameter.scale === "choice" || parameter.scale === "numbers") {
    const options = parameter.options;
    const places = new Map(options.map((option, i) => [option, i]));
    const span = Math.max(1, options.length);
    return {
      options,
      ticks: () => options.map((option, i) => [(i + 0.5) / span, number(option)]),
      to: (value) => (places.has(value) ? (places.get(value) + 0.5) / span : NaN),
      jitter: 0.5 / span,
    };
  }
  return spanned(parameter.scale, parameter.low, parameter.high, parameter.whole);
}

export function spanned(kind, low, high, whole = false) {
  const { to, from } = KINDS[kind] ?? straight;
  let [first, last] = [to(low), to(high)];
  if (!Number.isFinite(first) || !Number.isFinite(last)) [first, last] = [0, 1];
  const margin = 0.035 * (last - first) || Math.max(1e-9, Math.abs(first) * 0.05) || 1;
  first -= margin;
  last += margin;
  const few = whole && kind === "integer" && high - low <= 10;
  return {
    options: null,
    jitter: few ? 0.25 / (last - first) : 0,
    to: (value) => (typeof value === "number" ? (to(value) - first) / (last - first) : NaN),
    from: (place) => from(first + place * (last - first)),
    ticks: (most = 5) => ticks(kind, first, last, to, most, whole).map((value) => [(to(value) - first) / (last - first), number(value, 3)]),
  };
}

function ticks(kind, first, last, to, most, whole) {
  const { from } = KINDS[kind] ?? straight;
  if (from === straight.from || last - first < 0.8) return even(from(first), from(last), most, whole).filter((value) => inside(to(value), first, last));
  const found = [];
  const every = Math.max(1, Math.ceil((last - first) / most));
  const steps = last - first > 2 ? [1] : [1, 2, 5];
  for (let power = Math.floor(first); power <= Math.ceil(last); power += every) {
    for (const step of steps) {
      const value = kind === "log-complement" ? 1 - step * 10 ** -power : step * 10 ** power;
      if (inside(to(value), first, last)) found.push(Number(value.toPrecision(12)));
    }
  }
  return found;
}

const inside = (value, first, last) => value >= first && value <= last;

function even(low, high, most, whole) {
  const rough = (high - low) / Math.max(1, most);
  const unit = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= rough * 0.999) ?? unit;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  // Each by itself: sums of steps miss 0 by what is lost of them.
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) {
    found.push(Number((i * step).toPrecision(10)));
    if (found.length > 50) break;
  }
  return found;
}

// The ends of the scores that are worth a chart: what is far worse than most is drawn at the border.
export function scoreEnds(scores, greater) {
  const known = scores.filter((value) => typeof value === "number").sort((a, b) => a - b);
  if (!known.length) return [0, 1];
  const at = (share) => known[Math.min(known.length - 1, Math.max(0, Math.round(share * (known.length - 1))))];
  return greater ? [Math.min(at(0.08), at(1)), at(1)] : [at(0), Math.max(at(0.92), at(0))];
}

// A number in [-1, 1) that is the same for a trial at each drawing.
export function scatterOf(trial) {
  let x = Math.imul(trial + 1, 0x9e3779b1) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b) >>> 0;
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 31 - 1;
}

export function text(pen, words, x, y, align = "center", room = Infinity, rim = false) {
  pen.textAlign = align;
  let shown = String(words);
  while (shown.length > 2 && pen.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
  if (rim) pen.strokeText(shown, x, y);
  pen.fillText(shown, x, y);
}
