// The preview of the look follows the form: a moment after each change the button that was pressed last is pressed
// again. Where each preview has a frame of its own, all of them are shown in turn, and the buttons are hidden. Without
// this script one presses them oneself.

const PAUSE = 500; // milliseconds of rest before the preview is asked for

const box = document.querySelector("[data-look]");
const form = document.getElementById("publication_form");
const buttons = [...(box?.querySelectorAll("[data-look-kind]") ?? [])];
const frames = [...(box?.querySelectorAll("iframe") ?? [])];
let chosen = buttons[0];
let timer;

function choose(button) {
  chosen = button;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

// A form is under way to one frame at a time.
function show([first, ...others]) {
  const frame = frames.find((one) => one.name === first.formTarget);
  if (others.length) frame.addEventListener("load", () => show(others), { once: true });
  form.requestSubmit(first);
}

function later(event) {
  if (event.target.type === "file") return;
  clearTimeout(timer);
  timer = setTimeout(() => show(frames.length > 1 ? buttons : [chosen]), PAUSE);
}

if (form && chosen) {
  for (const button of buttons) button.addEventListener("click", () => choose(button));
  for (const name of ["input", "change"]) form.addEventListener(name, later);
  if (frames.length > 1) {
    for (const button of buttons) button.hidden = true;
    addEventListener("load", () => show(buttons)); // what a form with errors holds, or a suggestion
  } else choose(chosen);
}
