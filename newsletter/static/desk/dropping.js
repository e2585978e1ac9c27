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
for (const name of ["dragover", "dragleave", "drop"])
  form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.toggle("is-over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) {
      field.files = event.dataTransfer.files;
      look();
    }
  });
