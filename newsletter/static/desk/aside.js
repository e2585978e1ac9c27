// What belongs to a post beside its text: tabs of a panel that buttons open and fold away again, a drawer on a narrow window.
// Without JavaScript the parts stand below the text, one under the other.

const aside = document.getElementById("write-aside");
const tabs = aside ? [...aside.querySelectorAll("[role=tab]")] : [];
const isDrawer = matchMedia("(max-width: 68.74rem)");
const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
const buttons = () => [...document.querySelectorAll("[data-aside]")];

function choose(tab, isFocused = true) {
  for (const one of tabs) {
    const isChosen = one === tab;
    one.setAttribute("aria-selected", String(isChosen));
    one.tabIndex = isChosen ? 0 : -1;
    panelOf(one).hidden = !isChosen;
  }
  if (isFocused) tab.focus();
}

function onKey(event) {
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  choose(tabs.at(to % tabs.length));
}

function show(isOpen) {
  aside.classList.toggle("is-open", isOpen);
  for (const button of buttons()) button.setAttribute("aria-expanded", String(isOpen));
}

function close() {
  if (!aside.classList.contains("is-open")) return;
  const hasFocus = aside.contains(document.activeElement);
  show(false);
  if (hasFocus) buttons().at(-1)?.focus();
}

// The same button folds the panel away, unless it shows another tab.
function press({ dataset }) {
  const tab = document.getElementById(dataset.aside);
  if (aside.classList.contains("is-open") && !panelOf(tab).hidden) return close();
  choose(tab, false);
  show(true);
  aside.focus({ preventScroll: true });
}

// A field that is refused is seen, whatever tab it stands on.
function reveal() {
  if (document.querySelector("fieldset.writing .errorlist")) return void (location.hash = "");
  const refused = aside.querySelector(".errorlist");
  const tab = tabs.find((one) => panelOf(one).contains(refused));
  if (!refused || !tab) return;
  choose(tab, false);
  if (refused.closest(".release-fields")) location.hash = "#publish";
  else show(true);
  if (isDrawer.matches) aside.querySelector("[aria-invalid=true]")?.focus(); // it covers whatever had the focus
}

function watch() {
  const list = aside.querySelector("[role=tablist]");
  list.hidden = false;
  for (const tab of tabs) {
    const panel = panelOf(tab);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(tab));
  }
  list.addEventListener("keydown", onKey);
  choose(tabs[0], false);
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-aside-close]")) return close();
    const button = target.closest("[data-aside]");
    if (button) press(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (!document.querySelector("dialog[open], .is-quiet")) close(); // the key closes that one, or ends the quiet
  });
  aside.addEventListener("desk:leave", () => isDrawer.matches && close()); // what was looked for is in the text
  document.addEventListener("desk:publishing", () => {
    choose(tabs[0], false);
    show(false);
  });
  reveal();
  document.addEventListener("desk:unsaved", ({ detail }) => detail === "Refused" && reveal(), { capture: true });
}

if (tabs.length) watch();
