// The headings of the text as typed, each a jump to its line; and where a place of the text is scrolled to, for all who jump.

import { element, rested } from "./field.js";

const panel = document.getElementById("write-outline");
const field = document.querySelector("textarea[data-editor][name=body]");
const page = document.getElementById("container");
const PAUSE = 300; // milliseconds of rest
const HEADING = /^ {0,3}(#{2,6})[ \t]+(.+?)[ \t#]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

// Return the headings in order: {level, text, from, characters}; what stands before the first one has no level.
function headings(text) {
  const found = [{ level: 0, text: panel.dataset.sayBeginning, from: 0, characters: 0 }];
  let from = 0;
  let fence = "";
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line)?.[1];
    if (mark && !fence) fence = mark;
    else if (mark?.startsWith(fence)) fence = "";
    const heading = !fence && HEADING.exec(line);
    if (heading) found.push({ level: heading[1].length, text: heading[2], from, characters: 0 });
    else found.at(-1).characters += line.replace(/\s/g, "").length;
    from += line.length + 1;
  }
  return found;
}

function draw() {
  const found = headings(field.value);
  const list = element("ol", { className: "outline" });
  for (const { level, text, from, characters } of found) {
    const count = panel.dataset.sayCharacters.replace("{n}", characters.toLocaleString());
    const parts = [element("span", { text }), element("span", { text: count })];
    const button = element("button", { type: "button" }, ...parts);
    button.addEventListener("click", () => {
      show(from, from);
      panel.dispatchEvent(new CustomEvent("desk:leave", { bubbles: true }));
    });
    list.append(element("li", { className: `level-${level}` }, button));
  }
  const empty = element("p", { className: "hint", text: panel.dataset.sayNone });
  panel.replaceChildren(found.length > 1 ? list : empty);
}

// Return where a place of the text stands in the field before it is scrolled, and the height of its line; in pixels.
function measure(place) {
  const copy = document.createElement("div");
  const style = getComputedStyle(field);
  for (const name of ["font", "letterSpacing", "lineBreak", "wordBreak", "textAutospace", "padding", "tabSize"]) {
    copy.style[name] = style[name];
  }
  Object.assign(copy.style, {
    position: "absolute",
    visibility: "hidden",
    boxSizing: "border-box",
    whiteSpace: "pre-wrap",
    overflowWrap: "break-word",
    width: `${field.clientWidth}px`,
  });
  const mark = element("span", { text: "\u200b" });
  copy.append(field.value.slice(0, place), mark);
  document.body.append(copy);
  const found = { top: mark.offsetTop, left: mark.offsetLeft, line: mark.offsetHeight };
  copy.remove();
  return found;
}

// Choose a part of the text and scroll it to a third of the page: a browser scrolls to a caret only when somebody types.
// On a narrow window the preview stands in the place of the text, and hides it: it goes off first.
function show(from, to) {
  if (!field.checkVisibility()) field.closest(".editor").querySelector("[data-tool=preview]").click();
  const { top } = measure(from);
  field.focus({ preventScroll: true });
  field.setSelectionRange(from, to);
  page.scrollTop += field.getBoundingClientRect().top + top - page.clientHeight / 3;
}

function watch() {
  field.addEventListener("desk:measure", ({ detail }) => Object.assign(detail, measure(detail.place)));
  field.addEventListener("desk:show", ({ detail: [from, to] }) => show(from, to));
  field.addEventListener("input", rested(PAUSE, draw));
  draw();
}

if (panel && field) watch();
