// What helps to make an issue: handles of its posts, subjects from their titles, how long a line is, and the letter as
// it is saved. Without JavaScript the numbers, the fields and the page of the preview do the same.

import { element, gapBefore, insert, widthOf, wordsOf } from "./field.js";

const SHOWN = { han: 18, latin: 36 }; // characters of a subject that a phone shows, about
const BEST = { han: [20, 50], latin: [40, 100] }; // characters of a preheader

const IN = ".item:not(:has([name$=-DELETE]:checked))"; // a post that is not taken out
const places = (list) => [...list.querySelectorAll(`${IN} input.place`)];
const said = () => document.querySelector("[data-said]");
const say = (name, values) => wordsOf(said())(name, values);
let Sortable; // waited for once: rows that were made anew show their handles at once, and one of them gets the focus
let isAdding = false; // the list of posts to add is open; a save makes it anew

const renumber = (list) => places(list).forEach((field, index) => (field.value = index + 1));

function move(list, item, by) {
  const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  by < 0 ? other.before(item) : other.after(item);
  tellMoved(list, item);
  item.querySelector(".item-grip").focus();
}

// Number the posts anew, and say where the one that was moved is now.
function tellMoved(list, item) {
  renumber(list);
  list.dispatchEvent(new Event("change", { bubbles: true })); // unsaved.js warns, saving.js saves
  const all = [...list.children];
  const title = item.querySelector("[data-title]")?.textContent ?? "";
  said().textContent = say("Moved", { title, n: all.indexOf(item) + 1, all: all.length });
}

const STEPS = { ArrowUp: -1, ArrowDown: 1 };

function moveByKey(event) {
  const item = event.target.closest(".item-grip") && event.target.closest(".item");
  if (!item || !STEPS[event.key]) return;
  event.preventDefault();
  move(event.currentTarget, item, STEPS[event.key]);
}

function onRow({ target }) {
  const item = target.closest(".item");
  if (target.name?.endsWith("-DELETE")) renumber(item.parentElement);
  else if (target.matches("[data-amount]"))
    item.querySelector(".item-size").textContent = target.selectedOptions[0].dataset.size;
}

function handles(box) {
  const list = box.querySelector(".item-list");
  list.addEventListener("click", ({ target }) => {
    if (target.closest(".item-grip")) move(list, target.closest(".item"), -1); // for a thumb that cannot drag
  });
  list.addEventListener("keydown", moveByKey);
  if (box.dataset.sortable) makeDraggable(box, list);
  list.addEventListener("change", onRow);
  renumber(list);
  const more = box.querySelector(".items-more");
  if (!more) return;
  more.open ||= isAdding;
  more.addEventListener("toggle", () => (isAdding = more.open));
}

// By mouse or thumb; SortableJS stands beside this file as npm has it.
async function makeDraggable(box, list) {
  if (!list.querySelector(".item-grip")) return;
  Sortable ??= (await import(box.dataset.sortable)).default;
  new Sortable(list, {
    handle: ".item-grip",
    draggable: ".item",
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150, // milliseconds
    forceFallback: true, // the browser's own drag shows no row on a phone, and no other cursor
    onStart: () => box.classList.add("is-dragging"), // saving.js leaves these rows alone meanwhile
    onEnd: ({ item, oldIndex, newIndex }) => {
      box.classList.remove("is-dragging");
      if (oldIndex !== newIndex) tellMoved(list, item);
    },
  });
  for (const grip of list.querySelectorAll(".item-grip")) grip.hidden = false;
}

// Below the head of the letter: how long its two lines are, and whether inboxes show them whole.
function sayLengths(place) {
  const { subject, preheader } = place.closest("form").elements;
  const measure = ({ value }) => {
    const n = [...value.trim()].length;
    return { n, script: widthOf(value) > n * 0.75 ? "han" : "latin" };
  };
  const ofSubject = ({ n, script }) => n && say(n > SHOWN[script] ? "Cut" : "Fits", { n, shown: SHOWN[script] });
  const ofPreheader = ({ n, script }) => {
    const [from, to] = BEST[script];
    return n && say(n < from || n > to ? "Best" : "Preheader", { n, from, to });
  };
  const show = () => {
    place.textContent = [ofSubject(measure(subject)), ofPreheader(measure(preheader))].filter(Boolean).join(" · ");
  };
  for (const field of [subject, preheader]) field.addEventListener("input", show);
  show();
}

// The titles of the posts as subjects while there is none: one press puts one in, and undo takes it out.
function suggestSubjects(place) {
  const field = place.closest("form").elements.subject;
  const box = element("p", { className: "suggestions" });
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", say("Suggestions"));
  place.after(box);
  const show = () => {
    const titles = [...document.querySelectorAll(`[data-items] ${IN} [data-title]`)];
    const words = [...new Set(titles.map((title) => title.textContent.trim()))].slice(0, 3);
    box.hidden = field.value.trim() !== "" || !words.length;
    box.replaceChildren(...words.map((text) => element("button", { type: "button", text })));
  };
  box.addEventListener("click", ({ target }) => target.matches("button") && insert(field, target.textContent));
  field.addEventListener("input", show);
  document.addEventListener("desk:fresh", ({ target }) => target.matches("[data-items]") && show());
  show();
}

// The introduction, the closing and the question show their beginning while they are closed.
function showBeginning(details) {
  const text = details.querySelector("textarea, input[type=text]");
  const line = details.querySelector("[data-beginning]");
  const show = () => (line.textContent = text.value.trim().replace(/\s+/g, " ").slice(0, 60));
  text.addEventListener("input", show);
  details.addEventListener("toggle", show); // what a script has put in says nothing
}

// A kept text goes where the caret was, in one step of undo. Without JavaScript it is put at the end by “Save”.
function putIn(select) {
  const { text } = select.selectedOptions[0].dataset;
  const field = document.getElementById(`id_${select.dataset.kept}`);
  select.value = "";
  if (!text) return;
  insert(field, gapBefore(field, field.selectionStart) + text);
}

// After a save that has changed the letter, the frame shows it.
let shown = document.querySelector("[data-letter]")?.dataset.letter;
function renewLetter({ dataset }) {
  const frame = document.querySelector("[data-letter-frame]");
  if (frame && shown && shown !== dataset.letter)
    frame.src = `${frame.src.replace(/&.*/, "")}&v=${dataset.letter.slice(0, 16)}`;
  shown = dataset.letter;
}

document.querySelectorAll("[data-items]").forEach(handles);
document.addEventListener("desk:fresh", ({ target }) => {
  if (target.matches("[data-items]")) handles(target); // saving.js
  if (target.matches("[data-letter]")) renewLetter(target);
});
document.querySelectorAll("[data-words]").forEach(showBeginning);

// A closed list changes with every arrow and every letter: nothing is put in by these before Enter.
const isOpening = (event) => event.altKey || ["Enter", " ", "F4"].includes(event.key);
let isBrowsing = false;
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-kept]")) return;
  isBrowsing = !isOpening(event);
  setTimeout(() => (isBrowsing = false)); // its change comes before that
  if (event.key !== "Enter" || !event.target.value) return;
  event.preventDefault();
  putIn(event.target);
});
document.addEventListener("change", ({ target }) => target.matches("[data-kept]") && !isBrowsing && putIn(target));
for (const place of document.querySelectorAll("[data-lengths]")) {
  sayLengths(place);
  suggestSubjects(place);
}
