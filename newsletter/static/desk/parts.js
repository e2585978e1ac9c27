// A part of a page that has an address of its own: [data-comes-from] holds a link to that page, and gets its
// [data-part] when the page has loaded, and again when [data-again] within it is pressed.

const ANSWER_MAX = 30_000; // milliseconds to wait for an answer

async function bring(place) {
  place.setAttribute("aria-busy", "true");
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX);
    const response = await fetch(place.dataset.comesFrom, { redirect: "error", signal });
    if (!response.ok) throw new Error(String(response.status));
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-part]");
    const hadFocus = place.contains(document.activeElement);
    if (fresh) place.replaceChildren(...fresh.childNodes);
    if (hadFocus) place.querySelector("[data-again]")?.focus({ preventScroll: true });
  } catch {
    // The link that stands there leads to the page itself, which says what is wrong.
  } finally {
    place.removeAttribute("aria-busy");
  }
}

for (const place of document.querySelectorAll("[data-comes-from]")) {
  place.setAttribute("aria-live", "polite");
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-again]")) return;
    event.preventDefault();
    bring(place);
  });
  bring(place);
}
