// Copies of what is not saved yet, kept in this browser, and a word before the page is left.
// Each page that is open keeps one copy of its own: two tabs, two new posts, never write over each other.
// Words and the place of the offer: templates/admin/posts/_kept.html. Other scripts speak to this one by events of the form:
// desk:keep (make the copy now), desk:sent (a save has begun), desk:saved (it was saved, and as what).

import { insert, language, rested, wordsOf } from "./field.js";

const KEPT = ["title", "body", "summary", "subject", "preheader", "introduction", "closing"];
const KEEP_PAUSE = 1000; // milliseconds of rest before the copy is made
const COPIES_MAX = 20;
const DAYS_MAX = 30;
const LOOK_AGAIN = 700; // milliseconds, in which a page that is left has made its last copy
const MOMENT = { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" };
const WORDS = 20; // characters from the beginning and from the end of a copy that the offer shows

const offers = document.getElementById("kept-copies");
const form = offers?.closest("form");
const say = wordsOf(offers);
const page = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
let name = offers?.dataset.document; // of the text: "posts.post/12", or "posts.post/new/…"
let saved; // what the server has, as JSON; null if it has nothing of what stands here

// --- Where copies are kept: unsaved:<user>:<text>:<page> ---

const prefix = () => `unsaved:${offers.dataset.user}:`;
const own = () => `${prefix()}${name}:${page}`;
const textOf = (key) => key.slice(prefix().length, key.lastIndexOf(":"));

// A browser may forbid it, or be full.
function inStorage(act, otherwise = null) {
  try {
    return act(localStorage);
  } catch {
    return otherwise;
  }
}

const forget = (key) => inStorage((all) => all.removeItem(key));

function read(key) {
  const copy = inStorage((all) => JSON.parse(all.getItem(key)));
  return typeof copy?.at === "number" && copy.contents ? { key, ...copy } : null;
}

// All copies of this user but that of this page, the newest first.
function others() {
  const keys = inStorage(Object.keys, []).filter((key) => key.startsWith(prefix()) && key !== own());
  const copies = keys.map(read).filter(Boolean);
  return copies.sort((one, other) => other.at - one.at);
}

function clearOut() {
  const oldest = Date.now() - DAYS_MAX * 24 * 3600 * 1000;
  others().forEach((copy, index) => (index >= COPIES_MAX || copy.at < oldest) && forget(copy.key));
}

function write(key, contents) {
  const copy = JSON.stringify({ at: Date.now(), contents });
  while (inStorage((all) => all.setItem(key, copy), false) === false) {
    const oldest = others().pop();
    if (!oldest) return false;
    forget(oldest.key);
  }
  return true;
}

// --- The copy of this page ---

function contents(property = "value") {
  return Object.fromEntries(KEPT.filter((one) => form.elements[one]).map((one) => [one, form.elements[one][property]]));
}

const isSaved = () => JSON.stringify(contents()) === saved;

// Return whether what stands here is safe: saved, or in a copy.
function keep() {
  if (isSaved()) {
    forget(own());
    return true;
  }
  return write(own(), contents());
}

// --- Copies that other pages left behind ---

function putBack(copy) {
  if (!isSaved()) write(`${own()}-before`, contents()); // what was typed here meanwhile is offered itself
  for (const [one, value] of Object.entries(copy.contents)) {
    const field = form.elements[one];
    if (field && field.value !== value) insert(field, value, 0, field.value.length);
  }
  if (keep()) forget(copy.key);
}

// Return how a copy begins and ends: what was typed last often stands there.
function words(contents) {
  const characters = [...Object.values(contents).join(" ").trim().replace(/\s+/g, " ")];
  if (characters.length <= 2 * WORDS) return characters.join("");
  return `${characters.slice(0, WORDS).join("")} … ${characters.slice(-WORDS).join("")}`;
}

function card(copy) {
  const one = document.getElementById("kept-copy").content.firstElementChild.cloneNode(true);
  const text = Object.values(copy.contents).join("");
  const time = new Date(copy.at).toLocaleString(language, MOMENT);
  const n = text.replace(/\s/g, "").length.toLocaleString();
  one.querySelector(".kept-when").textContent = say("Found", { time, n });
  one.querySelector(".kept-words").textContent = words(copy.contents);
  one.dataset.key = copy.key;
  return one;
}

// Of a saved text its own copies are offered; of a new one those of all new texts.
function isMeant(copy) {
  const text = textOf(copy.key);
  return text === name || (name.includes("/new/") && text.startsWith(`${offers.dataset.kind}/new/`));
}

function offer() {
  const here = JSON.stringify(contents());
  const known = [...offers.children].map((one) => one.dataset.key);
  for (const copy of others().filter(isMeant)) {
    const isHere = [here, saved].includes(JSON.stringify(copy.contents));
    if (isHere && keep()) forget(copy.key);
    else if (!isHere && !known.includes(copy.key)) offers.append(card(copy));
  }
  offers.hidden = !offers.children.length;
}

// Whoever pressed its button by key goes on at the next offer, or else at the first field.
function takeAway(one) {
  const isByKey = one.querySelector(":focus-visible") !== null;
  one.remove();
  offers.hidden = !offers.children.length;
  if (isByKey) (offers.querySelector("button") ?? form.elements[Object.keys(contents())[0]]).focus();
}

function decide({ target }) {
  const chosen = target.closest("[data-restore], [data-forget]");
  if (!chosen) return;
  const one = chosen.closest(".kept-copy");
  const copy = read(one.dataset.key);
  if (chosen.matches("[data-restore]") && copy) putBack(copy);
  else forget(one.dataset.key);
  takeAway(one);
}

// --- Leaving and saving ---

const isRefused = () => Boolean(document.querySelector(".errornote"));

function warnOnLeaving() {
  // Other scripts fill fields in (dates, select boxes): what counts is what a person did.
  let touched = isRefused();
  addEventListener("pageshow", () => (touched ||= !isSaved()));
  let touchedSince = false;
  const touch = () => (touched = touchedSince = true);
  for (const name of ["input", "change"]) form.addEventListener(name, touch);
  form.addEventListener("desk:sent", () => (touchedSince = false));
  form.addEventListener("desk:saved", () => (touched = touchedSince));
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.submitter?.hasAttribute("data-preview-page")) return;
    keep();
    touched = false;
    sessionStorage.setItem("submitted", own());
  });
  addEventListener("beforeunload", (event) => touched && event.preventDefault());
}

// The page after a saved form says so in a green message; only then is the copy given up.
function forgetSaved() {
  const submitted = sessionStorage.getItem("submitted");
  if (!submitted) return;
  sessionStorage.removeItem("submitted");
  if (document.querySelector(".messagelist .success")) forget(submitted);
}

function watch() {
  // As the page came, not as it stands: browsers put back what was typed before a reload.
  saved = isRefused() ? null : JSON.stringify(contents("defaultValue"));
  form.addEventListener("input", rested(KEEP_PAUSE, keep));
  form.addEventListener("desk:keep", ({ detail }) => (detail.isKept = keep()));
  let sent;
  form.addEventListener("desk:sent", () => (sent = JSON.stringify(contents())));
  form.addEventListener("desk:saved", ({ detail }) => {
    forget(own());
    name = detail.document;
    saved = sent;
    keep(); // what was typed while it was saved
  });
  offers.addEventListener("click", decide);
  addEventListener("pagehide", keep);
  document.addEventListener("visibilitychange", () => document.hidden && keep());
  warnOnLeaving();
  addEventListener("pageshow", () => isSaved() || keep());
  clearOut();
  offer();
  setTimeout(offer, LOOK_AGAIN);
}

forgetSaved();
if (form) watch();
