// Posts of an issue are dragged into their order, by mouse or thumb. The handles do the same by keys: composer.js,
// which this tells by desk:moved that a post lies elsewhere. SortableJS stands beside this file as npm has it.

const MILLISECONDS = 150; // that a row takes to make room
let Sortable; // waited for once: rows that were made anew show their handles at once, and one of them gets the focus

async function makeDraggable(box) {
  const list = box.querySelector(".item-list");
  if (!list?.querySelector(".item-grip")) return;
  if (!Sortable) Sortable = (await import(box.dataset.sortable)).default;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  new Sortable(list, {
    handle: ".item-grip",
    draggable: ".item",
    animation: isStill ? 0 : MILLISECONDS,
    forceFallback: true, // the browser's own drag shows no row on a phone, and no other cursor
    onStart: () => box.classList.add("is-dragging"), // saving.js leaves these rows alone meanwhile
    onEnd: ({ item, oldIndex, newIndex }) => {
      box.classList.remove("is-dragging");
      if (oldIndex !== newIndex) item.dispatchEvent(new CustomEvent("desk:moved", { bubbles: true }));
    },
  });
  for (const grip of list.querySelectorAll(".item-grip")) grip.hidden = false;
}

document.querySelectorAll("[data-sortable]").forEach(makeDraggable);
document.addEventListener("desk:fresh", ({ target }) => target.matches("[data-sortable]") && makeDraggable(target));
