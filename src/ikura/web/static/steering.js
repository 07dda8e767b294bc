// What was asked of a study, and the controls to ask for more.

import { address, h, put } from "./dom.js";
import { ask, send } from "./net.js";
import { NOTHING, ago, number } from "./words.js";

const SIGNS = { asked: "…", accepted: "…", refused: "✕", applied: "✓" };
const OFTEN = ["learning_rate", "batch_size", "l2", "l1", "weight_decay"];
const SHOWN = [...OFTEN, "dropout", "clip_norm", "label_smoothing"];

const NOTHING_CAN = { names: [], values: {}, actions: [], options: {} };
const OF_SEARCH = ["range", "add", "ban", "budget"];

export function statusOf(one) {
  const moment = OF_SEARCH.includes(one.action) ? `from trial ${one.applied} on` : `after epoch ${one.applied}`;
  const told = one.state === "applied" && one.applied != null ? `applied ${moment}` : one.state;
  return [h("span", { class: `sign ask-${one.state}`, "aria-hidden": "true" }, SIGNS[one.state] ?? "·"), ` ${told}`, one.reason ? h("span", { class: "quiet" }, `: ${one.reason}`) : null];
}

export function whatOf(one) {
  const values = Object.entries(one.values).map(([name, value]) => (one.action === "range" && name === "name" ? value : `${name} ${number(value, 5)}`));
  return [one.action, ...values].join(" ");
}

// The hyperparameters of a trial as they stand: those that it began with, and what was set since, epoch after epoch, whichever was asked first.
export function standing(found, asked) {
  const changes = asked.filter((one) => one.state === "applied" && one.action === "set" && one.trial === found.trial.number);
  changes.sort((one, other) => one.applied - other.applied || one.number - other.number);
  return Object.assign({}, found.hyperparameters, ...changes.map((one) => one.values));
}

// A hyperparameter in words: what it was at first, and what it was set to.
export function valueOf(name, found, now) {
  const [first, last] = [found.hyperparameters[name], now[name]];
  return first === last ? number(last, 5) : `${number(first, 5)} → ${number(last, 5)}`;
}

// The requests as a table, the last first.
export function log(found, run, withTrial = true) {
  const heads = [["when", "words"], withTrial ? ["trial", ""] : null, ["what", "words"], ["what became of it", "words"], ["by", "words"], ["why", "words"]].filter(Boolean);
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "log" },
      h("thead", {}, h("tr", {}, heads.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
      h("tbody", {}, found.map((one) => row(one, run, withTrial))),
    ),
  );
}

function row(one, run, withTrial) {
  const what = [
    whatOf(one),
    one.at !== null && one.applied === null ? h("span", { class: "quiet" }, ` at epoch ${one.at}`) : null,
    one.made === null ? null : h("a", { href: address("/trial", { run, trial: one.made }) }, ` → trial ${one.made}`),
  ];
  return h(
    "tr",
    { "data-asked": one.number, "data-state": one.state },
    h("td", { class: "words", title: new Date(one.time * 1000).toLocaleString("en-GB") }, ago(one.time)),
    withTrial ? h("td", {}, one.trial === null ? "study" : h("a", { href: address("/trial", { run, trial: one.trial }) }, one.trial)) : null,
    h("td", { class: "words" }, what),
    h("td", { class: "words status" }, statusOf(one)),
    h("td", { class: "words" }, one.rule ? `${one.rule}, by its rule` : one.who),
    h("td", { class: "words" }, one.why || NOTHING),
  );
}

// The controls of a trial that trains. What somebody is writing is left alone while the page renews itself.
export class Hand {
  constructor(place, run, trial, again) {
    Object.assign(this, { place, run, trial, again, fields: new Map(), can: null });
    this.why = h("input", { name: "why", placeholder: "your reason, for the record", maxlength: 500, "aria-label": "reason" });
    this.at = h("input", { name: "at", inputmode: "numeric", placeholder: "at once", "aria-label": "after how many epochs", size: 10 });
    this.epochs = h("input", { name: "epochs", inputmode: "numeric", placeholder: "in all", "aria-label": "epochs in all, to train longer", size: 10 });
    this.told = h("p", { class: "quiet", role: "status" });
    this.others = h("select", { name: "another", "aria-label": "another hyperparameter", on: { change: () => this.choose(this.others.value) } });
    this.controls = h("div", { class: "controls" }, h("label", {}, h("span", {}, "another"), this.others));
    this.buttons = h("div", { class: "chips" });
    put(
      place,
      h("div", { class: "top" }, h("h2", {}, "A hand on it"), h("span", { class: "quiet" }, "what is asked is done between two epochs, and is on record; a click into a chart takes its epoch")),
      this.controls,
      h("div", { class: "controls" }, h("label", {}, h("span", {}, "after epoch"), this.at), h("label", {}, h("span", {}, "longer, to"), this.epochs), h("label", { class: "wide" }, h("span", {}, "why"), this.why)),
      this.buttons,
      this.told,
    );
    this.place.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) this.set();
    });
  }

  async load(hyperparameters, state, pinned) {
    Object.assign(this, { hyperparameters, state, pinned });
    if (this.can === null) {
      this.told.textContent = "asking what can be changed…";
      this.can = NOTHING_CAN;
      try {
        await this.learn();
        this.told.textContent = "";
      } catch (error) {
        this.told.textContent = error.message;
      }
    }
    this.show();
  }

  // What can be asked of the trial as it stood when it was last read.
  show() {
    const { hyperparameters, state, pinned } = this;
    const trains = ["running", "waiting", "paused"].includes(state);
    const known = new Set(this.can.names);
    const can = (name) => (typeof hyperparameters[name] === "number" || name in this.can.values) && (known.has(name) || known.has(name.replace(/_\d+$/, "")));
    this.now = { ...this.can.values, ...hyperparameters };
    // Those of the space and those that are often changed have a field; the others get one when they are chosen.
    const own = Object.keys(hyperparameters).filter(can);
    const names = [...new Set([...SHOWN.filter((name) => name in this.can.values || own.includes(name)), ...own])];
    for (const name of names) if (!this.fields.has(name)) this.field(name);
    for (const name of this.fields.keys()) this.renew(name);
    this.offer();
    const button = (words, does, title, kind = "") => h("button", { type: "button", class: kind, title, on: { click: does } }, words);
    const may = (action) => this.can.actions.includes(action);
    const allowed = (action) => may(action) && names.length > 0;
    const now = (action) => () => this.ask({ action, at: null });
    put(
      this.buttons,
      trains && allowed("set") ? button("Ask for these values", () => this.set(), "from the epoch on, or at once", "main") : null,
      allowed("fork") ? button("Fork with them", () => this.ask({ action: "fork", values: this.values() }), "another trial goes on from the epoch with these values; this one goes on as it is", trains ? "" : "main") : null,
      trains && allowed("rewind") ? button("Go back with them", () => this.rewind(), "this trial is stopped, and a fork goes on from the epoch, with these values or as it was there") : null,
      trains && allowed("stop") ? button("Stop this trial", () => this.ask({ action: "stop" }), "after the epoch, or at once; the weights of its best epoch are kept") : null,
      trains && state !== "paused" && may("pause") ? button("Pause", () => this.ask({ action: "pause" }), "it stands still after the epoch, or at once; the others train on") : null,
      state === "paused" && may("go-on") ? button("Go on", now("go-on"), "it trains on from where it stands", "main") : null,
      may("longer") ? button("Train longer", () => this.longer(), "when it has ended, a copy goes on from there") : null,
      trains && !pinned && may("pin") ? button("Pin", now("pin"), "no schedule drops it, and it is never among the worst that are stopped") : null,
      trains && pinned && may("unpin") ? button("Unpin", now("unpin"), "schedules decide on it again") : null,
      state === "waiting" && may("prioritise") ? button("Begin next", now("prioritise"), "it begins as soon as somebody is free") : null,
      may("note") ? button("Keep as a note", now("note"), "what stands in the field of the reason") : null,
    );
  }

  async learn() {
    this.can = { options: {}, ...(await ask("changeable", { run: this.run, trial: this.trial })) };
  }

  // What a field stands at, where nothing is written.
  renew(name) {
    const [field, now] = [this.fields.get(name), number(this.now[name], 5)];
    if (name in this.can.options) field.options[0].textContent = now;
    else field.placeholder = now;
  }

  // A list of what else can change.
  offer() {
    const others = Object.keys(this.can.values).filter((name) => !this.fields.has(name));
    this.others.parentElement.hidden = !others.length;
    if (this.others.options.length === others.length + 1) return;
    put(this.others, h("option", { value: "" }, "choose one"), others.map((name) => h("option", { value: name }, name)));
  }

  choose(name) {
    if (!name) return;
    this.field(name);
    this.renew(name);
    this.fields.get(name).focus();
    this.offer();
  }

  field(name) {
    const options = this.can.options[name];
    const field = options
      ? h("select", { name, "aria-label": name }, h("option", { value: "" }), options.map((one) => h("option", { value: one }, one)))
      : h("input", { name, inputmode: this.isText(name) ? "text" : "decimal", "aria-label": name, size: 10 });
    const times = (factor) => () => {
      field.value = String(Number((Number(field.value || this.now[name]) * factor).toPrecision(4)));
    };
    const quick = OFTEN.includes(name) && this.now[name]
      ? [
          h("button", { type: "button", class: "bare", title: `half the ${name}`, on: { click: times(0.5) } }, "÷ 2"),
          h("button", { type: "button", class: "bare", title: `twice the ${name}`, on: { click: times(2) } }, "× 2"),
        ]
      : null;
    this.fields.set(name, field);
    this.others.parentElement.before(h("label", {}, h("span", { title: name }, name), field, quick));
  }

  isText(name) {
    return typeof this.can.values[name] === "string";
  }

  // The values that are written; null where one is to be a number and is none, which is said.
  values(needed = true) {
    const values = {};
    for (const [name, field] of this.fields) {
      const text = field.value.trim().replace("−", "-");
      if (text === "") continue;
      if (this.isText(name)) {
        values[name] = text;
        continue;
      }
      const value = Number(text);
      if (!Number.isFinite(value)) {
        this.told.textContent = `${name} must be a number`;
        field.focus();
        return null;
      }
      values[name] = value;
    }
    if (Object.keys(values).length || !needed) return values;
    this.told.textContent = "write a new value first";
    return null;
  }

  set() {
    this.ask({ action: "set", values: this.values() });
  }

  rewind() {
    if (this.at.value.trim() === "") {
      this.told.textContent = "say after which epoch: write it, or click into a chart";
      this.at.focus();
    } else this.ask({ action: "rewind", values: this.values(false) });
  }

  longer() {
    const text = this.epochs.value.trim();
    if (/^\d{1,9}$/.test(text)) this.ask({ action: "longer", values: { epochs: Number(text) }, at: null });
    else {
      this.told.textContent = "say to how many epochs in all";
      this.epochs.focus();
    }
  }

  async ask(form) {
    if (form.values === null) return;
    const at = this.at.value.trim();
    if (at !== "" && !/^\d{1,15}$/.test(at)) {
      this.told.textContent = "the epoch must be a whole number";
      return;
    }
    this.told.textContent = "asking…";
    for (const button of this.buttons.children) button.disabled = true;
    try {
      const found = await send("ask", { run: this.run, trial: this.trial, why: this.why.value.trim(), at: at === "" ? null : Number(at), ...form });
      for (const field of [...this.fields.values(), this.at, this.why, this.epochs]) field.value = "";
      // What has an effect may be other hyperparameters from now on.
      if (Object.values(form.values ?? {}).some((value) => typeof value === "string")) await this.learn();
      this.told.textContent = [`asked: ${found.map(whatOf).join(", ")}`, ...found.map((one) => one.told)].filter(Boolean).join("; ");
      await this.again();
    } catch (error) {
      this.told.textContent = error.message;
    } finally {
      for (const button of this.buttons.children) button.disabled = false;
    }
  }
}
