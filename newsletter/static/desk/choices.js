// The stock admin's field that finds a row by its words says nothing to those who do not see it: give it the words of its
// label. jQuery calls in the order in which it was asked: select2 has made its parts by then.

function name() {
  for (const field of document.querySelectorAll("select.admin-autocomplete")) {
    const label = field.labels[0]?.textContent.trim();
    const parts = field.nextElementSibling?.querySelectorAll(".select2-selection, .select2-selection__rendered") ?? [];
    for (const part of label ? parts : []) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label);
    }
  }
}

globalThis.django?.jQuery?.(name);
