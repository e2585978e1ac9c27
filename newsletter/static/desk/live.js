// A part of a page that is asked for anew every second or two while it says data-again and the page is looked at.
// It is put in place whole, except while a button in it has the focus or is under the mouse: then only the rest is.
// Without this script the page says how to look again.

const EVERY = 1_500; // milliseconds
const LATER_MAX = 60_000; // between tries while the desk does not answer
const ANSWER_MAX = 10_000; // milliseconds to wait for an answer

const box = document.querySelector("[data-live]");
let failures = 0;
let timer;

const goesOn = () => box.querySelector("[data-again]") !== null;
const isInUse = (form) => form !== null && (form.matches(":hover") || form.contains(document.activeElement));

async function ask() {
  try {
    const response = await fetch(box.dataset.live, { redirect: "error", signal: AbortSignal.timeout(ANSWER_MAX) });
    if (!response.ok) throw new Error(String(response.status));
    show(new DOMParser().parseFromString(await response.text(), "text/html").body);
    failures = 0;
  } catch {
    failures += 1;
  }
  later();
}

function show(fresh) {
  const [old, form] = [box.querySelector("form"), fresh.querySelector("form")];
  if (form && isInUse(old)) return showAround(old, form);
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(...fresh.childNodes);
  if (!hadFocus) return;
  box.tabIndex = -1; // not a button: a key that was meant for the old one would press it
  box.focus({ preventScroll: true });
}

// A form that is moved loses the focus: it stays, and what stands beside it goes.
function showAround(old, form) {
  const all = [...form.parentNode.childNodes];
  const place = all.indexOf(form);
  for (const other of [...old.parentNode.childNodes]) if (other !== old) other.remove();
  old.before(...all.slice(0, place));
  old.after(...all.slice(place + 1));
}

function later() {
  clearTimeout(timer);
  if (document.hidden || !goesOn()) return;
  timer = setTimeout(ask, Math.min(EVERY * 2 ** failures, LATER_MAX));
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : goesOn() && ask()));
later();
