// The headings of the text as typed, each a jump to its line.

import { element, rested } from "./field.js";
import { lines } from "./mirror.js";

const panel = document.getElementById("write-outline");
const field = document.querySelector("textarea[data-editor][name=body]");
const PAUSE = 300; // milliseconds of rest
const HEADING = /^ {0,3}(#{2,6})[ \t]+(.+?)[ \t#]*$/;

// Return the headings in order: {level, text, from, characters}; what stands before the first one has no level.
function headings() {
  const found = [{ level: 0, text: panel.dataset.sayBeginning, from: 0, characters: 0 }];
  let from = 0;
  for (const { text: line, kind } of lines) {
    const heading = kind === "is-heading" && HEADING.exec(line);
    if (heading) found.push({ level: heading[1].length, text: heading[2], from, characters: 0 });
    else found.at(-1).characters += line.replace(/\s/g, "").length;
    from += line.length + 1;
  }
  return found;
}

function draw() {
  const found = headings();
  const list = element("ol", { className: "outline" });
  for (const { level, text, from, characters } of found) {
    const count = panel.dataset.sayCharacters.replace("{n}", characters.toLocaleString());
    const parts = [element("span", { text }), element("span", { text: count })];
    const button = element("button", { type: "button" }, ...parts);
    button.addEventListener("click", () => {
      field.dispatchEvent(new CustomEvent("desk:show", { detail: [from, from] })); // mirror.js
      panel.dispatchEvent(new CustomEvent("desk:leave", { bubbles: true }));
    });
    list.append(element("li", { className: `level-${level}` }, button));
  }
  const empty = element("p", { className: "hint", text: panel.dataset.sayNone });
  panel.replaceChildren(found.length > 1 ? list : empty);
}

if (panel && field) {
  field.addEventListener("input", rested(PAUSE, draw));
  draw();
}
