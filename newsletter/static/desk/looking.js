// The preview of the look follows the form: a moment after each change the button that was pressed last is pressed
// again. Without this script one presses it oneself.

const PAUSE = 500; // milliseconds of rest before the preview is asked for

const box = document.querySelector("[data-look]");
const form = document.getElementById("publication_form");
const buttons = [...(box?.querySelectorAll("[data-look-kind]") ?? [])];
let chosen = buttons[0];
let timer;

function mark() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

function later(event) {
  if (event.target.type === "file") return;
  clearTimeout(timer);
  timer = setTimeout(() => form.requestSubmit(chosen), PAUSE);
}

if (form && chosen) {
  for (const button of buttons)
    button.addEventListener("click", () => {
      chosen = button;
      mark();
    });
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  mark();
}
