// The page of a form scrolls above the bar of its buttons, and is not the window: while nothing is focused, browsers let keys
// scroll the window alone. This hands them on.

const page = document.getElementById("container");
const LINE = 40; // pixels, as browsers do
const KEYS = {
  ArrowDown: () => LINE,
  ArrowUp: () => -LINE,
  PageDown: () => page.clientHeight * 0.9,
  PageUp: () => -page.clientHeight * 0.9,
  " ": (event) => page.clientHeight * (event.shiftKey ? -0.9 : 0.9),
  Home: () => -page.scrollHeight,
  End: () => page.scrollHeight,
};

addEventListener("keydown", (event) => {
  if (event.target !== document.body || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  if (page.scrollHeight <= page.clientHeight) return; // a low window, which scrolls by itself
  event.preventDefault();
  page.scrollBy({ top: KEYS[event.key](event) });
});
