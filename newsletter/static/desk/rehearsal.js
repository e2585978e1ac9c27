// The rehearsal of an issue runs by itself after a rest: its dot and its findings follow while the page is looked at.

const place = document.querySelector("[data-rehearsal]");
const EVERY = Number(place?.dataset.every ?? 4_000); // milliseconds
const LONGEST = 5 * 60_000; // milliseconds after a save, after which nobody works at it

let until = Date.now() + LONGEST;
let timer;

async function ask() {
  clearTimeout(timer);
  const answer = document.hidden ? null : await fetch(place.dataset.rehearsal).catch(() => null);
  if (answer?.ok && !answer.redirected) show(await answer.text());
  if (place.querySelector("[data-comes]") && Date.now() < until) timer = setTimeout(ask, EVERY);
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("details");
  const old = place.querySelector("details");
  if (!fresh) return;
  fresh.open = old.open;
  if (fresh.outerHTML === old.outerHTML) return;
  const isFocused = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (isFocused) fresh.querySelector("summary").focus({ preventScroll: true });
}

if (place) {
  document
    .getElementById("kept-copies")
    .closest("form")
    .addEventListener("desk:saved", () => {
      until = Date.now() + LONGEST;
      ask();
    });
  document.addEventListener("visibilitychange", ask);
  timer = setTimeout(ask, EVERY);
}
