// The live view in a notebook: what is shown comes as markup, what is asked goes back as a message.

const WORDS = { pause: "Pause", "go-on": "Go on", stop: "Stop", end: "End the search" };

function make(name, properties = {}, ...children) {
  const one = Object.assign(document.createElement(name), properties);
  one.append(...children);
  return one;
}

function render({ model, el }) {
  const shown = make("div");
  const name = make("select", { ariaLabel: "hyperparameter" });
  const value = make("input", { type: "text", inputMode: "decimal", size: 10, ariaLabel: "new value" });
  const set = make("button", { type: "button", textContent: "Set" });
  const whom = make("strong");
  whom.style.marginRight = "8px";
  const setting = make("span", {}, name, " ", value, " ", set, " ");
  const buttons = make("span");
  const told = make("div", { role: "status" });
  told.style.opacity = 0.75;
  const log = make("div");
  const hand = make("div", {}, whom, setting, buttons, told, log);
  hand.style.cssText = "font: 13px/1.9 system-ui, sans-serif; padding: 6px 14px";
  el.replaceChildren(shown, hand);

  const ask = (action, values = {}) => model.send({ action, values });
  const now = () => model.get("hand").values[name.value];
  const place = () => { value.placeholder = name.value === "" ? "" : String(now()); };

  set.addEventListener("click", () => {
    const typed = value.value.trim();
    if (typed === "") return;
    const number = Number(typed);
    ask("set", { [name.value]: Number.isFinite(number) ? number : typed });
    value.value = "";
  });
  value.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") set.click();
  });
  name.addEventListener("change", place);

  const draw = () => {
    const { whom: trial, actions, values, log: lines } = model.get("hand");
    whom.textContent = trial;
    const names = Object.keys(values);
    // What somebody is choosing is left alone while the view renews itself.
    if (names.join() !== [...name.options].map((one) => one.value).join()) {
      name.replaceChildren(...names.map((one) => make("option", { value: one, textContent: one })));
    }
    place();
    setting.hidden = !actions.includes("set");
    const others = actions.filter((one) => one in WORDS);
    if (others.join() !== [...buttons.children].map((one) => one.value).join()) {
      buttons.replaceChildren(
        ...others.map((one) => {
          const button = make("button", { type: "button", value: one, textContent: WORDS[one] });
          button.style.marginRight = "4px";
          button.addEventListener("click", () => ask(one));
          return button;
        }),
      );
    }
    log.replaceChildren(...lines.map((line) => make("div", { textContent: line })));
  };
  const show = () => { shown.innerHTML = model.get("markup"); };
  const tell = () => { told.textContent = model.get("told"); };
  for (const [trait, does] of [["hand", draw], ["markup", show], ["told", tell]]) {
    model.on(`change:${trait}`, does);
    does();
  }
}

export default { render };
