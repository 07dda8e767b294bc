// The table of trials, sorted, filtered and paged by the server.

import { address, h, put } from "./dom.js";
import { stateOf } from "./parts.js";
import { MARKS } from "./plane.js";
import { ask } from "./net.js";
import { HP, NOTHING, asWords, count, number, score } from "./words.js";

const SIZE = 25;

export class TrialTable {
  constructor(place, run, selection) {
    Object.assign(this, { place, run, selection, offset: 0, asked: 0 });
    this.sort = { column: "dev_score", down: null };
    this.body = h("tbody");
    this.headings = h("tr");
    this.about = h("span", { "aria-live": "polite" });
    this.back = h("button", { type: "button", on: { click: () => this.turn(-SIZE) } }, "‹ Before");
    this.on = h("button", { type: "button", on: { click: () => this.turn(SIZE) } }, "Next ›");
    put(
      place,
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, this.headings), this.body)),
      h("div", { class: "pager" }, this.back, this.on, this.about),
    );
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  // Ask for the rows; they are shown when `study` is known.
  async load() {
    const turn = ++this.asked;
    const { column, down } = this.sort;
    const found = await ask("trials", {
      run: this.run,
      sort: column,
      down: down === null ? null : Number(down),
      offset: this.offset,
      size: SIZE,
      where: JSON.stringify(this.selection.where),
    });
    if (turn !== this.asked) return;
    this.found = found;
    if (this.offset >= found.total && this.offset) {
      this.offset = 0;
      await this.load();
    } else if (this.study) this.show();
  }

  get columns() {
    const varying = this.study.hyperparameters.filter((one) => !one.fixed).map((one) => [one.column, one.name, number]);
    return [
      ["number", "trial", String],
      ["state", "state", stateOf],
      ["dev_score", `dev ${asWords(this.study.metric)}`, score],
      ["dev_loss", "dev loss", number],
      ["train_score", "training", score],
      ["epochs", "epochs", number],
      ...varying,
    ];
  }

  show(study) {
    this.study = study ?? this.study;
    const { columns, down } = this.found;
    const shown = this.columns.filter(([name]) => columns[name]);
    put(
      this.headings,
      h("th", { scope: "col" }, h("span", { title: "drawn in the curves" }, "curve")),
      shown.map(([name, words]) => {
        const now = name === this.sort.column;
        const arrow = now ? (down ? " ↓" : " ↑") : "";
        const click = () => this.by(name, down);
        return h("th", { scope: "col", class: name === "state" ? "words" : "", "aria-sort": now ? (down ? "descending" : "ascending") : null }, h("button", { type: "button", on: { click } }, `${words}${arrow}`));
      }),
    );
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.trial : null;
    put(this.body, columns.number.map((trial, i) => this.row(trial, i, shown)));
    if (focused) this.body.querySelector(`[data-trial="${Number(focused)}"]`)?.focus({ preventScroll: true });
    const { total } = this.found;
    const last = Math.min(total, this.offset + SIZE);
    this.about.textContent = total ? `${count(this.offset + 1)} to ${count(last)} of ${count(total)}` : "No trial is within all brushes: clear one.";
    this.back.disabled = this.offset === 0;
    this.on.disabled = last >= total;
    this.mark();
  }

  row(trial, i, shown) {
    const { columns } = this.found;
    const finalist = columns.purpose[i] === "finalist";
    const steered = this.found.steered.includes(trial);
    const cells = shown.map(([name, , write]) => {
      const value = columns[name][i];
      if (name === "number") {
        const about = [finalist ? `finalist of ${columns.parent[i]}` : null, steered ? "a hand has changed it" : null].filter(Boolean).join(", ");
        return h("td", {}, h("a", { href: address("/trial", { run: this.run, trial }), title: about || null }, `${trial}${finalist ? " ★" : ""}${steered ? " ✎" : ""}`));
      }
      return h("td", { class: name === "state" ? "words" : "" }, value === null ? NOTHING : write(value));
    });
    return h(
      "tr",
      {
        tabindex: "0",
        "data-trial": trial,
        on: {
          click: (event) => event.target.closest("a") || this.selection.choose(trial),
          pointerenter: () => this.selection.point(trial),
          pointerleave: () => this.selection.point(null),
        },
      },
      h("td", {}, h("span", { class: "mark" })),
      cells,
    );
  }

  // Colour the rows of trials that are chosen or pointed at.
  mark() {
    for (const row of this.body.rows) {
      const trial = Number(row.dataset.trial);
      const place = this.selection.chosen.indexOf(trial);
      row.classList.toggle("pointed", trial === this.selection.pointed);
      row.setAttribute("aria-selected", String(place >= 0));
      const mark = row.querySelector(".mark");
      mark.classList.toggle("on", place >= 0);
      mark.style.setProperty("--colour", place >= 0 ? `var(${MARKS[place]})` : "");
    }
  }

  by(column, down) {
    const now = column === this.sort.column;
    this.sort = { column, down: now ? !down : column === "dev_score" ? null : column !== "number" && !column.startsWith(HP) };
    this.offset = 0;
    this.load();
  }

  turn(by) {
    this.offset = Math.max(0, this.offset + by);
    this.load();
  }

  key(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("a")) return;
    const trial = Number(row.dataset.trial);
    const steps = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, j: row.nextElementSibling, k: row.previousElementSibling };
    if (event.key in steps) {
      event.preventDefault();
      steps[event.key]?.focus();
    } else if (event.key === " ") {
      event.preventDefault();
      this.selection.choose(trial);
    } else if (event.key === "Enter") row.querySelector("a").click();
  }
}
