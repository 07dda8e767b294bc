// What mattered: importance of hyperparameters, borders, the Pareto front; measured beside the server, slowly.

import { address, h, put } from "./dom.js";
import { ask } from "./net.js";
import { asWords, number, score } from "./words.js";

const FEWEST = 20;

export class Mattered {
  constructor(place, run) {
    Object.assign(this, { place, run, busy: false });
    place.hidden = true;
  }

  async load(study) {
    if (this.busy || study.ended < FEWEST || study.version === this.version) return;
    this.busy = true;
    if (this.place.hidden) {
      this.place.hidden = false;
      put(this.place, this.panel("What mattered", h("p", { class: "quiet" }, "measuring…")));
    }
    try {
      const found = await ask("mattered", { run: this.run });
      this.version = study.version;
      this.show(found, study);
    } catch (error) {
      put(this.place, this.panel("What mattered", h("p", { class: "quiet" }, error.message)));
    } finally {
      this.busy = false;
    }
  }

  panel(title, ...content) {
    return h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, title)), ...content);
  }

  show(found, study) {
    const most = Math.max(...found.importance.map((one) => one.importance), 1e-9);
    const bars = found.importance.map((one) => {
      const unsure = one.chance !== null && one.importance <= one.chance;
      return [
        h("span", { title: one.hyperparameter }, one.hyperparameter),
        h("span", {}, h("i", { class: unsure ? "faint" : "", css: { width: `${(100 * one.importance) / most}%` } })),
        h("span", {}, `${(100 * one.importance).toFixed(1)} %${unsure ? ", as by chance" : ""}`),
      ];
    });
    const said = [found.note, ...found.borders].map((one) => h("p", { class: "quiet" }, one));
    put(this.place, this.panel("What mattered", h("div", { class: "bars" }, bars), h("div", { class: "said" }, said)), found.front ? this.front(found.front, study) : null);
  }

  front(rows, study) {
    const others = study.objectives;
    const cells = (one) => [
      h("td", {}, h("a", { href: address("/trial", { run: this.run, trial: one.number }) }, one.number)),
      h("td", {}, score(one.dev_score)),
      others.map((name) => h("td", {}, number(one[name]))),
    ];
    return h(
      "section",
      { class: "panel" },
      h("div", { class: "top" }, h("h2", {}, "Pareto front"), h("span", { class: "quiet" }, "no other trial is better in one without being worse in another")),
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["trial", `dev ${asWords(study.metric)}`, ...others.map(asWords)].map((one) => h("th", { scope: "col" }, one)))),
          h("tbody", {}, rows.slice(0, 50).map((one) => h("tr", {}, cells(one)))),
        ),
      ),
    );
  }
}
