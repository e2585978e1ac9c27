// What helps to make an issue: arrows beside its posts, subjects from their titles, how long a line is, and the letter as
// it is saved. Without JavaScript the numbers, the fields and the page of the preview do the same.

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
  const facts = {
    title: item.querySelector("[data-title]")?.textContent ?? "",
    n: all.indexOf(item) + 1,
    all: all.length,
  };
  said.textContent = said.dataset.sayMoved.replace(/{(\w+)}/g, (_, name) => facts[name]);
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

// Of a line that inboxes cut off: how many characters, and whether that is a good length.
function countLength(field) {
  const { countFrom: from, countTo: to } = field.dataset;
  const output = document.createElement("output");
  output.className = "length";
  output.htmlFor = field.id;
  const show = () => {
    const length = [...field.value].length;
    output.textContent = length ? `${length} / ${from}–${to}` : "";
    output.classList.toggle("is-off", length > 0 && (length < Number(from) || length > Number(to)));
  };
  field.after(output);
  field.addEventListener("input", show);
  show();
}

// A Han character is as wide as two letters: how much of a subject a phone shows.
const widthOf = (text) => [...text].reduce((sum, one) => sum + (one.codePointAt(0) < 0x1100 ? 0.5 : 1), 0);

function showShown(field) {
  const { sayShown, shown } = { ...document.querySelector("[data-say-shown]").dataset, ...field.dataset };
  const output = document.createElement("output");
  output.className = "length";
  output.htmlFor = field.id;
  const show = () => {
    const width = Math.ceil(widthOf(field.value.trim()));
    output.textContent = width ? sayShown.replace("{n}", width).replace("{shown}", shown) : "";
    output.classList.toggle("is-off", width > Number(shown));
  };
  field.after(output);
  field.addEventListener("input", show);
  show();
}

// The titles of the posts as subjects: one press puts one in, and undo takes it out.
function suggestSubjects(field) {
  const box = document.createElement("p");
  box.className = "suggestions";
  field.parentElement.append(box);
  const show = () => {
    const titles = [...document.querySelectorAll("[data-items] .item:not(.is-out) [data-title]")];
    const words = [...new Set(titles.map((title) => title.textContent.trim()))].slice(0, 3);
    const focused = box.contains(document.activeElement) ? document.activeElement.textContent : "";
    box.hidden = !words.length;
    box.replaceChildren(
      ...words.map((text) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
        button.setAttribute("aria-pressed", String(field.value.trim() === text));
        button.addEventListener("click", () => take(text));
        return button;
      }),
    );
    if (focused) ([...box.children].find((one) => one.textContent === focused) ?? field).focus({ preventScroll: true });
  };
  const take = (text) => {
    field.focus();
    field.select();
    if (!document.execCommand("insertText", false, text)) field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", document.querySelector("[data-say-suggestions]").dataset.saySuggestions);
  field.addEventListener("input", () => {
    for (const button of box.children) {
      button.setAttribute("aria-pressed", String(field.value.trim() === button.textContent));
    }
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
  field.focus();
  const before = field.value.slice(0, field.selectionStart);
  const gap = !before || before.endsWith("\n\n") ? "" : "\n\n";
  if (!document.execCommand("insertText", false, gap + text)) field.setRangeText(gap + text);
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
