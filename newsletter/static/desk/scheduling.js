// “Schedule…” saves the issue and asks in a dialog over it when it leaves. Without JavaScript it saves and leads to the page
// whose form this is: newsletter/desk/issues/composer.py.

const form = document.getElementById("kept-copies")?.closest("form");
const PATIENCE = 30_000; // milliseconds

let dialog;

function makeDialog() {
  dialog = document.createElement("dialog");
  dialog.className = "dialog schedule issue-screen";
  dialog.setAttribute("aria-labelledby", "schedule-title");
  dialog.addEventListener("click", ({ target }) => target.closest("[data-close]") && dialog.close());
  document.body.append(dialog);
}

async function open() {
  const address = new URL("../send/", location.href); // of the page of an issue, new ones too: it is saved by now
  const answer = await fetch(`${address}?dialog`, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
  if (!answer?.ok || answer.redirected) return location.assign(address); // what it is, is told there
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!dialog) makeDialog();
  dialog.replaceChildren(...page.body.childNodes);
  dialog.showModal();
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

if (form) {
  document.addEventListener("click", (event) => event.target.closest(".desk-bar [name=_send]") && saveThenOpen(event));
}
