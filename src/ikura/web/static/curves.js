// The curves of chosen trials: dev score, dev loss or training loss over epochs.

import { address, h, put } from "./dom.js";
import { Lines } from "./lines.js";
import { legend, stroke, toggles } from "./parts.js";
import { ask } from "./net.js";
import { asWords, score } from "./words.js";

export class Curves {
  constructor(place, run, selection) {
    Object.assign(this, { run, selection, what: "dev_score", asked: 0, found: {} });
    this.heading = h("div", { class: "top" });
    this.legend = h("div");
    const box = h("div", { class: "plot" });
    put(place, this.heading, box, this.legend);
    this.lines = new Lines(box, "curves of the chosen trials");
  }

  // The trials that are drawn: the chosen ones, or the best where none is.
  get numbers() {
    return this.selection.chosen.length ? this.selection.chosen : this.best ?? [];
  }

  async load(study, best) {
    this.study = study ?? this.study;
    this.best = best ?? this.best;
    const turn = ++this.asked;
    const numbers = this.numbers;
    const found = numbers.length ? await ask("curves", { run: this.run, trials: numbers.join(",") }) : {};
    if (turn !== this.asked) return;
    this.found = found;
    this.show();
  }

  show() {
    const names = { dev_score: `dev ${asWords(this.study.metric)}`, dev_loss: "dev loss", train_loss: "training loss" };
    const choose = (what) => {
      this.what = what;
      this.show();
    };
    const numbers = this.numbers;
    const some = this.selection.chosen.length > 0;
    put(
      this.heading,
      h("h2", {}, "Curves"),
      h("span", { class: "quiet" }, some ? "of the chosen trials" : "of the best trials; choose others in the table or a chart"),
      h("span", { class: "right" }, toggles("what is drawn", Object.entries(names), this.what, choose)),
    );
    this.lines.show(
      numbers.filter((one) => this.found[one]).map((one, mark) => ({ name: `trial ${one}`, x: this.found[one].epoch, y: this.found[one][this.what], mark })),
      { log: this.what !== "dev_score" },
    );
    const links = numbers.map((one, mark) => [
      stroke(mark),
      h("a", { href: address("/trial", { run: this.run, trial: one }) }, `trial ${one}`),
      h("span", {}, score(this.found[one]?.dev_score.at(-1))),
    ]);
    const [a, b] = this.selection.chosen.slice(-2);
    put(this.legend, legend(links), b === undefined ? null : h("p", {}, h("a", { class: "button", href: address("/compare", { run: this.run, a, b }) }, `Compare ${a} and ${b}`)));
  }

  close() {
    this.lines.close();
  }
}
