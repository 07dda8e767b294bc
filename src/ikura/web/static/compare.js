// Two trials side by side: their curves, the difference epoch by epoch with its interval, and what they do differently.

import { address, h, put } from "./dom.js";
import { Lines } from "./lines.js";
import { facts, legend, stateOf, stroke, toggles } from "./parts.js";
import { ask } from "./net.js";
import { standing, valueOf } from "./steering.js";
import { asWords, number, score } from "./words.js";

export class Compare {
  constructor(place, query) {
    this.place = place;
    this.run = query.get("run") ?? "";
    this.pair = [query.get("a") ?? "0", query.get("b") ?? "1"];
    this.what = "dev_score";
    this.measured = null;
    this.measuring = "";
  }

  async load() {
    const { run } = this;
    const each = (what) => Promise.all(this.pair.map((trial) => ask(what, { run, trial })));
    const [a, b] = this.pair;
    const [study, two, logs, parted] = await Promise.all([ask("study", { run }), each("trial"), each("log"), ask("parted", { run, a, b })]);
    // What each was set to while it trained counts as well.
    Object.assign(this, { study, two, parts: parted.epoch, now: two.map((one, i) => standing(one, logs[i].interventions)) });
    const title = `trials ${this.pair[0]} and ${this.pair[1]}`;
    this.title = `${title} · ${study.run}`;
    if (!this.built) this.build();
    this.show();
    // Nobody else needs the processor: the interval is there without being asked for.
    if (!study.live && this.measured === null && this.measuring === "") this.measure();
    return [study.run, title];
  }

  build() {
    this.built = true;
    this.top = h("div");
    this.heading = h("div", { class: "top" });
    this.legend = h("div");
    this.told = h("p", { class: "quiet" });
    const curves = h("div", { class: "plot" });
    const difference = h("div", { class: "plot", css: { height: "220px" } });
    this.rest = h("div");
    this.offer = h("span", { class: "right chips" });
    put(
      this.place,
      this.top,
      h("section", { class: "panel" }, this.heading, curves, this.legend),
      h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "Difference"), this.told, this.offer), difference),
      this.rest,
    );
    this.curves = new Lines(curves, "curves of both trials");
    this.difference = new Lines(difference, "difference of the two curves, epoch by epoch");
  }

  // Both are trained again, beside the server, on the same mini-batches, noise and dev examples.
  async measure() {
    this.measuring = "training both again…";
    this.show();
    try {
      const [a, b] = this.pair;
      this.measured = await ask("paired", { run: this.run, a: b, b: a });
      this.what = "dev_loss";
      this.measuring = "";
    } catch (error) {
      this.measuring = error.message;
    }
    if (this.place.isConnected && this.built) this.show();
  }

  show() {
    const { study, two, what, run, measured, parts } = this;
    const [a, b] = two;
    const marks = parts === null ? [] : [{ epoch: parts, label: `they part at epoch ${parts}`, colour: "--roe" }];
    const names = { dev_score: `dev ${asWords(study.metric)}`, dev_loss: "dev loss", train_loss: "training loss" };
    put(
      this.top,
      h("div", { class: "head" }, h("h1", {}, `Trials ${a.trial.number} and ${b.trial.number}`), h("a", { class: "button", href: address("/compare", { run, a: b.trial.number, b: a.trial.number }) }, "Swap")),
    );
    const choose = (one) => {
      this.what = one;
      this.show();
    };
    put(this.heading, h("h2", {}, "Curves"), h("span", { class: "right" }, toggles("what is drawn", Object.entries(names), what, choose)));
    this.curves.show(two.map((one, mark) => ({ name: `trial ${one.trial.number}`, x: one.curve.epoch, y: one.curve[what], mark })), { log: what !== "dev_score", marks });
    put(this.legend, legend(two.map((one, mark) => [stroke(mark), h("a", { href: address("/trial", { run, trial: one.trial.number }) }, `trial ${one.trial.number}`), ...stateOf(one.trial.state), h("span", {}, score(one.trial.dev_score))])));
    const other = new Map(b.curve.epoch.map((epoch, i) => [epoch, b.curve[what][i]]));
    const shared = a.curve.epoch.map((epoch, i) => [epoch, a.curve[what][i], other.get(epoch)]).filter(([, x, y]) => typeof x === "number" && typeof y === "number");
    const inPairs = measured !== null && what === "dev_loss";
    const line = inPairs
      ? { name: names[what], x: measured.epoch, y: measured.dev_loss, band: [measured.low, measured.high], mark: 2, dash: [] }
      : { name: names[what], x: shared.map(([epoch]) => epoch), y: shared.map(([, x, y]) => x - y), mark: 2, dash: [] };
    this.difference.show([line], { zero: true, marks });
    put(this.offer, this.measuring ? h("span", { class: "quiet", role: "status" }, this.measuring) : measured === null ? h("button", { type: "button", title: "trains both again, on the same mini-batches, noise and dev examples", on: { click: () => this.measure() } }, "Measure the interval") : null);
    const last = shared.at(-1);
    if (inPairs) this.told.textContent = toldInPairs(measured, a.trial.number, b.trial.number);
    else this.told.textContent = last ? `${names[what]} of trial ${a.trial.number} minus trial ${b.trial.number}; ${number(last[1] - last[2], 3)} at epoch ${last[0]}, the last that both have` : "they have no epoch in common";
    const all = [...new Set(this.now.flatMap((one) => Object.keys(one)))];
    const values = new Map(all.map((name) => [name, two.map((one, i) => valueOf(name, one, this.now[i]))]));
    const differ = new Set(all.filter((name) => a.hyperparameters[name] !== b.hyperparameters[name] || this.now[0][name] !== this.now[1][name]));
    const rows = (chosen) => facts(chosen.map((name) => [name, differ.has(name) ? values.get(name).join(" | ") : values.get(name)[0]]), differ);
    const same = all.filter((name) => !differ.has(name));
    put(
      this.rest,
      h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "What they do differently"), h("span", { class: "quiet" }, `trial ${a.trial.number} | trial ${b.trial.number}`)), differ.size ? rows([...differ]) : h("p", { class: "quiet" }, "Nothing: they have the same hyperparameters.")),
      same.length ? h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "What they share")), rows(same)) : null,
    );
  }

  close() {
    if (!this.built) return;
    this.curves.close();
    this.difference.close();
  }
}

// The last difference with its interval, and whether it is one beyond chance.
function toldInPairs({ epoch, dev_loss, low, high }, a, b) {
  const i = epoch.length - 1;
  if (i < 0) return "they have no epoch in common";
  const [from, to] = [low[i], high[i]];
  const sure = from > 0 || to < 0 ? "" : ", which may be chance";
  return `dev loss of trial ${a} minus trial ${b}, in pairs over dev examples; ${number(dev_loss[i], 3)} at epoch ${epoch[i]} (95 % interval ${number(from, 3)} to ${number(to, 3)})${sure}`;
}
