// Curves over epochs.

import { DASHES, MARKS, Plane, colour, spanned, text } from "./plane.js";
import { hideTip, showTip } from "./dom.js";
import { laid } from "./labels.js";
import { number } from "./words.js";

const LEFT = 54;
const RIGHT = 12;
const TOP = 8;
const BELOW = 22;
const ROW = 14;
const MOST_ROWS = 4;
const MOST_WIDE = 220;
// So many times as wide as most values need, an axis leaves out the few at its ends.
const MUCH = 1.5;

// Each line: { name, x, y, mark, dash, faint, from } ; mark is the place of its colour.
export class Lines {
  constructor(box, label) {
    this.lines = [];
    this.marks = [];
    this.known = false;
    this.plane = new Plane(box, label, (pen, w, h) => this.draw(pen, w, h));
    this.plane.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.plane.canvas.addEventListener("click", (event) => this.picked?.(this.epochAt(event)));
    this.plane.canvas.addEventListener("pointerleave", () => {
      this.at = null;
      hideTip();
      this.plane.redraw();
    });
  }

  // Until then nobody knows whether there are epochs.
  show(lines, { log = false, zero = false, marks = [] } = {}) {
    Object.assign(this, { lines, log, zero, marks, known: true });
    this.plane.redraw();
  }

  ends() {
    const known = [];
    let last = 1;
    for (const line of this.lines) {
      line.y.forEach((value, i) => {
        if (typeof value !== "number" || (this.log && value <= 0)) return;
        known.push(value);
        last = Math.max(last, line.x[i]);
      });
    }
    for (const line of this.lines) for (const band of line.band ?? []) for (const one of band) if (typeof one === "number") known.push(one);
    if (!known.length) return null;
    known.sort((a, b) => a - b);
    // One epoch that went astray does not flatten all others.
    const [least, most] = [known[0], known[known.length - 1]];
    let [low, high] = [known[Math.floor(known.length * 0.005)], known[Math.ceil(known.length * 0.985) - 1]];
    const width = (from, to) => (this.log ? Math.log(to / from) : to - from);
    if (width(low, most) < MUCH * width(low, high)) high = most;
    if (width(least, high) < MUCH * width(low, high)) low = least;
    if (this.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    return { low, high, last, above: most > high, below: least < low };
  }

  draw(pen, width, height) {
    if (!this.known) return;
    const ends = this.ends();
    pen.textBaseline = "middle";
    pen.fillStyle = colour("--muted");
    if (!ends) return text(pen, "no epoch yet", width / 2, height / 2);
    const [w, h] = [width - LEFT - RIGHT, height - TOP - BELOW];
    const y = spanned(this.log ? "log" : "linear", ends.low, ends.high);
    const x = spanned("linear", 1, Math.max(2, ends.last), true);
    this.x = x;
    pen.lineWidth = 1;
    for (const [place, label] of y.ticks(5)) {
      const at = Math.round(TOP + (1 - place) * h) + 0.5;
      pen.strokeStyle = colour("--line");
      pen.beginPath();
      pen.moveTo(LEFT, at);
      pen.lineTo(width - RIGHT, at);
      pen.stroke();
      pen.fillStyle = colour("--muted");
      text(pen, label, LEFT - 7, at, "right");
    }
    pen.textBaseline = "alphabetic";
    for (const [place, label] of x.ticks(8)) text(pen, label, LEFT + place * w, height - 5);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP - 2, w + RIGHT, h + 4);
    pen.clip();
    const px = (value) => LEFT + x.to(value) * w;
    const py = (value) => TOP + (1 - y.to(value)) * h;
    for (const mark of this.marks) this.mark(pen, px(mark.epoch), h, mark);
    for (const line of this.lines) this.band(pen, line, px, py);
    for (const line of this.lines) this.line(pen, line, px, py);
    this.labels(pen, px, width, h);
    this.beyond(pen, ends, width - RIGHT, h);
    if (this.at !== null && this.at !== undefined) this.mark(pen, px(this.at), h, { colour: "--muted" });
    pen.restore();
  }

  mark(pen, x, h, mark) {
    pen.strokeStyle = colour(mark.colour ?? "--roe");
    pen.lineWidth = mark.wide ? 2 : 1;
    pen.setLineDash(mark.dash ?? [3, 3]);
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, TOP + h);
    pen.stroke();
    pen.setLineDash([]);
  }

  // Above the curves, on a rim of the ground's colour.
  labels(pen, px, width, h) {
    const rows = Math.max(1, Math.min(MOST_ROWS, Math.floor(h / 2 / ROW)));
    const measure = (words) => pen.measureText(words).width;
    pen.strokeStyle = colour("--card");
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    for (const one of laid(this.marks, px, { left: LEFT, right: width - RIGHT, rows, most: MOST_WIDE }, measure)) {
      pen.fillStyle = colour(one.colour ?? "--roe");
      text(pen, one.words, one.x, TOP + 9 + ROW * one.row, one.align, one.room, true);
    }
  }

  // What an axis leaves out, where the labels' rim is set already.
  beyond(pen, ends, right, h) {
    pen.fillStyle = colour("--muted");
    if (ends.above) text(pen, "some lie above ↑", right, TOP + 9, "right", Infinity, true);
    if (ends.below) text(pen, "some lie below ↓", right, TOP + h - 6, "right", Infinity, true);
  }

  band(pen, line, px, py) {
    if (!line.band) return;
    pen.fillStyle = colour(MARKS[line.mark % MARKS.length]);
    pen.globalAlpha = 0.16;
    pen.beginPath();
    line.x.forEach((one, i) => pen.lineTo(px(one), py(line.band[1][i])));
    for (let i = line.x.length - 1; i >= 0; i--) pen.lineTo(px(line.x[i]), py(line.band[0][i]));
    pen.fill();
    pen.globalAlpha = 1;
  }

  line(pen, line, px, py) {
    pen.strokeStyle = colour(MARKS[line.mark % MARKS.length]);
    pen.globalAlpha = line.faint ? 0.55 : 1;
    pen.lineWidth = line.faint ? 1.4 : 2.2;
    pen.lineJoin = "round";
    pen.setLineDash(line.dash ?? (line.faint ? [4, 3] : DASHES[line.mark % DASHES.length]));
    pen.beginPath();
    let open = false;
    line.y.forEach((value, i) => {
      if (typeof value !== "number" || (this.log && value <= 0)) {
        open = false;
        return;
      }
      if (open) pen.lineTo(px(line.x[i]), py(value));
      else pen.moveTo(px(line.x[i]), py(value));
      open = true;
    });
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    const last = line.y.length - 1;
    if (last === 0 && typeof line.y[0] === "number") {
      pen.fillStyle = pen.strokeStyle;
      pen.beginPath();
      pen.arc(px(line.x[0]), py(line.y[0]), 3, 0, 6.2832);
      pen.fill();
    }
  }

  get last() {
    return Math.max(1, ...this.lines.map((line) => line.x[line.x.length - 1] ?? 1));
  }

  epochAt(event) {
    const [x] = this.plane.place(event);
    const share = (x - LEFT) / (this.plane.width - LEFT - RIGHT);
    return Math.min(this.last, Math.max(1, Math.round(this.x.from(share))));
  }

  move(event) {
    if (!this.x || !this.lines.length) return;
    const { last } = this;
    const epoch = this.epochAt(event);
    this.at = epoch;
    this.plane.redraw();
    const rows = this.lines.map((line) => {
      let near = 0;
      line.x.forEach((one, i) => (near = Math.abs(one - epoch) < Math.abs(line.x[near] - epoch) ? i : near));
      return [line.name, Math.abs((line.x[near] ?? -9) - epoch) <= Math.max(1, last / 200) ? number(line.y[near]) : "–"];
    });
    const here = this.marks.filter((one) => one.label && Math.abs(one.epoch - epoch) <= Math.max(1, last / 100)).slice(0, MOST_ROWS);
    showTip(event.clientX, event.clientY, [[`epoch ${epoch}`], ...rows, ...here.map((one) => [one.label, one.after === undefined ? "" : `after ${one.after}`])]);
  }

  close() {
    this.plane.close();
  }
}
