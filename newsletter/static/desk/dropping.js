// A file may be dropped anywhere on the form; one that is too large is refused before it is sent, with the way that it takes.

const form = document.querySelector("form.drop");
const field = form.querySelector("input[type=file]");
const notice = form.querySelector("[role=alert]");

function look() {
  const isTooLarge = (field.files[0]?.size ?? 0) > Number(form.dataset.most);
  notice.hidden = !isTooLarge;
  notice.textContent = isTooLarge ? `${form.dataset.tooLarge} ${field.files[0].name}` : "";
  return !isTooLarge;
}

field.addEventListener("change", look);
form.addEventListener("submit", (event) => {
  if (!look()) event.preventDefault();
});
form.addEventListener("dragover", (event) => event.preventDefault());
form.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!event.dataTransfer.files.length) return;
  field.files = event.dataTransfer.files;
  look();
});
