// The page of a form scrolls above the bar of its buttons, and is not the window: while nothing is focused, browsers let keys
// scroll the window alone. This hands them on.

const page = document.getElementById("container");
const LINE = 40; // pixels, as browsers do

function distance({ key, shiftKey }) {
  const [sheet, all] = [page.clientHeight * 0.9, page.scrollHeight];
  const keys = { ArrowDown: LINE, ArrowUp: -LINE, PageDown: sheet, PageUp: -sheet, Home: -all, End: all };
  return { " ": shiftKey ? -sheet : sheet, ...keys }[key];
}

addEventListener("keydown", (event) => {
  const top = distance(event);
  if (event.target !== document.body || event.ctrlKey || event.altKey || event.metaKey || !top) return;
  if (page.scrollHeight <= page.clientHeight) return; // a low window, which scrolls by itself
  event.preventDefault();
  page.scrollBy({ top });
});
