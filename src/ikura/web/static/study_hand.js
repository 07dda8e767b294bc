// The hand on a whole study: a configuration of one's own is tried, the search ends.

import { h, put } from "./dom.js";
import { ask, send } from "./net.js";
import { whatOf } from "./steering.js";
import { HP } from "./words.js";

export class StudyHand {
  constructor(place, run, again) {
    Object.assign(this, { place, run, again, can: null });
    this.configuration = h("input", { name: "configuration", size: 60, "aria-label": "configuration", spellcheck: "false" });
    this.why = h("input", { name: "why", placeholder: "your reason, for the record", maxlength: 500, "aria-label": "reason" });
    this.told = h("p", { class: "quiet", role: "status" });
    this.buttons = h("div", { class: "chips" });
  }

  // Shown where the study trains and may be changed; what somebody is writing is left alone.
  async load(study, points) {
    this.place.hidden = !study.live || study.readOnly || study.test !== null;
    if (this.place.hidden || this.can !== null) return;
    this.can = [];
    try {
      this.can = (await ask("changeable", { run: this.run })).actions;
    } catch (error) {
      this.told.textContent = error.message;
    }
    this.configuration.value = best(study, points);
    this.configuration.placeholder = study.hyperparameters.map((one) => `${one.name}=…`).join(" ");
    const button = (words, does, title, kind = "") => h("button", { type: "button", class: kind, title, on: { click: does } }, words);
    put(
      this.buttons,
      this.can.includes("inject") ? button("Try this configuration", () => this.inject(), "as a trial of the stage that trains", "main") : null,
      this.can.includes("end") ? button("End the search", () => this.ask({ action: "end" }), "what trains is cut short, and the finalists follow") : null,
    );
    put(
      this.place,
      h("div", { class: "top" }, h("h2", {}, "A hand on the search"), h("span", { class: "quiet" }, "what is asked is on record")),
      h("div", { class: "controls" }, h("label", { class: "wide" }, h("span", {}, "configuration"), this.configuration), h("label", { class: "wide" }, h("span", {}, "why"), this.why)),
      this.buttons,
      this.told,
    );
  }

  inject() {
    const values = {};
    for (const pair of this.configuration.value.trim().split(/\s+/)) {
      const [name, text] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (!pair.includes("=") || !name || !text) {
        this.told.textContent = `NAME=VALUE is needed, with spaces between, but one is ${pair || "empty"}`;
        this.configuration.focus();
        return;
      }
      values[name] = valueOf(text);
    }
    this.ask({ action: "inject", values });
  }

  async ask(form) {
    this.told.textContent = "asking…";
    for (const button of this.buttons.children) button.disabled = true;
    try {
      const found = await send("ask", { run: this.run, why: this.why.value.trim(), ...form });
      this.told.textContent = `asked: ${found.map(whatOf).join(", ")}`;
      this.why.value = "";
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
