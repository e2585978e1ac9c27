// The page of a mailing moves: its figures come every second or two, without a reload. Numbers keep their places.
// When more than numbers has changed, the other parts come too; buttons first go off, and are replaced only while
// neither the mouse nor the focus is on them. All words are in data-say-… of the page, which does without this script.

import { language, parsed, wordsOf } from "./field.js";

const TRY_AGAIN_MAX = 60; // seconds between tries while the desk does not answer
const WINDOW = 20_000; // milliseconds whose figures tell the rate
const ANSWER_MAX = 10_000; // milliseconds to wait for an answer
const FOCUSABLE = "a[href], button, summary, [tabindex]";

const page = document.querySelector("[data-moving]");
const part = (name, within = document) => within.querySelector(`[data-part="${name}"]`);
const say = wordsOf(page);
const tell = (text) => (page.querySelector("[data-said]").textContent = text);
const clock = () => new Date().toLocaleTimeString(language, { hour12: false });

let now = JSON.parse(page.dataset.answer); // the last answer, and when it came
let cameAt = performance.now();
let cameAtTime = clock();
let failures = 0;
let timer;
let waiting; // the new place of buttons that are in use
const seen = []; // [milliseconds, copies answered for]

// --- The numbers ---

function showFigures() {
  for (const [name, shown] of Object.entries(now.figures)) {
    for (const place of page.querySelectorAll(`[data-figure="${name}"]`))
      if (place.textContent !== shown) place.textContent = shown;
  }
  for (const box of page.querySelectorAll("[data-tally]")) {
    box.classList.toggle("is-bad", now.bad.includes(box.dataset.tally));
    if (now.figures[box.dataset.tally] !== "0") box.hidden = false;
  }
  const bar = page.querySelector("[data-progress]");
  if (bar) Object.assign(bar, { max: now.total || 1, value: now.finished });
}

function showPace() {
  seen.push([cameAt, now.finished]);
  while (cameAt - seen[0][0] > WINDOW) seen.shift();
  const [from, had] = seen[0];
  const rate = ((now.finished - had) * 1000) / (cameAt - from || 1);
  page.querySelector("[data-pace]").textContent = now.is_sending && rate > 0 ? paceInWords(rate) : "";
}

function paceInWords(rate) {
  const n = new Intl.NumberFormat(language, { maximumFractionDigits: rate < 10 ? 1 : 0 }).format(rate);
  const minutes = Math.round((now.total - now.finished) / rate / 60);
  return [say("Rate", { n }), minutes ? say("MinutesLeft", { n: minutes }) : say("Soon")].join(" · ");
}

function countDown() {
  const place = page.querySelector("[data-countdown]");
  if (!place || now.starts_in === null) return;
  const left = Math.ceil(now.starts_in - (performance.now() - cameAt) / 1000);
  const shown = left > 0 ? waitInWords(left) : say("Due");
  if (place.textContent !== shown) place.textContent = shown;
}

// Days are counted by the desk, which knows the calendar of the publication.
function waitInWords(seconds) {
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  const unit = h >= 48 ? "Days" : h ? "Hours" : m ? "Minutes" : "Seconds";
  return say(unit, { d: now.starts_in_days, h, m: m % 60, s: seconds % 60 });
}

// --- The parts ---

const isInUse = (box) => box.matches(":hover") || box.contains(document.activeElement);
const places = (box) => [...box.querySelectorAll("[data-action]")];

function showParts(html) {
  for (const box of parsed(html).querySelectorAll("[data-part]")) {
    const old = part(box.dataset.part);
    if (box.dataset.part === "actions") showActions(old, box);
    else if (old.innerHTML !== box.innerHTML) exchange(old, box);
  }
}

// What had the focus has it again if it is still there, or else its part: the next Tab goes on from there.
function exchange(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...fresh.childNodes);
  if (!focused) return;
  const words = (one) => one.getAttribute("aria-labelledby") ?? one.textContent.trim();
  const same = [...old.querySelectorAll(FOCUSABLE)].find((one) => words(one) === words(focused));
  if (!same) old.tabIndex = -1;
  (same ?? old).focus({ preventScroll: true });
}

function showActions(old, fresh) {
  if (old.innerHTML.trim() === fresh.innerHTML.trim()) return;
  const open = new Set(places(fresh).map((one) => one.dataset.action));
  for (const one of places(old)) if (!open.has(one.dataset.action)) switchOff(one);
  page.querySelector("[data-state]").textContent = now.state;
  waiting = fresh;
  settle();
}

// It stays where it is and keeps the focus: a press on it does nothing, whatever it meant a moment ago.
function switchOff(one) {
  if (one.form) one.type = "button";
  else one.setAttribute("role", "link");
  one.removeAttribute("href");
  one.setAttribute("aria-disabled", "true");
  one.tabIndex = 0;
}

function settle() {
  const old = part("actions");
  if (!waiting || isInUse(old)) return;
  old.replaceChildren(...waiting.childNodes);
  waiting = undefined;
}

// --- Asking ---

async function ask() {
  clearTimeout(timer);
  try {
    const url = `${page.dataset.moving}?${new URLSearchParams({ shape: now.shape })}`;
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(ANSWER_MAX) });
    if (response.type === "opaqueredirect" || response.status === 403)
      return tell(say("LoggedOut", { time: cameAtTime }));
    if (!response.ok) throw new Error(String(response.status));
    take(await response.json());
  } catch {
    if (!failures++) tell(say("Away", { time: cameAtTime }));
  }
  later();
}

function take(answer) {
  if (failures) tell(say("Back"));
  [failures, now, cameAt, cameAtTime] = [0, answer, performance.now(), clock()];
  if (answer.html) showParts(answer.html);
  showFigures();
  showPace();
}

function later() {
  clearTimeout(timer);
  if (document.hidden || !goesOn()) return;
  const untilStart = now.starts_in > 0 ? now.starts_in + 0.5 : Infinity;
  const seconds = failures ? Math.min(2 ** failures, TRY_AGAIN_MAX) : Math.min(now.again_in, untilStart);
  timer = setTimeout(ask, seconds * 1000);
}

const goesOn = () => now.again_in || failures;
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : goesOn() && ask()));
for (const name of ["pointerout", "focusout"]) part("actions").addEventListener(name, () => setTimeout(settle, 300));
setInterval(countDown, 250);
later();
