// The format check on what is typed, and how long it is: asked of the server when nobody has typed for a while, never while a
// word is being composed. A place is a jump into the text; undo takes a fix back.
// Words: templates/admin/posts/_aside.html; the answer: newsletter/desk/editor_api.py.

import { element, post, replace, rested, wordsOf } from "./field.js";

const panel = document.getElementById("write-check");
const field = document.querySelector("textarea[data-editor][name=body]");
const PAUSE = 900; // milliseconds of rest before the server is asked
const PATIENCE = 20_000; // milliseconds

let asked; // AbortController of the question that is under way
let checked = ""; // the text that the findings are about
let groups = [];
let isComposing = false;

const say = wordsOf(panel);

async function ask(fields, signal) {
  const response = await post(panel.dataset.checkUrl, fields, {
    headers: { Accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  });
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) throw new TypeError("no answer of ours");
  return response.json();
}

// Return where a place of the text that was checked stands now: one part of it may have been changed since.
function moved(place) {
  const now = field.value;
  const most = Math.min(checked.length, now.length);
  let head = 0;
  while (head < most && checked[head] === now[head]) head++;
  if (place <= head) return place;
  return place + now.length - checked.length;
}

function placeOf(row) {
  const [start, end] = [moved(row.start), moved(row.end)];
  return field.value.slice(start, end) === row.text ? [start, end] : null;
}

function jump(row) {
  const place = placeOf(row);
  if (!place) return check();
  field.dispatchEvent(new CustomEvent("desk:show", { detail: place }));
  panel.dispatchEvent(new CustomEvent("desk:leave", { bubbles: true }));
}

// The focus goes on to the next fix: Enter, Enter, Enter mends one after the other.
function fix(row, button) {
  const place = placeOf(row);
  if (!place) return check();
  const [start, end] = place;
  field.dispatchEvent(new CustomEvent("desk:show", { detail: place }));
  replace(field, { from: start, to: end, text: row.fix }, [start, start + row.fix.length]);
  const all = [...panel.querySelectorAll("[data-fix]")];
  const next = all[all.indexOf(button) + 1] ?? all[all.indexOf(button) - 1];
  const group = button.closest(".check-group");
  button.closest("li").remove();
  if (!group.querySelector("li")) group.remove();
  (next ?? panel.querySelector("button") ?? field).focus();
  told.textContent = say("Fixed");
  soon();
}

// The button has the focus again: from there the answer to check() hands it on to what stands in its place.
async function fixAll(rule, button) {
  const before = field.value;
  button.setAttribute("aria-disabled", "true"); // whoever is disabled loses the focus
  try {
    const { body } = await ask({ body: before, fix: rule }, new AbortController().signal);
    if (isComposing || field.value !== before) return soon(); // somebody went on writing
    replace(field, { from: 0, to: before.length, text: body }, [field.selectionStart, field.selectionEnd]);
    button.focus();
    told.textContent = say("Fixed");
    check();
  } catch (error) {
    if (!["TypeError", "AbortError", "TimeoutError"].includes(error.name)) throw error;
    told.textContent = say("Waiting");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// --- What is shown ---

const told = element("p", { className: "hint check-told" });
told.setAttribute("role", "status");
const list = element("div");

function nameOfFix({ fix: text }) {
  if (text === " ") return say("FixSpace");
  return text ? say("Fix", { text: text.length > 16 ? `${text.slice(0, 15)}…` : text }) : say("Remove");
}

function rowOf(row) {
  const words = element("span", {}, row.before, element("mark", { text: row.text || "｜" }), row.after);
  const place = element("button", { type: "button", className: "check-place" }, words);
  place.append(element("span", { text: say("Line", { n: row.line }) }));
  place.addEventListener("click", () => jump(row));
  const item = element("li", {}, place, element("p", { text: row.message }));
  if (row.fix === null) return item;
  const button = element("button", { type: "button", className: "button quiet", text: nameOfFix(row) });
  button.dataset.fix = "";
  button.addEventListener("click", () => fix(row, button));
  item.append(button);
  return item;
}

function allButton(rule, text) {
  const button = element("button", { type: "button", className: "button quiet", text });
  button.dataset.fixAll = rule;
  button.addEventListener("click", () => fixAll(rule, button));
  return element("p", { className: "buttons check-all" }, button);
}

function groupOf(group) {
  const count = element("span", { text: `${group.count}${group.hint ? ` · ${say("Hint")}` : ""}` });
  const made = element("section", { className: "check-group" }, element("h2", { text: `${group.label} ` }, count));
  made.append(element("ol", {}, ...group.rows.map(rowOf)));
  if (group.hidden) made.append(element("p", { className: "hint", text: say("More", { n: group.hidden }) }));
  if (group.safe > 1) made.append(allButton(group.rule, say("FixKind", { n: group.safe })));
  return made;
}

function show(answer) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const at = focused ? [...list.querySelectorAll("button")].indexOf(focused) : -1;
  groups = answer.groups;
  const shown = groups.map(groupOf);
  const kinds = groups.filter((group) => group.safe && !group.hint);
  if (kinds.length > 1) shown.unshift(allButton("all", say("FixAll", { n: answer.safe })));
  if (!groups.length) shown.push(element("p", { className: "hint", text: say(checked.trim() ? "None" : "Nothing") }));
  list.replaceChildren(...shown);
  if (focused)
    (
      [...list.querySelectorAll("button")].at(Math.min(at, list.querySelectorAll("button").length - 1)) ?? field
    ).focus();
  document.querySelector(".editor-facts").textContent = answer.facts.join(" · ");
  showCount(answer.count);
}

function showCount(count) {
  panel.dataset.count = count;
  for (const place of document.querySelectorAll("[data-count]:not(#write-check)")) place.textContent = count || "";
}

async function check() {
  if (isComposing) return;
  asked?.abort();
  const mine = (asked = new AbortController());
  const text = field.value;
  try {
    const answer = await ask({ body: text }, mine.signal);
    if (mine !== asked || isComposing) return;
    if (answer.error) return void (told.textContent = answer.error);
    checked = text;
    show(answer);
    if (field.value !== text) soon();
  } catch (error) {
    if (mine !== asked) return;
    if (!["TypeError", "AbortError", "TimeoutError"].includes(error.name)) throw error;
    told.textContent = say("Waiting");
  }
}

const soon = rested(PAUSE, check);

function watch() {
  panel.replaceChildren(told, list);
  field.addEventListener("input", () => {
    told.textContent = "";
    soon();
  });
  field.addEventListener("compositionstart", () => (isComposing = true));
  field.addEventListener("compositionend", () => {
    isComposing = false;
    soon();
  });
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
