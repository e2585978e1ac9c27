// “Schedule…” saves the issue and asks in a dialog over it when it leaves. Without JavaScript it saves and leads to the page
// whose form this is: newsletter/desk/issues/scheduling.py.
// The dialog begins the rehearsal that is missing and shows how it goes on; whoever presses “Schedule” meanwhile need not wait.
// What is typed wrongly is told in the dialog.

import { element, pageAt, parsed, post } from "./field.js";

const form = document.getElementById("kept-copies")?.closest("form");
const EVERY = 1_000; // milliseconds between two looks at a rehearsal

const dialog = element("dialog", { className: "dialog schedule issue-screen" });
let isWanted = false; // it was pressed: to be scheduled as soon as the rehearsal is over
let timer;

const address = () => new URL("../send/", location.href); // of the page of an issue, new ones too: it is saved by now
const rehearsal = () => dialog.querySelector("[data-rehearsed]");
const isRunning = () => rehearsal()?.dataset.rehearsed === "running";
const waiting = () => dialog.querySelector("[data-waits]"); // says so while it was pressed and the rehearsal is not over

function watch() {
  dialog.setAttribute("aria-labelledby", "schedule-title");
  document.body.append(dialog);
  document.addEventListener("click", (event) => event.target.closest(".desk-bar [name=_send]") && saveThenOpen(event));
  dialog.addEventListener("click", ({ target }) => target.closest("[data-close]") && dialog.close());
  dialog.addEventListener("submit", schedule);
  dialog.addEventListener("close", () => {
    isWanted = false;
    clearTimeout(timer);
  });
}

const content = async () => (await pageAt(`${address()}?dialog`))?.body;

// Begin the rehearsal that `fresh` says is missing; return what the dialog shows then.
async function begun(fresh) {
  const begin = fresh.querySelector("[data-begin]");
  if (!begin) return fresh;
  const segment = fresh.querySelector("[name=segment]").value;
  await post(begin.dataset.begin, { segment }, { redirect: "manual" }).catch(() => null);
  return (await content()) ?? fresh;
}

async function open() {
  const found = await content();
  if (!found) return location.assign(address()); // what it is, is told there
  const fresh = await begun(found);
  dialog.replaceChildren(...fresh.childNodes);
  dialog.showModal();
  later();
}

// Return what stands in the dialog for what had the focus before: of the same id, or of the same words.
function counterpart(focused) {
  if (focused.id) return document.getElementById(focused.id);
  const words = (one) => one.value || one.textContent.trim();
  return [...dialog.querySelectorAll("a[href], button, [type=submit]")].find((one) => words(one) === words(focused));
}

function later() {
  clearTimeout(timer);
  if (dialog.open && isRunning()) timer = setTimeout(look, EVERY);
}

// Put in place what has become of the rehearsal; once it is over, do what was pressed meanwhile.
async function look() {
  const fresh = (await content())?.querySelector("[data-rehearsed]");
  if (fresh && dialog.open && isRunning()) {
    const focused = rehearsal().contains(document.activeElement) ? document.activeElement : null;
    rehearsal().replaceWith(fresh);
    if (focused) counterpart(focused)?.focus({ preventScroll: true });
  }
  if (isRunning()) return later();
  waiting().textContent = "";
  if (isWanted) dialog.querySelector("form").requestSubmit();
}

async function schedule(event) {
  const asked = event.target;
  if (new URL(asked.action).pathname !== address().pathname) return; // a trial
  event.preventDefault();
  const button = asked.querySelector("[type=submit]");
  if (button.disabled) return;
  const focused = document.activeElement;
  button.disabled = true;
  const answer = await fetch(`${address()}?dialog`, { method: "POST", body: new FormData(asked) }).catch(() => null);
  if (!answer?.ok || answer.redirected) return asked.submit(); // the page of the form says what is wrong
  if (answer.headers.get("Content-Type").startsWith("application/json"))
    return location.assign((await answer.json()).url);
  dialog.replaceChildren(...parsed(await answer.text()).body.childNodes);
  isWanted = waiting().textContent.trim() !== "";
  const wrong = dialog.querySelector("[aria-invalid=true]");
  (wrong ?? dialog.querySelector(".errorlist"))?.scrollIntoView({ block: "center" });
  (wrong ?? counterpart(focused))?.focus({ preventScroll: true });
  later();
}

// Press “Save” first, as the author would; what hinders it is told at its field, and no dialog opens.
function saveThenOpen(event) {
  event.preventDefault();
  const over = new AbortController();
  const onSaved = () => {
    over.abort();
    open();
  };
  form.addEventListener("desk:saved", onSaved, { signal: over.signal });
  form.addEventListener("desk:unsaved", () => over.abort(), { signal: over.signal });
  document.querySelector(".desk-bar [name=_continue]").click();
}

if (form) watch();
