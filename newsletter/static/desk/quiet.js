// While somebody types, only the text is in sight: the words of the desk, the panel and the tools come back by Esc, by the
// mouse, by a button, or as the focus leaves the text. On a phone the keyboard takes their place: there the focus alone counts.

const form = document.getElementById("post_form");
const page = document.getElementById("container");
const call = document.querySelector("[data-call]");
const tool = document.querySelector(".editor [data-tool=preview]");
const isTouch = matchMedia("(max-width: 52rem)");
const TRAVEL = 40; // pixels of the mouse that bring it back

let from = null; // where the mouse was as it became quiet

const isText = (target) => target?.matches?.("#id_title, #id_body");

function hush(isQuiet) {
  if (document.body.classList.contains("is-quiet") === isQuiet) return;
  document.body.classList.toggle("is-quiet", isQuiet);
  from = null;
}

function onKey(event) {
  const isOurs = !event.isComposing && !event.defaultPrevented && !document.querySelector("dialog[open]");
  if (event.key === "Tab" || (event.key === "Escape" && isOurs)) hush(false);
}

function onMove({ pointerType, screenX, screenY }) {
  if (pointerType === "touch") return;
  from ??= [screenX, screenY];
  if (Math.hypot(screenX - from[0], screenY - from[1]) > TRAVEL) hush(false);
}

// Some browsers lay the keyboard over the page: then the page is as high as what is left.
function fit() {
  const { height, scale } = globalThis.visualViewport;
  if (isTouch.matches && scale === 1) document.body.style.setProperty("--window", `${height}px`);
}

// The button of the bar presses that of the editor; a save makes it anew.
function showPreview() {
  const button = document.querySelector("[data-preview]");
  if (!button || !tool) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", tool.getAttribute("aria-pressed"));
}

function watch() {
  call.hidden = false;
  call.addEventListener("click", () => {
    hush(false);
    document.activeElement.blur();
  });
  form.addEventListener("input", ({ target }) => hush(isText(target)));
  document.addEventListener("focusin", ({ target }) => {
    if (!isText(target)) hush(false);
    else if (isTouch.matches) hush(true);
  });
  document.addEventListener("focusout", ({ relatedTarget }) => relatedTarget || hush(false));
  document.addEventListener("keydown", onKey);
  const isKept = (target) => isText(target) || target.closest("[data-tool]");
  document.addEventListener("pointerdown", ({ target }) => isKept(target) || hush(false));
  document.addEventListener("pointermove", onMove);
  // A press on a tool leaves the focus, and so the keyboard, where it is.
  form.querySelector(".editor-tools")?.addEventListener("mousedown", (event) => event.preventDefault());
  page.addEventListener("scroll", () => document.body.classList.toggle("is-down", page.scrollTop > 0));
  globalThis.visualViewport?.addEventListener("resize", fit);
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("[data-preview]")) return;
    tool.click();
    showPreview();
  });
  document.addEventListener("desk:fresh", showPreview);
  showPreview();
}

if (form && call) watch();
