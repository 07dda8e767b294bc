// The frame of all pages: which one an address shows, what stands in the bar, which keys do what.

import { address, h, put, s } from "./dom.js";
import { Refused, Watch } from "./net.js";
import { empty } from "./parts.js";
import { Compare } from "./compare.js";
import { Log } from "./log.js";
import { Runs } from "./runs.js";
import { Study } from "./study.js";
import { Trial } from "./trial.js";

const PAGES = { "/": Runs, "/study": Study, "/trial": Trial, "/compare": Compare, "/log": Log };
const KEYS = [
  ["g", "all runs"],
  ["s", "the study"],
  ["t", "the table; ↑ ↓ move, space chooses, enter opens"],
  ["c", "compare the two trials chosen last"],
  ["← →", "the trial before, the next one"],
  ["esc", "clear all brushes"],
  ["?", "these keys"],
];

const content = document.getElementById("content");
const bar = document.getElementById("bar");
const live = h("span", { class: "badge training", title: "the page renews itself" }, "live");
const help = h("button", { type: "button", class: "bare", "aria-label": "keys", on: { click: keys } }, "?");
const lost = document.getElementById("lost");
let page = null;
let watch = null;

function crumbs(parts, run) {
  const logo = s("svg", { viewBox: "0 0 16 16", width: 22, height: 22, "aria-hidden": "true" }, s("circle", { cx: 5, cy: 5.5, r: 4 }), s("circle", { cx: 11.6, cy: 7, r: 3.2 }), s("circle", { cx: 6.8, cy: 12, r: 3 }));
  const trail = parts.map((one, i) => [h("span", { class: "slash", "aria-hidden": "true" }, "/"), i === 0 ? h("a", { href: address("/study", { run }) }, one) : h("span", {}, one)]);
  put(bar, h("a", { class: "brand", href: "/" }, logo, "ikura"), h("nav", { class: "crumbs", "aria-label": "where this is" }, trail), h("div", { class: "right" }, live, help));
}

// Whether the page renews itself; and why what it shows may be old.
function told(there, why = "") {
  live.hidden = !there;
  lost.hidden = there || !why;
  lost.textContent = why && `${why}. What is shown is from before; the page goes on by itself.`;
}

async function load() {
  const now = page;
  try {
    const trail = await now.load();
    if (now !== page) return false;
    crumbs(trail, now.run);
    document.title = `${now.title} · ikura`;
    told(true);
    return now.study?.stale ?? false;
  } catch (error) {
    if (now !== page) return false;
    if (!(error instanceof Refused)) throw error;
    if (now.built && (error.status === 0 || error.status === 503)) {
      told(false, error.status === 0 ? "" : error.message);
      return false;
    }
    crumbs([], null);
    put(now.place, empty(...said(error)));
    now.built = false;
    return false;
  }
}

function said(error) {
  if (error.status === 0) return ["The server does not answer", "Start ikura serve again, and open the address that it prints."];
  if (error.status === 401) return ["The key is missing", "Open the address that ikura serve printed; it holds the key to this page."];
  if (error.status === 503) return ["The database does not answer", error.message];
  return ["This cannot be shown", error.message, h("a", { class: "button", href: "/" }, "All runs")];
}

function show() {
  page?.close();
  watch?.close();
  const Page = PAGES[location.pathname] ?? Runs;
  const query = new URLSearchParams(location.search);
  // A page that was left, and still asks, writes into its own place, which nobody sees.
  const place = h("div");
  put(content, place);
  page = new Page(place, query);
  crumbs([], null);
  watch = new Watch(page.run, load, told);
  watch.wake();
}

function go(target) {
  history.pushState(null, "", target);
  scrollTo(0, 0);
  show();
  content.focus({ preventScroll: true });
}

function keys() {
  const close = h("button", { type: "button", on: { click: () => dialog.close() } }, "Close");
  const dialog = h("dialog", { "aria-label": "keys", on: { close: () => dialog.remove() } }, h("h2", {}, "Keys"), h("dl", { class: "keys" }, KEYS.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])), close);
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const target = new URL(link.getAttribute("href"), location.href);
  if (target.origin !== location.origin || !(target.pathname in PAGES) || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(target.pathname + target.search);
});

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "?") keys();
  else if (event.key === "g") go("/");
  else if (event.key === "s" && page.run) go(address("/study", { run: page.run }));
  else {
    const target = page.key?.(event);
    if (target) go(target);
  }
});

addEventListener("popstate", show);
show();
