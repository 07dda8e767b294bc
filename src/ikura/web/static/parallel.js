// Parallel coordinates: a line for each trial across all hyperparameters to its score; axes are brushed up and down.

import { Plane, colour, scaleOf, scatterOf, spanned, text, MARKS } from "./plane.js";
import { hideTip, showTip } from "./dom.js";
import { number, score } from "./words.js";

const TOP = 34;
const BELOW = 16;
const SIDE = 46;
const MOST_LINES = 900;
const GRIP = 26;

export class Parallel {
  constructor(box, selection) {
    Object.assign(this, { selection, drag: null });
    this.plane = new Plane(box, "each trial as a line across its hyperparameters to its score", (pen, w, h) => this.draw(pen, w, h));
    const { canvas } = this.plane;
    canvas.classList.add("brushable");
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointerleave", () => {
      hideTip();
      selection.point(null);
    });
  }

  show(columns, kept, ends, parameters, study) {
    Object.assign(this, { columns, kept, study });
    this.axes = parameters.map((one) => ({ column: one.column, name: one.name, scale: scaleOf(one) }));
    this.axes.push({ column: "dev_score", name: `dev ${study.metric}`, scale: spanned("linear", ...ends) });
    this.rank();
    this.plane.redraw();
  }

  // Trials from the worst to the best, so that the best lie on top; of many those that are brushed, then evenly.
  rank() {
    const { columns, kept, study } = this;
    const sign = study.greater ? 1 : -1;
    const order = columns.number.map((_, i) => i).sort((a, b) => sign * (columns.dev_score[a] - columns.dev_score[b]));
    const shade = new Float32Array(order.length);
    order.forEach((i, place) => (shade[i] = order.length > 1 ? place / (order.length - 1) : 1));
    const inside = thinned(order.filter((i) => kept[i]));
    const outside = this.selection.brushed ? thinned(order.filter((i) => !kept[i])) : [];
    Object.assign(this, { shade, inside, outside });
  }

  left(place, width) {
    return SIDE + (place * (width - 2 * SIDE)) / Math.max(1, this.axes.length - 1);
  }

  ys(axis, i, height) {
    const value = axis.scale.to(this.columns[axis.column]?.[i]);
    if (!Number.isFinite(value)) return height - 3;
    const jitter = axis.scale.jitter ? axis.scale.jitter * 0.7 * scatterOf(this.columns.number[i]) : 0;
    return TOP + (1 - Math.min(1, Math.max(0, value + jitter))) * (height - TOP - BELOW);
  }

  line(pen, i, width, height) {
    pen.beginPath();
    this.axes.forEach((axis, place) => {
      const [x, y] = [this.left(place, width), this.ys(axis, i, height)];
      if (place) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    pen.stroke();
  }

  draw(pen, width, height) {
    if (!this.columns) return;
    pen.lineWidth = 1;
    pen.strokeStyle = colour("--crowd");
    for (const i of this.outside) this.line(pen, i, width, height);
    const many = this.inside.length > 250;
    for (const i of this.inside) {
      const shade = this.shade[i];
      pen.strokeStyle = colour(shade > 0.9 ? "--line-2" : shade > 0.6 ? "--line-1" : "--line-0");
      pen.globalAlpha = many ? (shade > 0.9 ? 0.55 : 0.4) : 0.8;
      this.line(pen, i, width, height);
    }
    pen.globalAlpha = 1;
    this.columns.number.forEach((trial, i) => {
      const place = this.selection.chosen.indexOf(trial);
      if (place < 0 && trial !== this.selection.pointed) return;
      pen.lineWidth = 2.4;
      pen.strokeStyle = place < 0 ? colour("--ink") : colour(MARKS[place]);
      this.line(pen, i, width, height);
    });
    this.axes.forEach((axis, place) => this.axis(pen, axis, place, width, height));
  }

  axis(pen, axis, place, width, height) {
    const x = Math.round(this.left(place, width)) + 0.5;
    const room = (width - 2 * SIDE) / Math.max(1, this.axes.length - 1) - 6;
    pen.strokeStyle = colour("--axis");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, height - BELOW);
    pen.stroke();
    pen.fillStyle = colour("--ink");
    pen.textBaseline = "alphabetic";
    text(pen, axis.name, x, place % 2 && room < 90 ? 25 : 12, "center", Math.max(64, room * (room < 90 ? 1.9 : 1)));
    pen.textBaseline = "middle";
    for (const [at, label] of axis.scale.ticks(5)) {
      const y = TOP + (1 - at) * (height - TOP - BELOW);
      const shown = label.length > 12 ? `${label.slice(0, 11)}…` : label;
      const wide = pen.measureText(shown).width;
      pen.fillStyle = colour("--veil");
      pen.fillRect(x + 3, y - 7, wide + 4, 14);
      pen.fillStyle = colour("--muted");
      pen.textAlign = "left";
      pen.fillText(shown, x + 5, y);
    }
    const ends = this.brushEnds(axis, place);
    if (!ends) return;
    const [high, low] = ends.map((one) => TOP + (1 - one) * (height - TOP - BELOW));
    pen.fillStyle = colour("--brush");
    pen.fillRect(x - 9, low, 18, high - low);
    pen.strokeStyle = colour("--roe");
    pen.strokeRect(x - 9, low, 18, high - low);
  }

  // The brushed part of an axis, as places in [0, 1].
  brushEnds(axis, place) {
    if (this.drag?.moved && this.drag.place === place) return this.drag.ends;
    const form = this.selection.where[axis.column];
    if (form === undefined) return null;
    const clip = (one) => Math.min(1, Math.max(0, one));
    const { options } = axis.scale;
    if (options) {
      const marks = options.map((one, i) => (Array.isArray(form) ? one >= form[0] && one <= form[1] : form.in.includes(one)) ? i : -1).filter((i) => i >= 0);
      return marks.length ? [Math.min(...marks) / options.length, (Math.max(...marks) + 1) / options.length] : null;
    }
    if (!Array.isArray(form)) return null;
    return [form[0] === null ? 0 : clip(axis.scale.to(form[0])), form[1] === null ? 1 : clip(axis.scale.to(form[1]))];
  }

  under(x) {
    const near = this.axes.findIndex((_, place) => Math.abs(this.left(place, this.plane.width) - x) < GRIP);
    return near;
  }

  height(y) {
    return Math.min(1, Math.max(0, 1 - (y - TOP) / (this.plane.height - TOP - BELOW)));
  }

  begin(event) {
    const [x, y] = this.plane.place(event);
    const place = this.under(x);
    this.drag = { place, from: this.height(y), moved: false, ends: null };
    if (place >= 0) this.plane.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.columns) return;
    const [x, y] = this.plane.place(event);
    if (this.drag && this.drag.place >= 0) {
      const to = this.height(y);
      if (Math.abs(to - this.drag.from) * this.plane.height < 5) return;
      this.drag.moved = true;
      this.drag.ends = [Math.min(to, this.drag.from), Math.max(to, this.drag.from)];
      this.plane.redraw();
      return;
    }
    const found = this.nearest(x, y);
    this.selection.point(found < 0 ? null : this.columns.number[found]);
    if (found < 0) return hideTip();
    showTip(event.clientX, event.clientY, [
      [`trial ${this.columns.number[found]}`, this.columns.state[found]],
      [`dev ${this.study.metric}`, score(this.columns.dev_score[found])],
      ...this.axes.slice(0, -1).map((axis) => [axis.name, number(this.columns[axis.column]?.[found])]),
    ]);
  }

  nearest(x, y) {
    const { width, height } = this.plane;
    const step = (width - 2 * SIDE) / Math.max(1, this.axes.length - 1);
    const place = Math.min(this.axes.length - 2, Math.max(0, Math.floor((x - SIDE) / step)));
    const share = (x - this.left(place, width)) / step;
    if (share < -0.2 || share > 1.2 || this.axes.length < 2) return -1;
    let [best, least] = [-1, 6];
    for (const i of this.inside) {
      const at = (1 - share) * this.ys(this.axes[place], i, height) + share * this.ys(this.axes[place + 1], i, height);
      const far = Math.abs(at - y) - this.shade[i];
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  end(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag || drag.place < 0 || !drag.moved) {
      const [x, y] = this.plane.place(event);
      if (drag?.place >= 0 && this.selection.where[this.axes[drag.place].column] !== undefined) {
        this.selection.brush({ [this.axes[drag.place].column]: null });
        return;
      }
      const found = this.nearest(x, y);
      if (found >= 0) this.selection.choose(this.columns.number[found]);
      return;
    }
    const axis = this.axes[drag.place];
    const [from, to] = drag.ends;
    const { options } = axis.scale;
    let form = options ? null : [from <= 0.01 ? null : axis.scale.from(from), to >= 0.99 ? null : axis.scale.from(to)];
    if (options) {
      const found = options.filter((_, i) => (i + 1) / options.length > from && i / options.length < to);
      form = found.every((one) => typeof one === "number") ? [Math.min(...found), Math.max(...found)] : { in: found };
    }
    this.selection.brush({ [axis.column]: form });
  }

  close() {
    this.plane.close();
  }
}

function thinned(order) {
  if (order.length <= MOST_LINES) return order;
  const best = order.slice(-Math.floor(MOST_LINES / 3));
  const others = order.slice(0, -Math.floor(MOST_LINES / 3));
  const step = others.length / (MOST_LINES - best.length);
  return [...Array.from({ length: MOST_LINES - best.length }, (_, i) => others[Math.floor(i * step)]), ...best];
}
