// Two opening brackets in the text look for own posts: what is typed behind them is searched, and a choice by keys or mouse
// puts the link in their place. Never while a word is being composed; Escape leaves the brackets as they are.
// The answer: newsletter/desk/editor_api.py; words: templates/admin/posts/_linking.html.

import { element, replace } from "./field.js";

const box = document.getElementById("linking");
const field = document.querySelector("textarea[data-editor][name=body]");
const PAUSE = 200; // milliseconds of rest before the server is asked
const OPEN = /\[\[([^[\]\n]{0,80})$/;

const list = box?.querySelector("[role=listbox]");
const status = box?.querySelector("[role=status]");
let timer;
let asked = 0;
let found = [];
let current = 0;
let isComposing = false;
let left = -1; // where brackets stand that Escape has left

// Return where the brackets before the caret begin, and the words behind them; null if there are none.
function sought() {
  if (field.selectionStart !== field.selectionEnd) return null;
  const caret = field.selectionStart;
  const line = field.value.slice(field.value.lastIndexOf("\n", caret - 1) + 1, caret);
  const words = OPEN.exec(line)?.[1];
  return words === undefined ? null : { from: caret - words.length - 2, caret, words };
}

const isOpen = () => !box.hidden;

function close() {
  asked++;
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

function optionOf({ title, when }, index) {
  const parts = [element("span", { text: title }), element("small", { text: when })];
  const option = element("li", { id: `linking-${index}`, role: "option" }, ...parts);
  option.addEventListener("click", () => choose(index));
  return option;
}

// Under the line of the caret, or above it where there is no room.
function place(from) {
  const detail = { place: from };
  field.dispatchEvent(new CustomEvent("desk:measure", { detail })); // outline.js
  const top = field.offsetTop + detail.top - field.scrollTop;
  const below = top + detail.line;
  const isBelow = below + box.offsetHeight <= field.offsetTop + field.clientHeight || top < box.offsetHeight;
  box.style.top = `${isBelow ? below : top - box.offsetHeight}px`;
  box.style.left = `${Math.max(0, Math.min(detail.left, field.clientWidth - box.offsetWidth))}px`;
}

function show(posts, from) {
  found = posts;
  list.replaceChildren(...posts.map(optionOf));
  list.hidden = !posts.length;
  status.textContent = posts.length ? box.dataset.sayFound.replace("{n}", posts.length) : box.dataset.sayNone;
  status.classList.toggle("visually-hidden", posts.length > 0);
  box.hidden = false;
  if (posts.length) mark(0);
  else field.removeAttribute("aria-activedescendant");
  place(from);
}

async function look() {
  const wanted = sought();
  if (!wanted || isComposing) return close();
  const number = ++asked;
  const address = new URL(box.dataset.url, location.href);
  address.searchParams.set("q", wanted.words);
  address.searchParams.set("except", /\/(\d+)\/change\//.exec(location.pathname)?.[1] ?? "");
  const answer = await fetch(address, { redirect: "manual" })
    .then((response) => (response.ok ? response.json() : null))
    .catch(() => null);
  if (number !== asked || isComposing || document.activeElement !== field) return;
  if (!answer) return close();
  show(answer.posts, wanted.from);
}

function choose(index) {
  const wanted = sought();
  const post = found[index];
  close();
  if (!wanted || !post) return;
  const to = wanted.caret + (field.value.startsWith("]]", wanted.caret) ? 2 : 0);
  const end = wanted.from + post.markdown.length;
  replace(field, { from: wanted.from, to, text: post.markdown }, [end, end]);
}

const KEYS = {
  ArrowDown: () => mark(current + 1),
  ArrowUp: () => mark(current - 1),
  Enter: () => choose(current),
  Tab: () => choose(current),
};

function onKey(event) {
  if (!isOpen() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
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
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
}

function watch() {
  field.closest(".editor").querySelector(".editor-panes").append(box);
  for (const [name, value] of [
    ["aria-autocomplete", "list"],
    ["aria-haspopup", "listbox"],
    ["aria-controls", list.id],
  ]) {
    field.setAttribute(name, value);
  }
  field.addEventListener("keydown", onKey, { capture: true });
  field.addEventListener("input", onInput);
  field.addEventListener("compositionstart", () => {
    isComposing = true;
    close();
  });
  field.addEventListener("compositionend", () => {
    isComposing = false;
    setTimeout(onInput, 0);
  });
  field.addEventListener("blur", close);
  field.addEventListener("scroll", () => isOpen() && place(sought()?.from ?? 0));
  document.addEventListener("selectionchange", () => isOpen() && !sought() && close());
  box.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the text
}

if (box && field) watch();
