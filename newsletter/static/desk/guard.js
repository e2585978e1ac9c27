// Ask before a page is left whose form has something that is not saved, and say beside the button that it is so.
// A text keeps copies of its own: unsaved.js.

const forms = [...document.querySelectorAll("#content form[method=post]:not(.test-mail)")];
const watched = forms.filter((form) => !form.querySelector("#kept-copies"));
const place = document.querySelector("[data-say-unsaved]");
const isRefused = Boolean(document.querySelector(".errornote"));
let isLeaving = false;

const contents = (form) => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value.name ?? value]));
const saved = new Map(watched.map((form) => [form, contents(form)]));
const isUnsaved = () => isRefused || watched.some((form) => contents(form) !== saved.get(form));

function note() {
  if (place) place.textContent = isUnsaved() ? place.dataset.sayUnsaved : "";
}

for (const form of watched) {
  for (const name of ["input", "change"]) form.addEventListener(name, note);
  form.addEventListener("submit", ({ submitter }) => (isLeaving ||= !submitter?.formTarget));
}
addEventListener("pageshow", () => (isLeaving = false));
addEventListener("beforeunload", (event) => !isLeaving && isUnsaved() && event.preventDefault());
