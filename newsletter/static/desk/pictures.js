// Pictures in a text: pasted, dropped, uploaded, or chosen from the library in a dialog, whose words are in
// templates/admin/posts/_pictures.html. An alternative text is always asked for.
// Other scripts speak to this one by events: desk:picture of a text field (put one in), desk:pick of the dialog (choose one
// for something else; detail.use is given {url, alt}).

import { insert, post, wordsOf } from "./field.js";

const dialog = document.getElementById("pictures");
const IS_PICTURE = /^image\/(jpeg|png|gif|webp|avif)$/;

const part = (selector) => dialog.querySelector(selector);
const say = wordsOf(dialog);
const [choosing, describing] = dialog ? ["choose", "describe"].map((name) => part(`[data-step=${name}]`)) : [];
let use = () => {}; // what is done with the picture in the end
let close = () => {}; // what is done when the dialog is closed
let isForText = true; // it is put into a text: its words there may be others than in the library
let chosen = null; // {file} to upload, or {url, alt} of the library
let asked = 0;

// --- What is put into the text ---

const escaped = (text) => text.trim().replace(/\s+/g, " ");

// The title in double quotes becomes the caption; a quotation mark in it is written as Chinese or English type does.
function markdownOf({ url, alt, caption = "" }) {
  const title = escaped(caption)
    .replace(/"([^"]*)"/g, "“$1”")
    .replace(/"/g, "”")
    .replace(/\\/g, "\\\\");
  return `![${escaped(alt).replace(/([\\[\]])/g, "\\$1")}](${url}${title && ` "${title}"`})`;
}

function putIn(field, picture, from, to) {
  const before = from && field.value[from - 1] !== "\n" ? "\n\n" : "";
  insert(field, `${before}${markdownOf(picture)}\n\n`, from, to);
}

// --- The two steps of the dialog ---

function show(step) {
  choosing.hidden = step !== choosing;
  describing.hidden = step !== describing;
}

function begin(options) {
  ({ use, isForText } = options);
  close = options.close ?? (() => {});
  part("h2").textContent = isForText ? say("PutIn") : say("Cover");
}

function choose(options) {
  begin(options);
  part("[data-back]").hidden = false;
  show(choosing);
  dialog.showModal();
  list();
  part("input[type=search]").focus();
}

function describe(picture) {
  chosen = picture;
  const image = part(".editor-thumbnail");
  if (picture.file) {
    const reader = new FileReader(); // the policy of this page allows data:, not blob:
    reader.onload = () => (image.src = reader.result);
    reader.readAsDataURL(picture.file);
  } else image.src = picture.url;
  part("#editor-alt").value = picture.alt ?? "";
  part("#editor-caption").value = part(".editor-problem").textContent = "";
  part("[data-caption]").hidden = !isForText;
  show(describing);
  if (!dialog.open) dialog.showModal();
  part("#editor-alt").focus();
}

function finish(picture) {
  const act = use;
  dialog.close(); // first: behind an open dialog no field takes the focus
  act(picture);
}

async function upload(file, alt) {
  try {
    return await (await post(dialog.dataset.uploadUrl, { file, alt })).json();
  } catch {
    return { error: say("Failed") };
  }
}

async function onDescribed(event) {
  event.preventDefault();
  const [alt, problem, button] = ["#editor-alt", ".editor-problem", "[data-insert]"].map(part);
  const caption = part("#editor-caption").value;
  if (!alt.value.trim()) {
    problem.textContent = say("NoWords");
    return alt.focus();
  }
  if (chosen.url) return finish({ ...chosen, alt: alt.value, caption });
  problem.textContent = say("Uploading");
  button.disabled = true;
  const answer = await upload(chosen.file, alt.value);
  button.disabled = false;
  if (document.activeElement === document.body) button.focus(); // it was lost while the button was off
  problem.textContent = answer.error ?? "";
  if (answer.url) finish({ url: answer.url, alt: answer.alt, caption });
}

// --- The library ---

function card(picture) {
  const one = part("template").content.firstElementChild.cloneNode(true);
  const [button, image] = ["button", "img"].map((name) => one.querySelector(name));
  image.src = picture.thumbnail;
  one.querySelector(".pictures-words").textContent = picture.alt || picture.name;
  one.querySelector(".pictures-facts").textContent = picture.uses;
  button.addEventListener("click", () => (isForText ? describe(picture) : finish(picture)));
  return one;
}

async function list(page = 1) {
  const number = ++asked;
  const [grid, told, more] = [".pictures-grid", ".pictures-told", "[data-more]"].map(part);
  const words = part("input[type=search]").value;
  const query = new URLSearchParams({ q: words, p: page });
  const answer = await fetch(`${dialog.dataset.choicesUrl}?${query}`)
    .then((response) => response.json())
    .catch(() => ({ error: say("Failed") }));
  if (number !== asked) return; // a newer question is on its way
  told.textContent = answer.error ?? (answer.count ? "" : words.trim() ? say("None") : say("Empty"));
  if (answer.error && page > 1) return; // what is there stays, and the button tries again
  const cards = (answer.pictures ?? []).map(card);
  page === 1 ? grid.replaceChildren(...cards) : grid.append(...cards);
  more.hidden = !answer.next;
  more.onclick = () => list(answer.next);
  if (page > 1) cards[0]?.querySelector("button").focus();
}

// --- Texts ---

const picturesOf = (files) => [...files].filter((file) => IS_PICTURE.test(file.type));

// At the caret as it stands now: the dialog takes the focus away.
function atCaret(field) {
  const { selectionStart, selectionEnd } = field;
  return (picture) => putIn(field, picture, selectionStart, selectionEnd);
}

// One after the other; who cancels one is asked for the next.
async function putInFiles(field, files) {
  for (const file of picturesOf(files)) {
    await new Promise((done) => {
      begin({ use: atCaret(field), isForText: true, close: done });
      part("[data-back]").hidden = true;
      describe({ file });
    });
  }
}

function watchText(field) {
  field.addEventListener("desk:picture", () => {
    choose({ use: atCaret(field), isForText: true, close: () => field.focus() });
  });
  field.addEventListener("paste", (event) => {
    // Word processors put a picture of the text beside the text: the text is meant.
    if (!picturesOf(event.clipboardData.files).length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    putInFiles(field, event.clipboardData.files);
  });
  field.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
  field.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    putInFiles(field, event.dataTransfer.files);
  });
}

function watchDialog() {
  const chooser = part(".editor-file");
  part("[data-upload]").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    const [file] = picturesOf(chooser.files);
    chooser.value = "";
    if (file) describe({ file });
  });
  part("[role=search]").addEventListener("submit", (event) => {
    event.preventDefault();
    list();
  });
  describing.addEventListener("submit", onDescribed);
  part("[data-back]").addEventListener("click", () => {
    show(choosing);
    if (!part(".pictures-one")) list();
    part("input[type=search]").focus();
  });
  for (const button of dialog.querySelectorAll("[data-cancel]")) button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    part(".editor-thumbnail").removeAttribute("src");
    const act = close;
    close = use = () => {};
    act();
  });
  dialog.addEventListener("desk:pick", ({ detail }) =>
    choose({ use: detail.use, isForText: false, close: detail.close }),
  );
}

if (dialog) {
  watchDialog();
  for (const field of document.querySelectorAll("textarea[data-editor]")) watchText(field);
}
