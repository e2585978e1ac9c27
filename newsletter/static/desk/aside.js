// What stands beside the text of a post: its parts become tabs, and on a narrow window a drawer that a button opens.
// Without JavaScript the parts stand below the text, one under the other.

const aside = document.getElementById("write-aside");
const tabs = aside ? [...aside.querySelectorAll("[role=tab]")] : [];
const isDrawer = matchMedia("(max-width: 68.74rem)");
const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
const buttons = () => document.querySelectorAll("[data-aside]"); // a save draws them anew

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
  if (hasFocus) buttons()[0]?.focus();
}

// A field that is refused is seen, whatever tab it stands on.
function reveal(field) {
  const panel = field.closest("[data-panel]");
  const tab = tabs.find((one) => panelOf(one) === panel);
  if (!tab) return;
  choose(tab, false);
  show(true);
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
  const showButtons = () => {
    for (const button of buttons()) {
      button.hidden = false;
      button.setAttribute("aria-expanded", String(aside.classList.contains("is-open")));
    }
  };
  showButtons();
  document.addEventListener("desk:fresh", showButtons); // saving.js
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-aside-close]")) return close();
    if (!target.closest("[data-aside]")) return;
    const isOpen = !aside.classList.contains("is-open");
    show(isOpen);
    if (isOpen) aside.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (!document.querySelector("dialog[open]")) close(); // the key closes that one
  });
  aside.addEventListener("desk:leave", () => isDrawer.matches && close()); // what was looked for is in the text
  const refused = aside.querySelector(".errorlist");
  if (refused) reveal(refused);
  // Only what has just been refused: the check and the outline change as well, while somebody types.
  new MutationObserver((changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]);
    const list = added.find((one) => one.matches?.(".errorlist[data-in-place]"));
    if (!list) return;
    reveal(list);
    if (isDrawer.matches) aside.querySelector("[aria-invalid=true]")?.focus(); // it covers whatever had the focus
  }).observe(aside, { childList: true, subtree: true });
}

if (tabs.length) watch();
