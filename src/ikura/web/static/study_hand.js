// The hand on a whole study: a configuration of one's own is tried, the search ends.

import { h, put } from "./dom.js";
import { ask, send } from "./net.js";
import { whatOf } from "./steering.js";
import { HP } from "./words.js";

export class StudyHand {
  constructor(place, run, again) {
    Object.assign(this, { place, run, again, can: null });
    this.configuration = h("input", { name: "configuration", size: 60, "aria-label": "configuration", spellcheck: "false" });
    const line = (name, placeholder, label) => h("input", { name, placeholder, "aria-label": label, spellcheck: "false", size: 30 });
    this.change = line("change", "learning_rate 0.001 0.1, or optimizer=adam", "a range, or an option");
    this.budget = line("budget", "trials=200 epochs=100 time_limit=600", "budget");
    this.worst = line("worst", "3, or 30%", "how many of the worst");
    this.why = h("input", { name: "why", placeholder: "your reason, for the record", maxlength: 500, "aria-label": "reason" });
    this.told = h("p", { class: "quiet", role: "status" });
    this.buttons = h("div", { class: "chips" });
    this.pause = h("button", { type: "button", on: { click: () => this.ask({ action: this.held ? "go-on" : "pause" }) } });
  }

  // Shown where the study trains and may be changed, and once it is known what can be asked.
  show(study) {
    this.study = study;
    this.closed = !study.open || study.readOnly || study.test !== null;
    this.place.hidden = this.closed || !this.can?.length;
  }

  // What can be asked now; what somebody is writing is left alone.
  async load(study, points) {
    this.held = study.state === "paused";
    this.pause.textContent = this.held ? "Let the study go on" : "Pause the study";
    this.pause.title = this.held ? "all trains on from where it stands" : "nothing trains until it is told to go on";
    if (this.closed || this.can !== null) return;
    this.can = [];
    try {
      this.can = (await ask("changeable", { run: this.run })).actions;
    } catch {
      this.can = null;
      return;
    }
    this.configuration.value = best(study, points);
    this.configuration.placeholder = study.hyperparameters.map((one) => `${one.name}=…`).join(" ");
    const button = (words, does, title, kind = "") => h("button", { type: "button", class: kind, title, on: { click: does } }, words);
    put(
      this.buttons,
      this.can.includes("inject") ? button("Try this configuration", () => this.inject(), "as a trial of the stage that trains", "main") : null,
      this.can.includes("range") ? button("Set the range", () => this.range(), "for all that is proposed from now on; - leaves an end where it is") : null,
      this.can.includes("ban") ? button("Ban the option", () => this.option("ban"), "in all that is proposed from now on") : null,
      this.can.includes("add") ? button("Add the option", () => this.option("add"), "to all that is proposed from now on") : null,
      this.can.includes("budget") ? button("Change the budget", () => this.pairs(this.budget, "budget"), "trials and epochs of what is proposed from now on; the time limit holds at once") : null,
      this.can.includes("stop-worst") ? button("Stop the worst", () => this.stopWorst(), "of the trials that train; never the leader or a pinned one") : null,
      this.can.includes("pause") ? this.pause : null,
      this.can.includes("note") ? button("Keep as a note", () => this.ask({ action: "note" }), "what stands in the field of the reason") : null,
      this.can.includes("end") ? button("End the search", () => this.ask({ action: "end" }), "what trains is cut short, and the finalists follow") : null,
    );
    put(
      this.place,
      h("div", { class: "top" }, h("h2", {}, "A hand on the search"), h("span", { class: "quiet" }, "what is asked is on record")),
      h("div", { class: "controls" }, h("label", { class: "wide" }, h("span", {}, "configuration"), this.configuration), h("label", {}, h("span", {}, "range, option"), this.change), h("label", {}, h("span", {}, "budget"), this.budget), h("label", {}, h("span", {}, "the worst"), this.worst), h("label", { class: "wide" }, h("span", {}, "why"), this.why)),
      this.buttons,
      this.told,
    );
    // The study may have gone on meanwhile.
    this.show(this.study);
  }

  inject() {
    this.pairs(this.configuration, "inject");
  }

  option(action) {
    this.pairs(this.change, action);
  }

  // NAME LOW HIGH; a - leaves an end where it is.
  range() {
    const [name, ...ends] = this.change.value.trim().split(/\s+/);
    const values = { name };
    for (const [place, end] of ["low", "high"].entries()) if (ends[place] !== undefined && ends[place] !== "-") values[end] = Number(ends[place].replace("−", "-"));
    if (!name || ends.length !== 2 || !Object.values(values).slice(1).every(Number.isFinite)) {
      this.told.textContent = "NAME LOW HIGH is needed, such as learning_rate 0.001 0.1";
      this.change.focus();
    } else this.ask({ action: "range", values });
  }

  stopWorst() {
    const text = this.worst.value.trim();
    const share = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
    if (text === "" || !Number.isFinite(share)) {
      this.told.textContent = "a number or a share is needed, such as 3 or 30%";
      this.worst.focus();
    } else this.ask({ action: "stop-worst", values: { share } });
  }

  // NAME=VALUE, with spaces between.
  pairs(field, action) {
    const values = {};
    for (const pair of field.value.trim().split(/\s+/)) {
      const [name, text] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (!pair.includes("=") || !name || !text) {
        this.told.textContent = `NAME=VALUE is needed, with spaces between, but one is ${pair || "empty"}`;
        field.focus();
        return;
      }
      values[name] = valueOf(text);
    }
    this.ask({ action, values });
  }

  async ask(form) {
    this.told.textContent = "asking…";
    for (const button of this.buttons.children) button.disabled = true;
    try {
      const found = await send("ask", { run: this.run, why: this.why.value.trim(), ...form });
      this.told.textContent = `asked: ${found.map(whatOf).join(", ")}`;
      for (const field of [this.why, this.change, this.budget, this.worst]) field.value = "";
      await this.again();
    } catch (error) {
      this.told.textContent = error.message;
    } finally {
      for (const button of this.buttons.children) button.disabled = false;
    }
  }
}

function valueOf(text) {
  if (text === "true" || text === "false") return text === "true";
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

// The best configuration so far, to begin with.
function best(study, { columns }) {
  const place = study.best ? columns.number.indexOf(study.best.number) : -1;
  const names = study.hyperparameters.map((one) => one.name).filter((name) => columns[HP + name]?.[place] != null);
  return names.map((name) => `${name}=${columns[HP + name][place]}`).join(" ");
}
