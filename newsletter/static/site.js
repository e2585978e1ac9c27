// Adds what only a script can do; every page works without it. Nothing that it keeps leaves this browser.
// A chosen colour scheme is there before it: stylesheet.py, INLINE_SCRIPT, which also asks for this file once the page is there.
const root = document.documentElement;

const SCHEMES = ["auto", "light", "dark"];
function useScheme(scheme) {
  if (scheme === "auto") delete root.dataset.scheme;
  else root.dataset.scheme = scheme;
}
let scheme = "auto";
try {
  scheme = SCHEMES.find((one) => one === JSON.parse(localStorage.getItem("scheme"))) ?? scheme;
} catch {
  // no storage, or not ours
}

function offerSchemes(button) {
  const say = () => {
    button.textContent = button.dataset[scheme];
  };
  button.hidden = false;
  say();
  button.addEventListener("click", () => {
    scheme = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length];
    useScheme(scheme);
    say();
    try {
      localStorage.setItem("scheme", JSON.stringify(scheme));
    } catch {
      // a private window forgets
    }
  });
}

function offerShare(button) {
  if (!navigator.share) return;
  button.parentElement.hidden = false;
  // Who closes the sheet again has shared nothing: that is no error.
  button.addEventListener("click", () => navigator.share({ url: button.dataset.share }).catch(() => {}));
}

function offerCopy(button) {
  if (!navigator.clipboard) return;
  const label = button.textContent;
  button.parentElement.hidden = false;
  for (const shown of document.querySelectorAll(".share-address")) shown.hidden = true;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
    setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
}

function offerPrint(button) {
  button.parentElement.hidden = false;
  button.addEventListener("click", () => print());
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
  paragraphs.forEach((one, place) => {
    one.classList.toggle("ragged", torn[place]);
  });
}

leaveTornRagged();
wide.addEventListener("change", leaveTornRagged);
document.querySelectorAll("[data-auto]").forEach(offerSchemes);
document.querySelectorAll("[data-share]").forEach(offerShare);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
document.querySelectorAll("[data-print]").forEach(offerPrint);
document.querySelectorAll(".signup[method]").forEach(tellOrigin);
