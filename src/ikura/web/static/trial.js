// One trial: its curves, its hyperparameters, where it came from and what came from it.

import { address, h, put } from "./dom.js";
import { Lines } from "./lines.js";
import { card, facts, legend, stateOf, stroke } from "./parts.js";
import { ask, inTurn, send } from "./net.js";
import { Hand, log, standing, valueOf, whatOf } from "./steering.js";
import { STATES, asWords, count, duration, number, plural, score } from "./words.js";

const PINS = ["pin", "unpin"];

export class Trial {
  constructor(place, query) {
    this.place = place;
    this.run = query.get("run") ?? "";
    this.trial = query.get("trial") ?? "0";
    this.load = inTurn(() => this.renew());
  }

  async renew() {
    const { run, trial } = this;
    const [study, found, asked] = await Promise.all([ask("study", { run }), ask("trial", { run, trial }), ask("log", { run, trial })]);
    Object.assign(this, { study, found, asked: asked.interventions });
    this.title = `trial ${trial} · ${study.run}`;
    if (!this.built) this.build();
    this.show();
    this.steer();
    return [study.run, `trial ${trial}`];
  }

  build() {
    this.built = true;
    this.top = h("div");
    this.lossLegend = h("div");
    const loss = h("div", { class: "plot" });
    const dev = h("div", { class: "plot" });
    this.rest = h("div");
    this.handBox = h("section", { class: "panel", hidden: true });
    this.logBox = h("div");
    const low = () => h("div", { class: "plot", css: { height: "180px" } });
    const [steps, gradients] = [low(), low()];
    const panel = (title, box, below) => h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, title)), box, below);
    const moved = panel("Change of the weights by an epoch, relative to them", steps);
    this.gradientsBox = panel("Norm of the gradient of a mini-batch", gradients);
    this.stepsBox = h("div", { class: "pair" }, moved, this.gradientsBox);
    this.stepsBox.hidden = true;
    put(this.place, this.top, h("div", { class: "pair" }, panel("Loss", loss, this.lossLegend), panel(`Dev ${asWords(this.study.metric)}`, dev)), this.stepsBox, this.handBox, this.logBox, this.rest);
    this.loss = new Lines(loss, "training loss and dev loss over epochs");
    this.dev = new Lines(dev, "dev score over epochs");
    this.steps = new Lines(steps, "change of the weights over epochs, relative to their size");
    this.gradients = new Lines(gradients, "norm of the gradient of a mini-batch over epochs");
  }

  show() {
    const { study, found, run } = this;
    const { trial, curve, hyperparameters, family } = found;
    const finalist = trial.purpose === "finalist";
    // While it trains, the cards show its last epoch so far.
    const last = curve.epoch.length - 1;
    const live = !trial.best_epoch && last >= 0;
    const seen = live ? { dev_score: curve.dev_score[last], dev_loss: curve.dev_loss[last], train_loss: curve.train_loss[last], epochs: curve.epoch[last] } : trial;
    const when = live ? "at the last epoch so far" : trial.best_epoch ? `at epoch ${trial.best_epoch}, of the lowest dev loss` : "no epoch yet";
    put(
      this.top,
      h(
        "div",
        { class: "head" },
        h("h1", {}, `Trial ${trial.number}`),
        this.replay(),
        h("span", { class: "badge plain", title: STATES[trial.state]?.means }, ...stateOf(trial.state)),
        finalist ? h("span", { class: "badge plain" }, `finalist: trial ${trial.parent} with another seed`) : null,
        found.replayed === null ? null : h("span", { class: `badge plain ${found.replayed ? "training" : "broken"}`, title: found.replayed_unlike ?? "" }, found.replayed ? "replayed: same bits" : "replayed: other bits"),
        study.best?.number === trial.number ? h("span", { class: "badge plain training" }, study.best.final ? "chosen" : "best so far") : null,
      ),
      h(
        "div",
        { class: "cards" },
        card(`Dev ${asWords(study.metric)}`, score(seen.dev_score), h("p", { class: "quiet" }, when)),
        card("Dev loss", number(seen.dev_loss), h("p", { class: "quiet" }, `training loss ${number(seen.train_loss)}`)),
        card(`Training ${asWords(study.metric)}`, score(trial.train_score)),
        card("Epochs", count(seen.epochs), h("p", { class: "quiet" }, trial.seconds ? `${duration(trial.seconds)} of work` : "")),
      ),
    );
    const own = this.asked.filter((one) => one.state === "applied" && one.trial === trial.number && one.applied !== null);
    const hands = own.map((one) => ({ epoch: one.applied + 0.5, after: one.applied, request: true, label: whatOf(one), colour: "--roe", dash: [] }));
    const kept = trial.best_epoch ? [{ epoch: trial.best_epoch, label: "kept weights", colour: "--muted" }] : [];
    const head = this.head && this.hand?.at.value === String(this.head) ? [{ epoch: this.head, label: `epoch ${this.head}`, colour: "--ink", dash: [], wide: true }] : [];
    const marks = [...kept, ...hands, ...head];
    this.loss.show(
      [
        { name: "dev loss", x: curve.epoch, y: curve.dev_loss, mark: 0 },
        { name: "training loss, with penalties", x: curve.epoch, y: curve.train_loss, mark: 1 },
      ],
      { log: true, marks },
    );
    put(this.lossLegend, legend([[stroke(0), "dev loss"], [stroke(1), "training loss, with penalties"]]));
    this.dev.show([{ name: `dev ${asWords(study.metric)}`, x: curve.epoch, y: curve.dev_score, mark: 0 }], { marks });
    this.stepsBox.hidden = !curve.steps;
    if (curve.steps) this.steps.show([{ name: "change / weights", x: curve.steps.epoch, y: curve.steps.step, mark: 3 }], { log: true, marks });
    const gradients = curve.steps?.gradient.some((one) => one !== null);
    this.gradientsBox.hidden = !gradients;
    if (gradients) this.gradients.show([{ name: "gradient norm", x: curve.steps.epoch, y: curve.steps.gradient, mark: 2 }], { log: true, marks });
    const now = standing(this.found, this.asked);
    const changed = Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== hyperparameters[name]));
    const names = study.hyperparameters.filter((one) => one.name in hyperparameters);
    const order = [...names.filter((one) => !one.fixed), ...names.filter((one) => one.fixed)].map((one) => one.name);
    const all = [...order, ...Object.keys(now).filter((name) => !order.includes(name))];
    put(
      this.rest,
      h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "Hyperparameters")), facts(all.map((name) => [name, valueOf(name, this.found, now)]), new Set(Object.keys(changed)))),
      family.length > 1 ? h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "Family"), h("span", { class: "quiet" }, `${plural(family.length, "trial")}: copies, forks and finalists of one configuration`)), tree(family, trial.number, run)) : null,
    );
  }

  // The controls of a trial that trains, and what was asked of it.
  steer() {
    const { study, found, asked, run } = this;
    const { state, purpose } = found.trial;
    const open = purpose === "search" && state !== "infeasible";
    put(this.logBox, asked.length ? h("section", { class: "panel" }, h("div", { class: "top" }, h("h2", {}, "Requests")), log(asked, run, false)) : null);
    this.handBox.hidden = !open || !study.open || study.readOnly || study.test !== null;
    this.loss.picked = this.dev.picked = this.handBox.hidden ? null : (epoch) => this.pick(epoch);
    if (this.handBox.hidden) return;
    this.hand ??= new Hand(this.handBox, run, found.trial.number, () => this.load());
    this.hand.load(standing(this.found, this.asked), state, asked.find((one) => PINS.includes(one.action))?.action === "pin");
  }

  // Offers to train the trial again, which is done beside the server and calmly.
  replay() {
    const { study, found, run } = this;
    if (study.readOnly || found.replayed !== null || !found.trial.epochs || found.trial.state === "running") return null;
    const again = async () => {
      this.replaying = "training it again…";
      this.show();
      try {
        await send("ask", { run, action: "replay", trial: found.trial.number });
        this.replaying = null;
        await this.load();
      } catch (error) {
        this.replaying = error.message;
        this.show();
      }
    };
    if (this.replaying) return h("span", { class: "quiet", role: "status" }, this.replaying);
    return h("button", { type: "button", title: "train it again, and see whether it comes to the same bits", on: { click: again } }, "Replay");
  }

  // Put the playhead to an epoch: to go back to, or to fork from.
  pick(epoch) {
    this.hand.at.value = String(epoch);
    this.head = epoch;
    this.show();
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return null;
    const next = Number(this.trial) + step;
    return next >= 0 && next < this.study.trials ? address("/trial", { run: this.run, trial: next }) : null;
  }

  close() {
    if (!this.built) return;
    this.loss.close();
    this.dev.close();
    this.steps.close();
    this.gradients.close();
  }
}

function tree(family, here, run) {
  const below = new Map();
  for (const one of family) below.set(one.parent, [...(below.get(one.parent) ?? []), one]);
  const known = new Set(family.map((one) => one.number));
  const rows = [];
  const walk = (one, depth) => {
    rows.push([one, depth]);
    for (const child of below.get(one.number) ?? []) walk(child, depth + 1);
  };
  for (const one of family) if (!known.has(one.parent)) walk(one, 0);
  const end = Math.max(1, ...family.map((one) => one.epochs ?? 0));
  // One axis of epochs for all: each has a bar from where it went on by itself to where it is.
  const span = (one) => {
    const [since, epochs] = [Math.min(one.since ?? 0, one.epochs ?? 0), one.epochs ?? 0];
    const words = since ? `trained itself from epoch ${since + 1} to ${epochs}` : `trained to epoch ${epochs}`;
    return h("span", { class: "span", role: "img", "aria-label": words, title: words }, h("i", { css: { "--from": since / end, "--to": epochs / end } }));
  };
  return h(
    "ul",
    { class: "tree" },
    rows.map(([one, depth]) =>
      h(
        "li",
        { class: one.number === here ? "here" : "", css: { "--depth": depth } },
        h("span", { class: "name" }, h("a", { href: address("/trial", { run, trial: one.number }) }, `trial ${one.number}`), " ", h("span", { class: "quiet" }, one.kind)),
        span(one),
        h("span", {}, ...stateOf(one.state)),
        h("span", {}, score(one.dev_score)),
        one.number === here || !known.has(here) ? null : h("a", { class: "quiet", href: address("/compare", { run, a: here, b: one.number }) }, "compare"),
      ),
    ),
  );
}
