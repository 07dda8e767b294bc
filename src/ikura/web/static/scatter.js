// One hyperparameter against the dev score: a point for each trial; a rectangle drawn over it is a brush.

import { Plane, colour, scaleOf, scatterOf, spanned, text, MARKS } from "./plane.js";
import { hideTip, showTip } from "./dom.js";
import { number, score } from "./words.js";

const LEFT = 44;
const RIGHT = 8;
const TOP = 6;
const BELOW = 20;
const NEAR = 12;

export class Scatter {
  constructor(box, parameter, study, selection) {
    Object.assign(this, { parameter, study, selection });
    this.plane = new Plane(box, `dev ${study.metric} against ${parameter.name}`, (pen, w, h) => this.draw(pen, w, h));
    this.drag = null;
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

  show(columns, kept, ends, parameter) {
    Object.assign(this, { columns, kept, parameter });
    this.x = scaleOf(parameter);
    this.y = spanned("linear", ...ends);
    this.values = columns[parameter.column] ?? [];
    this.plane.redraw();
  }

  places(width, height) {
    const [w, h] = [width - LEFT - RIGHT, height - TOP - BELOW];
    const { values, x, y, columns } = this;
    const xs = new Float32Array(values.length);
    const ys = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const jitter = x.jitter ? x.jitter * 0.8 * scatterOf(columns.number[i]) : 0;
      xs[i] = LEFT + (x.to(values[i]) + jitter) * w;
      ys[i] = TOP + (1 - Math.min(1, Math.max(0, y.to(columns.dev_score[i])))) * h;
    }
    return [xs, ys];
  }

  draw(pen, width, height) {
    if (!this.columns) return;
    this.axes(pen, width, height);
    const [xs, ys] = this.places(width, height);
    this.at = [xs, ys];
    const { chosen, pointed, brushed } = this.selection;
    const many = xs.length > 600;
    for (const inside of [false, true]) {
      if (!inside && !brushed) continue;
      pen.fillStyle = inside ? colour("--point") : colour("--crowd");
      pen.globalAlpha = inside ? (many ? 0.5 : 0.72) : 1;
      for (let i = 0; i < xs.length; i++) {
        if (this.kept[i] !== inside || !(xs[i] >= 0)) continue;
        if (many) {
          pen.fillRect(xs[i] - 1.4, ys[i] - 1.4, 2.8, 2.8);
          continue;
        }
        pen.beginPath();
        pen.arc(xs[i], ys[i], 2.2, 0, 6.2832);
        pen.fill();
      }
    }
    pen.globalAlpha = 1;
    for (let i = 0; i < xs.length; i++) {
      const place = chosen.indexOf(this.columns.number[i]);
      if (place >= 0 && xs[i] >= 0) this.ring(pen, xs[i], ys[i], colour(MARKS[place]), 4.6, 2.4);
      if (this.columns.number[i] === pointed && xs[i] >= 0) this.ring(pen, xs[i], ys[i], colour("--ink"), 5.5, 1.4);
    }
    this.brush(pen, width, height);
  }

  ring(pen, x, y, stroke, radius, line) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 6.2832);
    pen.strokeStyle = stroke;
    pen.lineWidth = line;
    pen.stroke();
  }

  axes(pen, width, height) {
    const [w, h] = [width - LEFT - RIGHT, height - TOP - BELOW];
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    for (const [place, label] of this.y.ticks(4)) {
      const y = Math.round(TOP + (1 - place) * h) + 0.5;
      pen.strokeStyle = colour("--line");
      pen.beginPath();
      pen.moveTo(LEFT, y);
      pen.lineTo(width - RIGHT, y);
      pen.stroke();
      pen.fillStyle = colour("--muted");
      text(pen, label, LEFT - 6, y, "right");
    }
    pen.textBaseline = "alphabetic";
    pen.fillStyle = colour("--muted");
    const marks = this.x.ticks(4);
    const room = this.x.options ? w / marks.length - 4 : 60;
    for (const [place, label] of marks) text(pen, label, LEFT + place * w, height - 5, "center", room);
  }

  brush(pen, width, height) {
    const shape = this.drag?.moved ? this.drag.shape : this.brushedShape(width, height);
    if (!shape) return;
    const [x0, y0, x1, y1] = shape;
    pen.fillStyle = colour("--brush");
    pen.fillRect(x0, y0, x1 - x0, y1 - y0);
    pen.strokeStyle = colour("--roe");
    pen.lineWidth = 1;
    pen.strokeRect(x0 + 0.5, y0 + 0.5, x1 - x0 - 1, y1 - y0 - 1);
  }

  brushedShape(width, height) {
    const range = this.selection.where[this.parameter.column];
    if (!Array.isArray(range) || this.x.options) return null;
    const [w, h] = [width - LEFT - RIGHT, height - TOP - BELOW];
    const scores = this.selection.where.dev_score;
    const clip = (place) => Math.min(1, Math.max(0, place));
    const ends = Array.isArray(scores) ? scores.map((one) => clip(this.y.to(one))) : [0, 1];
    return [LEFT + clip(this.x.to(range[0])) * w, TOP + (1 - ends[1]) * h, LEFT + clip(this.x.to(range[1])) * w, TOP + (1 - ends[0]) * h];
  }

  nearest(x, y) {
    if (!this.at) return -1;
    let [best, least] = [-1, NEAR * NEAR];
    const [xs, ys] = this.at;
    for (let i = 0; i < xs.length; i++) {
      const far = (xs[i] - x) ** 2 + (ys[i] - y) ** 2 + (this.kept[i] ? 0 : 30);
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  begin(event) {
    this.plane.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.plane.place(event);
    this.drag = { x, y, moved: false };
  }

  move(event) {
    const [x, y] = this.plane.place(event);
    if (this.drag) {
      const { width, height } = this.plane;
      if (!this.drag.moved && Math.hypot(x - this.drag.x, y - this.drag.y) < 5) return;
      this.drag.moved = true;
      const [left, right] = [Math.min(x, this.drag.x), Math.max(x, this.drag.x)];
      const [top, bottom] = [Math.min(y, this.drag.y), Math.max(y, this.drag.y)];
      this.drag.shape = [Math.max(LEFT, left), Math.max(TOP, top), Math.min(width - RIGHT, right), Math.min(height - BELOW, bottom)];
      this.plane.redraw();
      return;
    }
    const found = this.nearest(x, y);
    if (found < 0) {
      hideTip();
      this.selection.point(null);
      return;
    }
    const { columns, parameter, study } = this;
    this.selection.point(columns.number[found]);
    showTip(event.clientX, event.clientY, [
      [`trial ${columns.number[found]}`, columns.state[found]],
      [`dev ${study.metric}`, score(columns.dev_score[found])],
      [parameter.name, number(this.values[found])],
    ]);
  }

  end(event) {
    const drag = this.drag;
    this.drag = null;
    const [x, y] = this.plane.place(event);
    if (!drag?.moved) {
      const found = this.nearest(x, y);
      if (found >= 0) this.selection.choose(this.columns.number[found]);
      else this.selection.brush({ [this.parameter.column]: null, dev_score: null });
      return;
    }
    const { width, height } = this.plane;
    const [w, h] = [width - LEFT - RIGHT, height - TOP - BELOW];
    const [x0, y0, x1, y1] = drag.shape;
    const across = [(x0 - LEFT) / w, (x1 - LEFT) / w];
    const up = [1 - (y1 - TOP) / h, 1 - (y0 - TOP) / h];
    const scores = [up[0] <= 0.02 ? null : this.y.from(up[0]), up[1] >= 0.98 ? null : this.y.from(up[1])];
    this.selection.brush({
      [this.parameter.column]: this.range(across),
      dev_score: scores[0] === null && scores[1] === null ? null : scores,
    });
  }

  range([from, to]) {
    if (!this.x.options) return [this.x.from(from), this.x.from(to)];
    const span = this.x.options.length;
    const found = this.x.options.filter((_, i) => (i + 1) / span > from && i / span < to);
    const numeric = found.filter((one) => typeof one === "number");
    return numeric.length ? [Math.min(...numeric), Math.max(...numeric)] : { in: found };
  }

  close() {
    this.plane.close();
  }
}
