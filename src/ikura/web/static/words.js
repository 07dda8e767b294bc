// Numbers, times and states as people read them; the same rules as in the report.

export const NOTHING = "–";

export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value).replace("-", "−");
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(digits - 1) : value.toPrecision(digits);
  return tidy(text).replaceAll("-", "−");
}

function tidy(text) {
  const [mantissa, power] = text.split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return power === undefined ? short : `${short}e${power.replace("+", "")}`;
}

export function score(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (size === 0 || (size >= 0.001 && size < 10)) return value.toFixed(4).replace("-", "−");
  return number(value);
}

export function count(value) {
  return typeof value === "number" && Number.isFinite(value) ? Math.round(value).toLocaleString("en-US") : NOTHING;
}

export function plural(value, noun, many = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : many}`;
}

export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return NOTHING;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return plural(Math.round(minutes / 1440), "day");
}

export function ago(time) {
  if (typeof time !== "number") return NOTHING;
  const seconds = Date.now() / 1000 - time;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

const CAPITALS = { roc: "ROC", auc: "AUC", rmse: "RMSE", mae: "MAE", r2: "R²", f1: "F1" };

export function asWords(name) {
  return String(name).split("_").map((word) => CAPITALS[word] ?? word).join(" ");
}

// What stands before the name of a column that is a hyperparameter.
export const HP = "hp:";

export const STATES = {
  complete: { sign: "●", means: "trained to its end" },
  running: { sign: "◐", means: "in training, or waiting for its next round" },
  paused: { sign: "◫", means: "it stands still until a hand lets it go on" },
  waiting: { sign: "○", means: "not begun yet" },
  pruned: { sign: "◇", means: "ended early by the schedule" },
  stopped: { sign: "◼", means: "ended early by a hand or the time limit" },
  diverged: { sign: "✕", means: "its loss left all bounds" },
  frozen: { sign: "❄", means: "no epoch moved its weights" },
  skipped: { sign: "–", means: "the time limit or a hand ended the search before it began" },
  infeasible: { sign: "⊘", means: "no network that is allowed can be made of it" },
};
