// A title grows with its words instead of hiding them, and stays one line: what is pasted loses its breaks.
// Enter saves. As long as there is no text it goes on to that instead: saving.js saves the title meanwhile.

import { insert } from "./field.js";

const GROWS = CSS.supports("field-sizing", "content");

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

// A word of Chinese that is being composed is chosen by Enter, too: some browsers tell of that by the code alone.
function onKey(event) {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  const { body, _enter, _continue } = event.target.form.elements;
  if (body && !body.value.trim()) return body.focus();
  event.target.form.requestSubmit(_enter ?? _continue);
}

function pasteAsOneLine(event) {
  const text = event.clipboardData.getData("text/plain");
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault();
  insert(event.target, text.trim().replace(/\s*[\r\n]+\s*/g, " "));
}

for (const field of document.querySelectorAll("textarea[data-one-line]")) {
  field.addEventListener("keydown", onKey);
  field.addEventListener("paste", pasteAsOneLine);
  if (!GROWS) {
    field.addEventListener("input", () => grow(field));
    for (const name of ["resize", "pageshow"]) addEventListener(name, () => grow(field));
  }
}
