// All runs below the folder that is served.

import { address, h, put } from "./dom.js";
import { badge, empty, stateBar } from "./parts.js";
import { ask } from "./net.js";
import { ago, asWords, count, score } from "./words.js";

export class Runs {
  constructor(place) {
    this.place = place;
    this.run = null;
  }

  async load() {
    const found = await ask("runs");
    this.title = found.folder;
    this.built = true;
    if (found.single) {
      location.replace(address("/study", { run: found.runs[0]?.run ?? found.folder }));
      return [];
    }
    if (!found.runs.length) {
      put(
        this.place,
        empty("No runs here yet", ["Begin one in another terminal, and it appears here by itself: ", h("code", {}, "ikura tune penguins.csv --target species")]),
      );
      return [];
    }
    const active = found.runs.filter((one) => one.state === "training").length;
    put(
      this.place,
      h("div", { class: "head" }, h("h1", {}, "Runs"), h("p", { class: "quiet" }, `${count(found.runs.length)} in ${found.folder}${active ? `, ${count(active)} training` : ""}`)),
      h("div", { class: "runs" }, found.runs.map(row)),
    );
    return [];
  }

  close() {}
}

function row(one) {
  const about = [one.data, one.task, one.network && one.network !== "mlp" ? one.network : null, one.search].filter(Boolean).join(" · ");
  const name = [h("span", {}, one.run), badge(one.state)];
  if (one.reason) {
    return h("div", { class: "run" }, h("div", { class: "name" }, name), h("p", { class: "quiet", css: { "grid-column": "2 / -1" } }, one.reason));
  }
  return h(
    "a",
    { class: "run", href: address("/study", { run: one.run }), "data-run": one.run },
    h("div", {}, h("div", { class: "name" }, name), h("p", { class: "quiet" }, about)),
    h("div", {}, stateBar(one.counts, one.planned), h("p", { class: "quiet" }, `${count(one.ended)} of ${count(Math.max(one.planned, one.searched))} trials`)),
    h("div", { class: "best" }, score(one.best), h("small", {}, `dev ${asWords(one.metric)}`)),
    h("div", { class: "when" }, ago(one.changed)),
  );
}
