// A copy of what is not saved yet, kept in this browser, and a word before it is left behind.
// The editor of editor.js shows both; the texts come from templates/admin/posts/_editor.html.

const KEPT = ["title", "body", "summary", "subject", "preheader", "introduction", "closing"];
const KEEP_PAUSE = 1000; // milliseconds of rest before the copy is made
const key = `unsaved:${location.pathname}`;
const language = document.documentElement.lang;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function contents(form) {
  return Object.fromEntries(KEPT.filter((name) => form.elements[name]).map((name) => [name, form.elements[name].value]));
}

function keep(form, bar, asOpened) {
  const now = contents(form);
  if (JSON.stringify(now) === asOpened) return;
  try {
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), contents: now }));
  } catch {
    return; // the browser keeps nothing for us; the warning on leaving remains
  }
  const time = new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  form.querySelector(".editor-state").textContent = bar.dataset.sayKept.replace("{time}", time);
}

function putBack(form, kept) {
  for (const [name, value] of Object.entries(kept.contents)) {
    const field = form.elements[name];
    field.focus();
    field.select();
    // execCommand keeps the field's own undo
    if (!document.execCommand("insertText", false, value)) field.value = value;
  }
}

function offer(form, bar, kept) {
  const time = new Date(kept.at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  bar.querySelector("span").textContent = bar.dataset.sayFound.replace("{time}", time);
  bar.hidden = false;
  bar.addEventListener("click", ({ target }) => {
    if (target.matches("[data-restore]")) putBack(form, kept);
    else if (target.matches("[data-forget]")) localStorage.removeItem(key);
    else return;
    bar.hidden = true;
  });
}

function warnOnLeaving(form) {
  // Other scripts fill fields in (dates, select boxes): what counts is what a person did.
  let touched = Boolean(document.querySelector(".errornote"));
  form.addEventListener("input", () => (touched = true));
  form.addEventListener("change", () => (touched = true));
  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("data-preview-page")) return;
    touched = false;
    sessionStorage.setItem("submitted", key);
  });
  addEventListener("beforeunload", (event) => touched && event.preventDefault());
}

// The page after a saved form says so in a green message; only then is the copy given up.
function forgetSaved() {
  const submitted = sessionStorage.getItem("submitted");
  if (!submitted) return;
  sessionStorage.removeItem("submitted");
  if (document.querySelector(".messagelist .success")) localStorage.removeItem(submitted);
}

function watch(form, bar) {
  const asOpened = JSON.stringify(contents(form));
  const kept = stored();
  if (kept && JSON.stringify(kept.contents) !== asOpened) offer(form, bar, kept);
  let timer;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, KEEP_PAUSE, form, bar, asOpened);
  });
  warnOnLeaving(form);
}

forgetSaved();
const bar = document.querySelector("form .editor-kept");
if (bar) watch(bar.closest("form"), bar);
