// Adds what only a script can do; every page works without it. Nothing that it keeps leaves this browser.
// A chosen colour scheme is there before it: stylesheet.py, INLINE_SCRIPT, which also asks for this file once the page is there.
const root = document.documentElement;

const SCHEMES = ["auto", "light", "dark"];
let scheme = root.dataset.scheme ?? "auto";

function offerSchemes(button) {
  button.hidden = false;
  button.textContent = button.dataset[scheme];
  button.addEventListener("click", () => {
    scheme = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length];
    if (scheme === "auto") delete root.dataset.scheme;
    else root.dataset.scheme = scheme;
    button.textContent = button.dataset[scheme];
    try {
      localStorage.setItem("scheme", JSON.stringify(scheme));
    } catch {
      // a private window forgets
    }
  });
}

function offer(button, act) {
  button.parentElement.hidden = false;
  button.addEventListener("click", act);
}

function offerShare(button) {
  // Who closes the sheet again has shared nothing: that is no error.
  if (navigator.share) offer(button, () => navigator.share({ url: button.dataset.share }).catch(() => {}));
}

function offerCopy(button) {
  if (!navigator.clipboard) return;
  const label = button.textContent;
  for (const shown of document.querySelectorAll(".share-address")) shown.hidden = true;
  button.setAttribute("aria-live", "polite");
  offer(button, async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = label), 2000);
  });
}

// The site that led here is told with a sign-up, by its name alone; it is kept nowhere else.
function tellOrigin(form) {
  const host = document.referrer && new URL(document.referrer).hostname;
  if (!host || host === location.hostname || form.elements.came) return;
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "came", value: `from ${host}` }));
}

// A paragraph is left ragged if a line of it would be stretched by more than this share.
const STRETCH_MAX = 0.06;
const wide = matchMedia("(min-width: 44rem)");

function isTorn(paragraph) {
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  const { top, right } = paragraph.getBoundingClientRect();
  const height = parseFloat(getComputedStyle(paragraph).lineHeight);
  const lines = [];
  for (const box of range.getClientRects()) {
    const line = Math.floor(((box.top + box.bottom) / 2 - top) / height);
    lines[line] = Math.max(lines[line] ?? 0, box.right);
  }
  const { left } = range.getBoundingClientRect();
  return lines.slice(0, -1).some((end) => right - end > STRETCH_MAX * (end - left));
}

function leaveTornRagged() {
  if (!wide.matches) return;
  const paragraphs = [...document.querySelectorAll(":is(.prose, .part) :is(p, li, dd)")];
  for (const one of paragraphs) one.classList.add("ragged");
  const torn = paragraphs.map(isTorn);
  paragraphs.forEach((one, place) => one.classList.toggle("ragged", torn[place]));
}

leaveTornRagged();
wide.addEventListener("change", leaveTornRagged);
document.querySelectorAll("[data-auto]").forEach(offerSchemes);
document.querySelectorAll("[data-share]").forEach(offerShare);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
document.querySelectorAll("[data-print]").forEach((button) => offer(button, () => print()));
document.querySelectorAll(".signup[method]").forEach(tellOrigin);
