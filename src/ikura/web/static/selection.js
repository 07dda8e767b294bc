// What is brushed, chosen and pointed at: one for all charts and the table of a study.

export const MOST_CHOSEN = 5;

export class Selection extends EventTarget {
  constructor() {
    super();
    this.where = {};
    this.chosen = [];
    this.pointed = null;
  }

  tell(what) {
    this.dispatchEvent(new Event(what));
  }

  // Brush a column: [low, high], { in: [words] }, or null for all of it.
  brush(parts) {
    for (const [column, form] of Object.entries(parts)) {
      if (form === null) delete this.where[column];
      else this.where[column] = form;
    }
    this.tell("brushed");
  }

  clear() {
    this.where = {};
    this.tell("brushed");
  }

  choose(trial) {
    this.chosen = this.chosen.includes(trial)
      ? this.chosen.filter((one) => one !== trial)
      : [...this.chosen, trial].slice(-MOST_CHOSEN);
    this.tell("chosen");
  }

  point(trial) {
    if (trial === this.pointed) return;
    this.pointed = trial;
    this.tell("pointed");
  }

  get brushed() {
    return Object.keys(this.where).length > 0;
  }

  // Which rows of some columns are within all brushes.
  kept(columns) {
    const tests = Object.entries(this.where).map(([name, form]) => {
      const values = columns[name];
      if (values === undefined) return () => true;
      if (Array.isArray(form)) {
        const [low, high] = [form[0] ?? -Infinity, form[1] ?? Infinity];
        return (i) => typeof values[i] === "number" && values[i] >= low && values[i] <= high;
      }
      const words = new Set(form.in);
      return (i) => words.has(values[i]);
    });
    return columns.number.map((_, i) => tests.every((test) => test(i)));
  }
}
