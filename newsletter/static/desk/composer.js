// What helps to make an issue: arrows beside its posts, subjects from their titles, how long a line is, and the letter as
// it is saved. Without JavaScript the numbers, the fields and the page of the preview do the same.

import { element, insert, widthOf, wordsOf } from "./field.js";

const places = (list) => [...list.querySelectorAll(".item:not(.is-out) input.place")];

function renumber(list) {
  places(list).forEach((field, index) => (field.value = index + 1));
  for (const [index, item] of [...list.children].entries()) {
    const [up, down] = item.querySelectorAll("[data-move]");
    if (!up) continue;
    up.ariaDisabled = index === 0; // not `disabled`: whoever moves a post to the end by keys stays on its arrow
    down.ariaDisabled = index === list.children.length - 1;
  }
}

function move(list, item, by, said) {
  const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  by < 0 ? other.before(item) : other.after(item);
  tellMoved(list, item, said);
}

// Number the posts anew, and say where the one that was moved is now.
function tellMoved(list, item, said) {
  renumber(list);
  list.dispatchEvent(new Event("change", { bubbles: true })); // unsaved.js warns, autosave.js saves
  const all = [...list.children];
  const title = item.querySelector("[data-title]")?.textContent ?? "";
  said.textContent = wordsOf(said)("Moved", { title, n: all.indexOf(item) + 1, all: all.length });
}

function arrows(box) {
  const list = box.querySelector(".item-list");
  const said = box.querySelector("[data-said]");
  for (const moves of list.querySelectorAll(".item-moves")) moves.hidden = false;
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-move]");
    if (!button) return;
    move(list, button.closest(".item"), Number(button.dataset.move), said);
    button.focus();
  });
  list.addEventListener("desk:moved", ({ target }) => tellMoved(list, target, said)); // dragging.js
  list.addEventListener("change", ({ target }) => {
    if (!target.name?.endsWith("-DELETE")) return;
    target.closest(".item").classList.toggle("is-out", target.checked);
    renumber(list);
  });
  for (const box of list.querySelectorAll("[name$=-DELETE]:checked")) box.closest(".item").classList.add("is-out");
  renumber(list);
}

// Say beside a field how long it is. measured(value): [words, whether that is no good length].
function sayLength(field, measured) {
  const output = element("output", { className: "length", htmlFor: field.id });
  const show = () => {
    const [words, isOff] = measured(field.value);
    output.textContent = words;
    output.classList.toggle("is-off", isOff);
  };
  field.after(output);
  field.addEventListener("input", show);
  show();
}

// Of a line that inboxes cut off: how many characters.
function countLength(field) {
  const { countFrom: from, countTo: to } = field.dataset;
  sayLength(field, (value) => {
    const { length } = [...value];
    return length ? [`${length} / ${from}–${to}`, length < Number(from) || length > Number(to)] : ["", false];
  });
}

// How much of a subject a phone shows.
function showShown(field) {
  const { sayShown, shown } = { ...document.querySelector("[data-say-shown]").dataset, ...field.dataset };
  sayLength(field, (value) => {
    const width = widthOf(value);
    return [width ? sayShown.replace("{n}", width).replace("{shown}", shown) : "", width > Number(shown)];
  });
}

// The titles of the posts as subjects: one press puts one in, and undo takes it out.
function suggestSubjects(field) {
  const box = element("p", { className: "suggestions" });
  field.parentElement.append(box);
  const show = () => {
    const titles = [...document.querySelectorAll("[data-items] .item:not(.is-out) [data-title]")];
    const words = [...new Set(titles.map((title) => title.textContent.trim()))].slice(0, 3);
    const focused = box.contains(document.activeElement) ? document.activeElement.textContent : "";
    box.hidden = !words.length;
    box.replaceChildren(
      ...words.map((text) => {
        const button = element("button", { type: "button", text });
        button.setAttribute("aria-pressed", String(field.value.trim() === text));
        button.addEventListener("click", () => insert(field, text, 0, field.value.length));
        return button;
      }),
    );
    if (focused) ([...box.children].find((one) => one.textContent === focused) ?? field).focus({ preventScroll: true });
  };
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", document.querySelector("[data-say-suggestions]").dataset.saySuggestions);
  field.addEventListener("input", () => {
    for (const button of box.children) button.ariaPressed = String(field.value.trim() === button.textContent);
  });
  document.addEventListener("desk:fresh", ({ target }) => target.matches("[data-items]") && show());
  show();
}

// The introduction and the closing show their beginning while they are closed.
function showBeginning(details) {
  const text = details.querySelector("textarea");
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
  const before = field.value.slice(0, field.selectionStart);
  const gap = !before || before.endsWith("\n\n") ? "" : "\n\n";
  insert(field, gap + text);
}

// After a save that has changed the letter, the frame shows it.
function renewLetter(facts) {
  const frame = document.querySelector("[data-letter-frame]");
  if (!frame || frame.dataset.shown === facts.dataset.letter) return;
  frame.dataset.shown = facts.dataset.letter;
  frame.src = frame.getAttribute("src").replace(/\?.*|$/, `?v=${facts.dataset.letter.slice(0, 16)}`);
}

document.querySelectorAll("[data-items]").forEach(arrows);
document.addEventListener("desk:fresh", ({ target }) => {
  if (target.matches("[data-items]")) arrows(target); // saving.js
  if (target.matches("[data-letter]")) renewLetter(target);
});
for (const facts of document.querySelectorAll("[data-letter]")) {
  document.querySelector("[data-letter-frame]").dataset.shown = facts.dataset.letter;
}
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
document.querySelectorAll("[data-shown][name=subject]").forEach(showShown);
document.querySelectorAll("[data-shown][name=subject]").forEach(suggestSubjects);
document.querySelectorAll("[data-count-from]").forEach(countLength);
