// “Publish…” is a link to #publish: what is asked there takes the place of the text, and the button says what it will do.
// Without JavaScript the link leads to the same fields below the text.

import { clock, language, wordsOf } from "./field.js";

const form = document.getElementById("post_form");
const aside = document.getElementById("write-aside");
const go = document.querySelector("[data-go]");
const release = document.querySelector("[data-release]");
const say = wordsOf(go);
const page = document.getElementById("container");
const isOpen = () => ["#publish", "#preview-link"].includes(location.hash);
let textTop = 0; // where the text had been scrolled to

// --- When ---

const typed = () => form.elements.published_at.value;
const inZone = (date) => date.toLocaleString("sv", { timeZone: release.dataset.zone }).replace(" ", "T");

function clockOf(time) {
  const date = new Date(time);
  const month = language.startsWith("zh") ? "numeric" : "short";
  const year = time.slice(0, 4) === inZone(new Date()).slice(0, 4) ? undefined : "numeric";
  const day = date.toLocaleDateString(language, { year, month, day: "numeric" });
  return `${day} ${clock(date)}`;
}

// Return the weekday of a time and how far away it is: “Saturday, in 4 days”.
function far(time) {
  const [date, now] = [new Date(time), new Date(inZone(new Date()))];
  const days = Math.round((date.setHours(0, 0, 0, 0) - now.setHours(0, 0, 0, 0)) / 86_400_000);
  const weekday = date.toLocaleDateString(language, { weekday: "long" });
  return ` · ${weekday} · ${new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(days, "day")}`;
}

// Return the name of the words that say what a press does; "" if there is nothing to do.
function deed() {
  const { release: state, former } = release.dataset;
  const how = form.elements.published_at_how.value;
  if (how === "now") return "Now";
  if (how === "draft") return state === "draft" ? "Keep" : "Withdraw";
  if (!typed()) return "Missing";
  if (typed().slice(0, 16) === former.slice(0, 16)) return "";
  if (state === "published") return "Move";
  return typed() > inZone(new Date()) ? "At" : "Past";
}

function show() {
  const name = deed();
  go.hidden = !name;
  go.disabled = name === "Missing";
  go.textContent = say(name || "Now", { time: typed() && clockOf(typed()) });
  document.querySelector("[data-go-hint]").textContent = say(`${name}Hint`);
  release.querySelector("[data-far]").textContent = typed() ? far(typed()) : "";
}

// --- In the place of the text ---

function turn() {
  const wasOpen = document.body.classList.contains("is-publishing");
  document.body.classList.toggle("is-publishing", isOpen());
  if (!isOpen()) return wasOpen ? backToText() : undefined;
  if (!wasOpen) textTop = page.scrollTop;
  const title = document.querySelector("[data-title]");
  if (title) title.textContent = form.elements.title.value;
  document.dispatchEvent(new CustomEvent("desk:publishing"));
  if (location.hash !== "#publish") return; // the browser scrolls to the link that was made
  page.scrollTop = 0;
  aside.focus({ preventScroll: true });
}

function backToText() {
  page.scrollTop = textTop;
  form.elements.body.focus({ preventScroll: true });
}

function onClick(event) {
  if (!event.target.closest("a[href='#id_body']")) return;
  event.preventDefault();
  location.hash = "";
}

function offerCopy() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy-address]")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copyAddress);
      button.textContent = button.dataset.copied;
      setTimeout(() => (button.textContent = label), 2000);
    });
  }
}

function watch() {
  document.body.classList.add("can-publish");
  form.addEventListener("input", show);
  release.addEventListener("change", ({ target }) => {
    if (target.value === "at") form.elements.published_at.focus();
  });
  addEventListener("hashchange", turn);
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !isOpen()) return;
    if (!document.querySelector("dialog[open]")) location.hash = "";
  });
  offerCopy();
  show();
  turn();
}

if (go && release) watch();
