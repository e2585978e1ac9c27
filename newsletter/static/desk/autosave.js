// A text saves itself two seconds after the last key, from its first one on; saving.js does it when this asks by desk:autosave.
// A word that is being composed is never interrupted: its end counts as the last key.
// What could not be saved is tried again: when the network is back, when the page is looked at, and after a while.

const box = document.getElementById("saving");
const form = document.getElementById("kept-copies")?.closest("form");
const REST = Number(box?.dataset.rest); // milliseconds; a form that does not save itself has none
const LONGEST = 20_000; // milliseconds, that somebody types without a rest
const RETRIES = [5_000, 15_000, 60_000]; // milliseconds after a failure, the last one again and again
const PASSING = ["Offline", "Failed", "Login"]; // failures that go away without the author

let isComposing = false;
let firstKeyAt = 0; // of what is not saved yet
let failures = 0;
let timer;

function inWhile(wait) {
  clearTimeout(timer);
  timer = setTimeout(save, wait);
}

function soon() {
  firstKeyAt ||= Date.now();
  inWhile(Math.max(0, Math.min(REST, firstKeyAt + LONGEST - Date.now())));
}

function save() {
  clearTimeout(timer);
  if (isComposing) return;
  if (document.querySelector("dialog[open]")) return inWhile(REST);
  firstKeyAt = 0;
  form.dispatchEvent(new CustomEvent("desk:autosave"));
}

// Somebody may type before this script has come; a browser puts back what was typed before a reload.
const isTyped = () => [...form.elements].some((one) => one.matches("textarea") && one.value !== one.defaultValue);

function again() {
  if (failures && !document.hidden) save();
}

function onUnsaved({ detail }) {
  if (!PASSING.includes(detail)) return;
  inWhile(RETRIES[Math.min(failures++, RETRIES.length - 1)]);
}

function watch() {
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("compositionstart", () => (isComposing = true));
  form.addEventListener("compositionend", () => {
    isComposing = false;
    soon();
  });
  form.addEventListener("desk:unsaved", onUnsaved);
  form.addEventListener("desk:saved", () => (failures = 0));
  form.addEventListener("submit", (event) => event.defaultPrevented || clearTimeout(timer));
  addEventListener("pageshow", () => isTyped() && soon());
  addEventListener("online", again);
  addEventListener("focus", again);
  document.addEventListener("visibilitychange", again);
}

if (form && REST) watch();
