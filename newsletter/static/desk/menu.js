// What can be put into the text: behind a / at the start of a line, by Ctrl or ⌘ and its key (on a Bopomofo keyboard / is ㄥ),
// or by the + beside an empty line. Behind two opening brackets stand own posts. Keys or mouse choose; Escape closes the
// list and leaves what was typed; nothing is offered while a word is being composed.
// Words and entries: templates/admin/posts/_menu.html; answers: newsletter/desk/editor_api.py.

import { element, gapBefore, isComposing, replace } from "./field.js";
import { spot } from "./mirror.js";

const box = document.getElementById("offers");
const field = document.querySelector("textarea[data-editor][name=body]");
const IS_PHONE = matchMedia("(max-width: 52rem)");
const SHOWN = 12; // what is behind them is found by its name
const PAUSE = 200; // milliseconds of rest before the server is asked
const BRACKETS = /\[\[([^[\]\n]{0,80})$/;
const SLASH = /^[/／]([^\s/／]{0,12})$/;

const list = box?.querySelector("[role=listbox]");
const status = box?.querySelector("[role=status]");
const plus = document.querySelector(".editor-plus");
const entryOf = ({ dataset, textContent: title }) => ({
  ...dataset,
  title,
  insert: dataset.insert?.replaceAll("⏎", "\n"),
});
const entries = [...(box?.querySelector("template").content.children ?? [])].map(entryOf);
let texts = null; // kept ones, as entries; asked for once
let timer;
let asked = 0;
let found = [];
let current = 0;
let opened = -1; // where the list was opened without a mark
let left = -1; // where a mark stands that Escape has left

const isOpen = () => !box.hidden;
const lineStart = (place) => field.value.lastIndexOf("\n", place - 1) + 1;

// Return what is looked for before the caret: {of, from, to, words}; null if nothing is.
function sought() {
  const to = field.selectionStart;
  if (to !== field.selectionEnd) return null;
  const start = lineStart(to);
  const line = field.value.slice(start, to);
  if (opened >= start && opened <= to && !/\s/.test(field.value.slice(opened, to)))
    return { of: "entries", from: opened, to, words: field.value.slice(opened, to) };
  const slash = SLASH.exec(line);
  if (slash) return { of: "entries", from: start, to, words: slash[1] };
  const words = BRACKETS.exec(line)?.[1];
  return words === undefined ? null : { of: "posts", from: to - words.length - 2, to, words };
}

function close() {
  asked++;
  opened = -1;
  clearTimeout(timer);
  box.hidden = true;
  field.removeAttribute("aria-activedescendant");
}

function mark(index) {
  current = (index + found.length) % found.length;
  for (const [at, option] of [...list.children].entries()) {
    option.setAttribute("aria-selected", String(at === current));
    if (at !== current) continue;
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }
}

function optionOf({ title, hint }, index) {
  const parts = [element("span", { text: title }), element("small", { text: hint ?? "" })];
  const option = element("li", { id: `offer-${index}`, role: "option" }, ...parts);
  option.addEventListener("click", () => choose(index));
  return option;
}

// Under the line of the caret, or above it where there is no room; on a phone above the tools.
function place(from) {
  const { top, left, line } = spot(from);
  const panes = field.getBoundingClientRect();
  if (IS_PHONE.matches) {
    const tools = field.closest(".editor").querySelector(".editor-tools").getBoundingClientRect();
    const bottom =
      tools.top > panes.top + top ? tools.top : document.getElementById("container").getBoundingClientRect().bottom;
    box.style.top = `${bottom - panes.top - box.offsetHeight}px`;
    return;
  }
  const isBelow = panes.top + top + line + box.offsetHeight < innerHeight - 16 || panes.top + top < box.offsetHeight;
  box.style.top = `${isBelow ? top + line : top - box.offsetHeight}px`;
  box.style.left = `${Math.max(0, Math.min(left, field.clientWidth - box.offsetWidth))}px`;
}

function show(options, { of, from }) {
  found = options;
  list.replaceChildren(...options.map(optionOf));
  list.hidden = !options.length;
  const said = of === "posts" ? [box.dataset.sayFound, box.dataset.sayNone] : [box.dataset.sayEntries, ""];
  status.textContent = options.length ? said[0].replace("{n}", options.length) : said[1];
  status.classList.toggle("visually-hidden", options.length > 0);
  box.classList.toggle("is-entries", of === "entries");
  box.hidden = false;
  if (options.length) mark(0);
  else field.removeAttribute("aria-activedescendant");
  place(from);
}

async function answerOf(address, query = {}) {
  const url = new URL(address, location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const answer = await fetch(url, { redirect: "manual" }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

// --- Own posts ---

async function lookForPosts() {
  const wanted = sought();
  if (!wanted || isComposing) return close();
  const number = ++asked;
  const except = /\/(\d+)\/change\//.exec(location.pathname)?.[1] ?? "";
  const answer = await answerOf(box.dataset.url, { q: wanted.words, except });
  if (number !== asked || isComposing || document.activeElement !== field) return;
  if (!answer) return close();
  const options = answer.posts.map(({ title, when, markdown }) => ({ title, hint: when, insert: markdown }));
  show(options, wanted);
}

// --- Entries ---

function lookForEntries(wanted) {
  const words = wanted.words.toLowerCase();
  const isMeant = ({ title, words: others = "" }) =>
    title.toLowerCase().includes(words) || others.split(" ").some((one) => one.startsWith(words));
  const options = [...entries, ...(texts ?? [])].filter(isMeant);
  if (!options.length) return close();
  show(options.slice(0, SHOWN), wanted);
  if (!texts) askForTexts();
}

async function askForTexts() {
  texts = [];
  const answer = await answerOf(box.dataset.textsUrl);
  const common = { hint: box.dataset.sayText, block: "" };
  texts = (answer?.texts ?? []).map(({ name, text }) => ({ title: name, insert: text, ...common }));
  const wanted = sought();
  if (isOpen() && wanted?.of === "entries" && texts.length) lookForEntries(wanted);
}

// The next number, here and with its note at the end of the text, where one goes on writing.
function putInNote({ from, to }) {
  const { value } = field;
  const numbers = [...value.matchAll(/\[\^(\d+)\]/g)].map(([, number]) => Number(number));
  const mark = `[^${Math.max(0, ...numbers) + 1}]`;
  const gap = /\n\[\^[^\]]+\]:[^\n]*\n?$/.test(value) ? "\n" : "\n\n";
  const rest = value.slice(to).trimEnd();
  const text = `${mark}${rest}${gap}${mark}: `;
  replace(field, { from, to: value.length, text }, [from + text.length, from + text.length]);
}

// A block has a line of its own, with an empty one before it.
function apart(text, { from, to }) {
  const after = field.value.slice(to).startsWith("\n") || !text.endsWith("\n") ? "" : "\n";
  return [gapBefore(field, from), text.trimEnd() + after];
}

function putIn(wanted, { insert, block, act, caret, chosen = 0 }) {
  if (act === "note") return putInNote(wanted);
  if (act === "picture") {
    replace(field, { ...wanted, text: "" }, [wanted.from, wanted.from]);
    return field.dispatchEvent(new CustomEvent("desk:picture")); // pictures.js
  }
  const [gap, text] = block === undefined ? ["", insert] : apart(insert, wanted);
  const start = wanted.from + gap.length + Number(caret ?? text.length);
  const end = start + Number(chosen);
  replace(field, { ...wanted, text: gap + text }, [start, end]);
}

function choose(index) {
  const wanted = sought();
  const option = found[index];
  close();
  if (!wanted || !option) return;
  if (wanted.of === "posts" && field.value.startsWith("]]", wanted.to)) wanted.to += 2;
  putIn(wanted, option);
}

// Without a mark: nothing has to be taken out again when nothing is chosen.
function open() {
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.selectionEnd, field.selectionEnd);
  opened = field.selectionEnd;
  lookForEntries(sought());
}

// --- Keys and places ---

const KEYS = {
  ArrowDown: () => mark(current + 1),
  ArrowUp: () => mark(current - 1),
  Enter: () => choose(current),
  Tab: () => choose(current),
};

function onKey(event) {
  if (event.isComposing || event.keyCode === 229) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.code === "Slash") {
    event.preventDefault();
    return open();
  }
  if (!isOpen() || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.key === "Escape") {
    left = sought()?.from ?? -1;
    close();
  } else if (KEYS[event.key] && found.length && !list.hidden) KEYS[event.key]();
  else return;
  event.preventDefault();
  event.stopImmediatePropagation(); // Enter begins no item of a list: editor.js
}

function onInput() {
  const wanted = sought();
  if (!wanted) left = -1;
  if (isComposing || !wanted || wanted.from === left) return close();
  if (wanted.of === "entries") return lookForEntries(wanted);
  clearTimeout(timer);
  timer = setTimeout(lookForPosts, PAUSE);
}

function showPlus() {
  const at = field.selectionEnd;
  const isEmpty = at === field.selectionStart && (field.value[at] ?? "\n") === "\n" && lineStart(at) === at;
  plus.hidden = !isEmpty || document.activeElement !== field;
  if (!plus.hidden) plus.style.top = `${spot(at).top}px`;
}

function watch() {
  field.closest(".editor").querySelector(".editor-panes").append(plus, box);
  Object.assign(field, { ariaAutoComplete: "list", ariaHasPopup: "listbox" }).setAttribute("aria-controls", list.id);
  field.addEventListener("keydown", onKey, { capture: true });
  field.addEventListener("input", onInput);
  field.addEventListener("desk:menu", () => (isOpen() ? close() : open()));
  field.addEventListener("compositionstart", () => (box.hidden = true));
  field.addEventListener("compositionend", () => setTimeout(onInput, 0));
  addEventListener("scroll", () => isOpen() && place(sought()?.from ?? 0), { capture: true, passive: true });
  field.addEventListener("blur", close);
  for (const name of ["blur", "focus"]) field.addEventListener(name, showPlus);
  document.addEventListener("selectionchange", () => {
    if (isOpen() && !sought()) close();
    showPlus();
  });
  for (const one of [box, plus]) one.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
  plus.addEventListener("click", open);
}

if (box && plus && field) watch();
