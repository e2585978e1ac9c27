// The keys ← and → lead to the previous and the next page, as its links do. Whoever types in a field is left alone.

const LINKS = { ArrowLeft: "prev", ArrowRight: "next" };

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (isTyping || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !(event.key in LINKS)) return;
  document.querySelector(`.turn a[rel=${LINKS[event.key]}]`)?.click();
});
