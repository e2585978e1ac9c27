// Parts of a page that come by themselves. [data-live] is asked for anew every second or two while it says data-again and the
// page is looked at. It is put in place whole, except while a button in it has the focus or is under the mouse: then only the
// rest is. [data-comes-from] holds a link to a page, and gets the [data-part] of it once, and again by [data-again] within it.
// Without this script the page says how to look again.

import { pageAt } from "./field.js";

const EVERY = 1_500; // milliseconds
const LATER_MAX = 60_000; // between tries while the desk does not answer

const box = document.querySelector("[data-live]");
let failures = 0;
let timer;

const goesOn = () => box.querySelector("[data-again]") !== null;
const isInUse = (form) => form !== null && (form.matches(":hover") || form.contains(document.activeElement));

async function ask() {
  const page = await pageAt(box.dataset.live);
  if (page) show(page.body);
  failures = page ? 0 : failures + 1;
  later();
}

function show(fresh) {
  const [old, form] = [box.querySelector("form"), fresh.querySelector("form")];
  if (form && isInUse(old)) return showAround(old, form);
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(...fresh.childNodes);
  if (!hadFocus) return;
  box.tabIndex = -1; // not a button: a key that was meant for the old one would press it
  box.focus({ preventScroll: true });
}

// A form that is moved loses the focus: it stays, and what stands beside it goes.
function showAround(old, form) {
  const all = [...form.parentNode.childNodes];
  const place = all.indexOf(form);
  for (const other of [...old.parentNode.childNodes]) if (other !== old) other.remove();
  old.before(...all.slice(0, place));
  old.after(...all.slice(place + 1));
}

function later() {
  clearTimeout(timer);
  if (document.hidden || !goesOn()) return;
  timer = setTimeout(ask, Math.min(EVERY * 2 ** failures, LATER_MAX));
}

if (box) {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : goesOn() && ask()));
  later();
}

// --- Once ---

async function bring(place) {
  place.setAttribute("aria-busy", "true");
  const fresh = (await pageAt(place.dataset.comesFrom))?.querySelector("[data-part]");
  const hadFocus = place.contains(document.activeElement);
  if (fresh) place.replaceChildren(...fresh.childNodes); // or else the link stays: its page says what is wrong
  if (hadFocus) place.querySelector("[data-again]")?.focus({ preventScroll: true });
  place.removeAttribute("aria-busy");
}

for (const place of document.querySelectorAll("[data-comes-from]")) {
  place.setAttribute("aria-live", "polite");
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-again]")) return;
    event.preventDefault();
    bring(place);
  });
  bring(place);
}
