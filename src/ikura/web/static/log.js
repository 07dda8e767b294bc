// The log of a study: what a hand asked for, and what became of it.

import { h, put } from "./dom.js";
import { empty } from "./parts.js";
import { ask } from "./net.js";
import { log } from "./steering.js";
import { plural } from "./words.js";

export class Log {
  constructor(place, query) {
    this.place = place;
    this.run = query.get("run") ?? "";
  }

  async load() {
    const { run } = this;
    const [study, { interventions }] = await Promise.all([ask("study", { run }), ask("log", { run })]);
    this.study = study;
    this.title = `log · ${study.run}`;
    if (interventions.length) {
      put(this.place, h("div", { class: "head" }, h("h1", {}, "Log"), h("p", { class: "quiet" }, plural(interventions.length, "request"))), h("section", { class: "panel" }, log(interventions, run)));
    } else {
      put(this.place, empty("Nothing was asked of this study", "What a hand changes while it trains is listed here, with what became of it: open a trial that trains."));
    }
    return [study.run, "log"];
  }

  close() {}
}
