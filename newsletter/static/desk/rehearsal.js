// The rehearsal of an issue runs by itself after a rest: its dot and its findings follow while the page is looked at.

import { pageAt } from "./field.js";

const EVERY = 4_000; // milliseconds
const LONGEST = 5 * 60_000; // milliseconds after a save, after which nobody works at it

let until = Date.now() + LONGEST;
let timer;

const place = () => document.querySelector("[data-rehearsal]"); // a new issue has none before it is saved

async function ask() {
  clearTimeout(timer);
  const address = document.hidden ? null : place()?.dataset.rehearsal;
  if (address) show((await pageAt(address))?.querySelector("details"));
  if (Date.now() < until && !place()?.querySelector("details:not([data-comes])")) timer = setTimeout(ask, EVERY);
}

function show(fresh) {
  const old = place()?.querySelector("details");
  if (!fresh || !old) return;
  fresh.open = old.open;
  if (fresh.outerHTML === old.outerHTML) return;
  const isFocused = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (isFocused) fresh.querySelector("summary").focus({ preventScroll: true });
}

function onSaved() {
  until = Date.now() + LONGEST;
  ask();
}

document.addEventListener("desk:saved", onSaved, { capture: true });
document.addEventListener("visibilitychange", ask);
timer = setTimeout(ask, EVERY);
