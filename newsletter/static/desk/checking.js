// The format check on what is typed, and how long it is: asked of the server when nobody has typed for a while, never while a
// word is being composed. A place is a jump into the text; undo takes a fix back.
// The answer: newsletter/desk/editor_api.py, templates/admin/posts/_checked.html.

import { alike, element, isComposing, post, replace, rested, wordsOf } from "./field.js";

const panel = document.getElementById("write-check");
const field = document.querySelector("textarea[data-editor][name=body]");
const PAUSE = 900; // milliseconds of rest before the server is asked
const PATIENCE = 20_000; // milliseconds

let asked = 0;
let checked = ""; // the text that the findings are about

const say = wordsOf(panel);

async function ask(fields) {
  const options = { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) };
  const response = await post(panel.dataset.checkUrl, fields, options).catch(() => null);
  return response?.json().catch(() => null); // null: of a login, or of a proxy
}

// Return where a place of the text that was checked stands now: one part of it may have been changed since.
function moved(place) {
  const [head] = alike(checked, field.value);
  return place <= head ? place : place + field.value.length - checked.length;
}

// Show the place of a row in the text, and return it; null if the text there is another one by now.
function showPlace({ start, end, text }) {
  const place = [moved(Number(start)), moved(Number(end))];
  if (field.value.slice(...place) !== text) return null;
  field.dispatchEvent(new CustomEvent("desk:show", { detail: place }));
  return place;
}

// The focus goes on to the next fix: Enter, Enter, Enter mends one after the other.
function fix(button, [from, to]) {
  const text = button.dataset.fix;
  replace(field, { from, to, text }, [from, from + text.length]);
  const all = [...panel.querySelectorAll("[data-fix]")];
  const next = all[all.indexOf(button) + 1] ?? all[all.indexOf(button) - 1];
  const group = button.closest(".check-group");
  button.closest("li").remove();
  if (!group.querySelector("li")) group.remove();
  (next ?? panel.querySelector("button") ?? field).focus();
  status.textContent = say("Fixed");
  soon();
}

function press({ target }) {
  const button = target.closest("button");
  if (!button) return;
  if (button.dataset.fixAll) return fixAll(button.dataset.fixAll, button);
  const place = showPlace(button.closest("li").dataset);
  if (!place) check();
  else if (button.dataset.fix !== undefined) fix(button, place);
  else panel.dispatchEvent(new CustomEvent("desk:leave", { bubbles: true }));
}

// The button has the focus again: from there the answer to check() hands it on to what stands in its place.
async function fixAll(rule, button) {
  const before = field.value;
  button.setAttribute("aria-disabled", "true"); // whoever is disabled loses the focus
  const answer = await ask({ body: before, fix: rule });
  button.removeAttribute("aria-disabled");
  if (!answer) return void (status.textContent = say("Waiting"));
  if (isComposing || field.value !== before) return soon(); // somebody went on writing
  replace(field, { from: 0, to: before.length, text: answer.body }, [field.selectionStart, field.selectionEnd]);
  button.focus();
  status.textContent = say("Fixed");
  check();
}

// --- What is shown ---

const status = element("p", { className: "hint" });
status.setAttribute("role", "status");
const list = element("div");

function show(answer) {
  const buttons = () => [...list.querySelectorAll("button")];
  const at = buttons().indexOf(document.activeElement);
  list.innerHTML = answer.html;
  if (at >= 0) (buttons()[at] ?? buttons().at(-1) ?? field).focus();
  document.querySelector(".editor-facts").textContent = answer.facts.join(" · ");
  showCount(answer.count);
}

function showCount(count) {
  panel.dataset.count = count;
  for (const place of document.querySelectorAll("[data-count]:not(#write-check)")) place.textContent = count || "";
}

async function check() {
  if (isComposing) return;
  const [number, text] = [++asked, field.value];
  const answer = await ask({ body: text });
  if (number !== asked || isComposing) return;
  if (!answer || answer.error) return void (status.textContent = answer?.error ?? say("Waiting"));
  checked = text;
  show(answer);
  if (field.value !== text) soon();
}

const soon = rested(PAUSE, check);

function watch() {
  panel.replaceChildren(status, list);
  list.addEventListener("click", press);
  field.addEventListener("input", () => {
    status.textContent = "";
    soon();
  });
  field.addEventListener("compositionend", soon);
  document.addEventListener("desk:fresh", () => showCount(Number(panel.dataset.count ?? 0)));
  // Undo belongs to the text, though the focus has gone on to the next fix.
  panel.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    event.preventDefault();
    field.focus();
    document.execCommand("undo");
  });
  check();
}

if (panel?.dataset.checkUrl && field) watch();
