// One study: how it stands, its trials in linked charts and a table, what mattered.

import { address, h, inFrame, put } from "./dom.js";
import { badge, card, empty, legend, stateBar, stateOf, whisker } from "./parts.js";
import { scoreEnds } from "./plane.js";
import { ask, inTurn } from "./net.js";
import { Curves } from "./curves.js";
import { Mattered } from "./mattered.js";
import { Parallel } from "./parallel.js";
import { Scatter } from "./scatter.js";
import { Selection } from "./selection.js";
import { StudyHand } from "./study_hand.js";
import { TrialTable } from "./table.js";
import { HP, ago, asWords, count, duration, number, plural, score } from "./words.js";

const MOST_AXES = 9;

export class Study {
  constructor(place, query) {
    this.place = place;
    this.run = query.get("run") ?? "";
    this.selection = new Selection();
    this.scatters = new Map();
    this.load = inTurn(() => this.renew());
    const draw = inFrame(() => this.draw());
    this.selection.addEventListener("brushed", () => {
      draw();
      this.table.offset = 0;
      this.table.load();
      this.chips();
    });
    this.selection.addEventListener("chosen", () => {
      draw();
      this.table.mark();
      this.curves.load();
    });
    this.selection.addEventListener("pointed", inFrame(() => {
      this.redraw();
      this.table?.mark();
    }));
  }

  async renew() {
    const run = this.run;
    const before = this.built ? this.study.version : null;
    this.build();
    const asked = { rows: null, points: null };
    // The first time everything is asked for at once; later only if the study has changed.
    if (before === null) Object.assign(asked, { rows: this.table.load(), points: ask("points", { run }) });
    for (const one of Object.values(asked)) one?.catch(() => {});
    this.study = await ask("study", { run });
    const { study } = this;
    this.title = study.run;
    this.head();
    this.hand.show(study);
    if (study.version === before) return [study.run];
    await (asked.rows ?? this.table.load());
    this.table.show(study);
    this.points = await (asked.points ?? ask("points", { run }));
    this.draw();
    // What can be asked is told by a process that loads much first: nothing waits for it.
    this.hand.load(study, this.points);
    await this.curves.load(study, this.best());
    this.mattered.load(study);
    await this.rounds();
    return [study.run];
  }

  best() {
    const { columns } = this.points;
    const sign = this.study.greater ? -1 : 1;
    const order = columns.number.map((_, i) => i).filter((i) => columns.purpose[i] === "search" && typeof columns.dev_score[i] === "number");
    return order.sort((a, b) => sign * (columns.dev_score[a] - columns.dev_score[b])).slice(0, 3).map((i) => columns.number[i]);
  }

  build() {
    if (this.built) return;
    this.built = true;
    const panel = (...children) => h("section", { class: "panel" }, ...children);
    this.top = h("div");
    this.parallelBox = h("div", { class: "plot", css: { height: "320px" } });
    this.shown = h("span", { class: "quiet" });
    this.multiples = h("div", { class: "multiples" });
    const curves = panel();
    const table = h("div");
    this.states = h("span", { class: "right chips" });
    this.roundsBox = h("div");
    this.brushes = h("div", { class: "brushes", hidden: true, role: "status" });
    const parallel = panel(h("div", { class: "top" }, h("h2", {}, "Trials"), this.shown), this.parallelBox);
    const against = panel(h("div", { class: "top" }, h("h2", {}, "Hyperparameters against the score"), h("span", { class: "quiet" }, "drag to brush, click to choose")), this.multiples);
    this.against = against;
    this.some = h("div", {}, parallel, against, curves, panel(h("div", { class: "top" }, h("h2", {}, "Table"), this.states), table), this.brushes);
    this.none = h("div", { hidden: true }, empty("No trial has ended yet", "The first scores appear here by themselves."));
    const mattered = h("div");
    this.handBox = h("section", { class: "panel", hidden: true });
    this.hand = new StudyHand(this.handBox, this.run, () => this.load());
    put(this.place, this.top, this.none, this.handBox, this.some, h("div", { class: "pair" }, mattered, this.roundsBox));
    this.mattered = new Mattered(mattered, this.run);
    this.parallel = new Parallel(this.parallelBox, this.selection);
    this.curves = new Curves(curves, this.run, this.selection);
    this.table = new TrialTable(table, this.run, this.selection);
  }

  head() {
    const { study } = this;
    const about = [study.data, study.task, study.search, study.schedule, study.network].filter(Boolean).join(" · ");
    put(
      this.top,
      h("div", { class: "head" }, h("h1", {}, study.run), badge(study.state), study.asked ? h("a", { class: "badge plain", href: address("/log", { run: this.run }) }, plural(study.asked, "request")) : null, h("p", { class: "quiet" }, about)),
      study.state === "stopped" ? h("p", { class: "note" }, "No process works on this study. ", h("code", {}, `ikura resume ${quoted(study.folder)}`), " goes on with it.") : null,
      h("div", { class: "cards" }, this.bestCard(), this.testCard(), this.trialsCard(), this.stagesCard()),
    );
  }

  bestCard() {
    const { study } = this;
    const title = `${study.best?.final ? "Chosen" : "Best so far"}: dev ${asWords(study.metric)}`;
    if (!study.best) return card(title, "–", h("p", { class: "quiet" }, "no trial has ended yet"));
    const { number: trial, dev, interval, corrected } = study.best;
    const found = card(
      title,
      score(dev),
      whisker(dev, interval),
      h("p", { class: "quiet" }, h("a", { href: address("/trial", { run: this.run, trial }) }, `trial ${trial}`), typeof corrected === "number" ? `, ${score(corrected)} corrected for having been picked` : study.best.final ? "" : ", not corrected for having been picked"),
    );
    found.classList.add("main");
    return found;
  }

  testCard() {
    const { study } = this;
    if (!study.test) return null;
    return card(`Test ${asWords(study.test.metric)}, measured once`, score(study.test.value), whisker(study.test.value, study.test.interval));
  }

  trialsCard() {
    const { study } = this;
    const { of, done, total } = study.work;
    const share = study.live && total ? h("span", { title: `${count(done)} of ${count(total)} epochs` }, `${Math.floor((100 * done) / total)} % of the ${of}`) : null;
    const left = study.left === null ? null : `about ${duration(Math.max(10, Math.ceil(study.left)))} left`;
    const took = Object.entries(study.seconds).reduce((sum, [, value]) => sum + value, 0);
    const time = study.live ? `begun ${ago(study.begun)}` : took ? `${duration(took)} of work` : null;
    return card(
      "Trials",
      `${count(study.ended)} of ${count(Math.max(study.planned, study.searched))}`,
      stateBar(study.counts, Math.max(study.planned, study.trials)),
      legend(Object.entries(study.counts).map(([state, value]) => [null, ...stateOf(state), ` ${count(value)}`])),
      h("p", { class: "quiet" }, share, share && (left || time) ? " · " : null, [left, time].filter(Boolean).join(" · ")),
    );
  }

  stagesCard() {
    const { stages } = this.study;
    if (!stages.length) return null;
    const now = stages.findLast((one) => one.ended < one.trials && this.study.live) ?? null;
    return h(
      "section",
      { class: "card" },
      h("h2", {}, now ? `Stage: ${now.name}` : "Stages"),
      h(
        "ol",
        { class: "steps" },
        stages.slice(-7).map((one) =>
          h("li", { class: one === now ? "now" : "" }, h("span", { title: one.name }, one.name), h("progress", { max: one.total || 1, value: one.done, "aria-label": one.name }), h("span", {}, `${count(one.ended)}/${count(one.trials)} · ${plural(one.epochs, "epoch")}`)),
        ),
      ),
    );
  }

  draw() {
    const { points, study, selection } = this;
    const some = points.columns.number.length > 0;
    this.some.hidden = !some && study.trials === 0;
    this.none.hidden = some || study.trials > 0;
    this.against.hidden = this.parallelBox.hidden = !some;
    if (!some) {
      this.shown.textContent = "no trial has a score yet; the first appear here by themselves, and the table shows what trains";
      return;
    }
    const kept = selection.kept(points.columns);
    this.kept = kept;
    const ends = scoreEnds(points.columns.dev_score, study.greater);
    const parameters = study.hyperparameters.filter((one) => !one.fixed);
    this.parallel.show(points.columns, kept, ends, parameters.slice(0, MOST_AXES), study);
    const drawn = points.columns.number.length;
    const inside = kept.filter(Boolean).length;
    this.shown.textContent = [
      drawn < points.scored ? `${count(drawn)} of ${count(points.scored)} drawn: the best, and evenly of the others` : `${plural(drawn, "trial")} with a score`,
      selection.brushed ? `${count(inside)} of them brushed` : "drag along an axis to brush",
    ].join(" · ");
    this.small(parameters, kept, ends);
    this.stateChips();
  }

  small(parameters, kept, ends) {
    const wanted = new Set(parameters.map((one) => one.name));
    for (const [name, one] of this.scatters) {
      if (wanted.has(name)) continue;
      one.close();
      one.holder.remove();
      this.scatters.delete(name);
    }
    for (const parameter of parameters) {
      if (!this.scatters.has(parameter.name)) {
        const box = h("div", { class: "plot" });
        const holder = h("div", {}, h("h3", { title: parameter.name }, parameter.name, h("small", {}, SCALES[parameter.scale] ?? "")), box);
        this.multiples.append(holder);
        const made = new Scatter(box, parameter, { metric: asWords(this.study.metric) }, this.selection);
        made.holder = holder;
        this.scatters.set(parameter.name, made);
      }
      this.scatters.get(parameter.name).show(this.points.columns, kept, ends, parameter);
    }
  }

  redraw() {
    if (!this.built) return;
    this.parallel.plane.redraw();
    for (const one of this.scatters.values()) one.plane.redraw();
  }

  stateChips() {
    const now = this.selection.where.state?.in;
    put(
      this.states,
      Object.entries(this.study.counts).map(([state, value]) =>
        h("button", { type: "button", "aria-pressed": String(now?.includes(state) ?? false), on: { click: () => this.selection.brush({ state: now?.includes(state) ? null : { in: [state] } }) } }, ...stateOf(state), ` ${count(value)}`),
      ),
    );
  }

  chips() {
    const { where } = this.selection;
    this.brushes.hidden = !this.selection.brushed;
    put(
      this.brushes,
      Object.entries(where).map(([column, form]) => {
        const name = column.startsWith(HP) ? column.slice(HP.length) : asWords(column);
        return h("button", { type: "button", title: "take this brush away", on: { click: () => this.selection.brush({ [column]: null }) } }, `${name} ${told(form)} ✕`);
      }),
      h("button", { type: "button", class: "main", on: { click: () => this.selection.clear() } }, "Clear all"),
    );
  }

  async rounds() {
    if (this.study.version === this.seen) return;
    this.seen = this.study.version;
    const { rounds } = await ask("rounds", { run: this.run });
    const some = rounds.filter((one) => one.drop || one.train || one.copies);
    if (!some.length) return put(this.roundsBox);
    const names = new Map(this.study.stages.map((one) => [one.stage, one.name]));
    put(
      this.roundsBox,
      h(
        "section",
        { class: "panel" },
        h("div", { class: "top" }, h("h2", {}, "Rounds"), h("span", { class: "quiet" }, "what the schedule decided, the last first")),
        h(
          "div",
          { class: "scroll", css: { "max-height": "20rem" } },
          h(
            "table",
            {},
            h("thead", {}, h("tr", {}, ["stage", "round", "go on", "begin", "copied", "dropped", "to epoch"].map((one, i) => h("th", { class: i ? "" : "words" }, one)))),
            h("tbody", {}, some.reverse().slice(0, 100).map((one) => h("tr", {}, h("td", { class: "words" }, names.get(one.stage) ?? `stage ${one.stage}`), [one.round + 1, one.train, one.fresh, one.copies, one.drop].map((value) => h("td", {}, count(value))), h("td", {}, one.epochs.join(", "))))),
          ),
        ),
      ),
    );
  }

  key(event) {
    if (event.key === "Escape" && this.selection.brushed) this.selection.clear();
    else if (event.key === "t") this.table.body.rows[0]?.focus();
    else if (event.key === "c" && this.selection.chosen.length > 1) {
      const [a, b] = this.selection.chosen.slice(-2);
      return address("/compare", { run: this.run, a, b });
    }
    return null;
  }

  close() {
    if (!this.built) return;
    this.parallel.close();
    this.curves.close();
    for (const one of this.scatters.values()) one.close();
  }
}

const SCALES = { log: "log scale", "integer-log": "log scale", "log-complement": "1 − x, log scale" };

function told(form) {
  if (!Array.isArray(form)) return `is ${form.in.join(" or ")}`;
  const [low, high] = form;
  if (low === null) return `≤ ${number(high, 3)}`;
  if (high === null) return `≥ ${number(low, 3)}`;
  return `${number(low, 3)} to ${number(high, 3)}`;
}

function quoted(path) {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
