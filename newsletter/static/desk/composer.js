// Arrows beside the posts of an issue, and how long a line is. Without JavaScript the numbers do the same.

const places = (list) => [...list.querySelectorAll(".item:not(.is-out) input.place")];

function renumber(list) {
  places(list).forEach((field, index) => (field.value = index + 1));
  for (const [index, item] of [...list.children].entries()) {
    const [up, down] = item.querySelectorAll("[data-move]");
    if (!up) continue;
    up.disabled = index === 0;
    down.disabled = index === list.children.length - 1;
  }
}

function move(list, item, by, said) {
  const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  by < 0 ? other.before(item) : other.after(item);
  renumber(list);
  list.dispatchEvent(new Event("change", { bubbles: true })); // unsaved.js warns
  const all = [...list.children];
  const facts = {
    title: item.querySelector("[data-title]")?.textContent ?? "",
    n: all.indexOf(item) + 1,
    all: all.length,
  };
  said.textContent = said.dataset.sayMoved.replace(/{(\w+)}/g, (_, name) => facts[name]);
}

function arrows(box) {
  const list = box.querySelector(".item-list");
  const said = box.querySelector("[data-said]");
  for (const moves of list.querySelectorAll(".item-moves")) moves.hidden = false;
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-move]");
    if (!button) return;
    const item = button.closest(".item");
    move(list, item, Number(button.dataset.move), said);
    // a button at the end of the list is off, and the focus would be lost with it
    (button.disabled ? item.querySelector("[data-move]:not(:disabled)") : button)?.focus();
  });
  list.addEventListener("change", ({ target }) => {
    if (!target.name?.endsWith("-DELETE")) return;
    target.closest(".item").classList.toggle("is-out", target.checked);
    renumber(list);
  });
  for (const box of list.querySelectorAll("[name$=-DELETE]:checked")) box.closest(".item").classList.add("is-out");
  renumber(list);
}

// Of a line that inboxes cut off: how many characters, and whether that is a good length.
function countLength(field) {
  const { countFrom: from, countTo: to } = field.dataset;
  const output = document.createElement("output");
  output.className = "length";
  output.htmlFor = field.id;
  const show = () => {
    const length = [...field.value].length;
    output.textContent = length ? `${length} / ${from}–${to}` : "";
    output.classList.toggle("is-off", length > 0 && (length < Number(from) || length > Number(to)));
  };
  field.after(output);
  field.addEventListener("input", show);
  show();
}

document.querySelectorAll("[data-items]").forEach(arrows);
document.addEventListener("desk:fresh", ({ target }) => target.matches("[data-items]") && arrows(target)); // saving.js
document.querySelectorAll("[data-count-from]").forEach(countLength);
