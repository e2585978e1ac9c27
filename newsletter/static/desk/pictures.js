// Pictures in a text: dropped, pasted, or chosen in the dialog of the library. They stand in the text at once, and are
// uploaded meanwhile; what a picture says is asked for afterwards, beside it. Words: templates/admin/posts/_pictures.html.
// Other scripts speak to this one by events: desk:picture of a text field (put one in), desk:pick of the dialog (choose one
// for something else; detail.use is given {url, alt}).

import { composed, element, gapBefore, insert, post, replace, stateOf, wordsOf } from "./field.js";
import { mirrored, pictures, unseen } from "./mirror.js";

const dialog = document.getElementById("pictures");
const describing = document.getElementById("describing"); // the form beside a picture
const IS_PICTURE = /^image\/(jpeg|png|gif|webp|avif)$/;

const part = (selector) => dialog.querySelector(selector);
const say = wordsOf(dialog);
const uploads = new Map(); // by the text that stands in the place of a picture: {share, shown}
let use = () => {}; // what is done with a picture that is chosen
let close = () => {}; // what is done when the dialog is closed
let isForText = true;
let asked = 0;
let uploaded = 0;
let inputs = 0; // changes of any field, by hand or by script

// --- What is put into the text ---

const plain = (text) => text.trim().replace(/\s+/g, " ");
const unescaped = (text = "") => text.replace(/\\(.)/g, "$1");

// The title in double quotes becomes the caption; a quotation mark in it is written as Chinese or English type does.
function markdownOf({ url, alt, caption = "" }) {
  const title = plain(caption)
    .replace(/"([^"]*)"/g, "“$1”")
    .replace(/"/g, "”")
    .replace(/\\/g, "\\\\");
  return `![${plain(alt).replace(/([\\[\]])/g, "\\$1")}](${url}${title && ` "${title}"`})`;
}

// Put texts in as paragraphs; return what was put in.
function putIn(field, texts, [from, to]) {
  const text = `${gapBefore(field, from)}${texts.join("\n\n")}\n\n`; // the caret stands in a paragraph of its own
  insert(field, text, from, to);
  return text;
}

// Change the text while its author is elsewhere: caret, focus and scrolling stay.
function changeUnseen(field, act) {
  const [focused, start, end] = [document.activeElement, field.selectionStart, field.selectionEnd];
  const { from, to, text } = unseen(act) ?? { from: Infinity };
  const moved = (place) => (place <= from ? place : Math.max(place, to) - to + from + text.length);
  field.setSelectionRange(moved(start), moved(end));
  if (focused !== field) focused?.focus({ preventScroll: true });
}

// --- Uploading ---

function answerOf(file, onShare) {
  return new Promise((done) => {
    const request = new XMLHttpRequest(); // fetch does not say how far it is
    const body = new FormData();
    body.append("file", file);
    request.open("POST", dialog.dataset.uploadUrl);
    request.setRequestHeader("X-CSRFToken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onShare(loaded / total);
    request.onload = () => done(request.response ?? { error: say("Failed") });
    request.onerror = () => done({ error: say("Failed") });
    request.send(body);
  });
}

function begin(file) {
  const name = file.name.replace(/[[\]\\]/g, "");
  const mark = `![${say("Uploading", { name })}](#upload-${++uploaded})`;
  const reader = new FileReader(); // the policy of this page allows data:, not blob:
  const upload = { file, share: 0, shown: "" };
  reader.onload = () => {
    upload.shown = reader.result;
    drawPictures();
  };
  reader.readAsDataURL(file);
  uploads.set(mark, upload);
  return mark;
}

// As long as nobody has typed since, the pictures take the place of their marks in the same step of undo.
function settle(batch, mark, answer) {
  const { field, at, marks, before } = batch;
  batch.texts[marks.indexOf(mark)] = answer.url ? markdownOf(answer) : "";
  if (batch.value === field.value && batch.inputs === inputs) {
    field.focus({ preventScroll: true });
    document.execCommand("undo");
    if (field.value === before) {
      const change = { from: at[0], to: at[0] + batch.length };
      change.text = putIn(field, batch.texts.filter(Boolean), at);
      Object.assign(batch, { value: field.value, inputs, length: change.text.length });
      return change;
    }
    document.execCommand("redo");
  }
  const from = field.value.indexOf(mark);
  if (from < 0) return null; // taken out meanwhile
  const text = answer.url ? markdownOf(answer) : "";
  const change = { from, to: from + mark.length, text };
  replace(field, change, [from, from]);
  return change;
}

async function putInFiles(field, files, at = [field.selectionStart, field.selectionEnd]) {
  const chosen = [...files].filter((file) => IS_PICTURE.test(file.type));
  if (!chosen.length) return;
  const before = field.value;
  const marks = chosen.map(begin);
  const text = putIn(field, marks, at);
  const batch = { field, at, before, marks, texts: [...marks], length: text.length, value: field.value, inputs };
  const answers = [];
  for (const mark of marks) {
    const upload = uploads.get(mark);
    const answer = await answerOf(upload.file, (share) => {
      upload.share = share;
      drawPictures();
    });
    composed(() => changeUnseen(field, () => settle(batch, mark, answer)));
    uploads.delete(mark);
    stateOf(field).textContent = answer.error ? `${upload.file.name}: ${answer.error}` : "";
    if (answer.url) answers.push(answer);
    drawPictures();
  }
  if (field !== mirrored) for (const answer of answers) await describeText(field, markdownOf(answer), answer);
}

// --- What a picture says ---

// Ask beside `place`, or in the middle of the window; whatever closes the form keeps what was typed.
function describe({ url, shown = url, alt, caption }, place) {
  const { alt: words, caption: below } = describing.elements;
  const image = describing.querySelector("img");
  [words.value, below.value, image.src] = [alt, caption ?? "", shown];
  below.closest("div").hidden = caption === undefined;
  describing.showPopover();
  const [box, own] = [place?.getBoundingClientRect(), describing.getBoundingClientRect()];
  const within = (at, most) => `${Math.max(8, Math.min(at, most - 8))}px`;
  describing.style.left = box
    ? within(margin.closest(".has-room") ? box.right - own.width : box.left, innerWidth - own.width)
    : "";
  describing.style.top = box ? within(box.bottom + 4, innerHeight - own.height) : "";
  describing.classList.toggle("is-beside", Boolean(box));
  words.focus();
  return new Promise((done) => {
    const onClosed = () => {
      done({ alt: plain(words.value), caption: below.value });
      for (const one of [words, below]) one.replaceWith(one.cloneNode()); // Chromium's undo goes through all fields of a page
    };
    describing.addEventListener("beforetoggle", () => setTimeout(onClosed, 0), { once: true });
  });
}

async function describeText(field, text, picture, place) {
  const facts = { ...picture, alt: unescaped(picture.alt), caption: unescaped(picture.caption) };
  const { alt, caption } = await describe(facts, place);
  if (!picture.alt) learn(picture.url, alt);
  const now = markdownOf({ url: picture.url, alt, caption });
  const near = field.value.indexOf(text, Math.max(0, (picture.from ?? 0) - 200));
  const from = near < 0 ? field.value.indexOf(text) : near;
  if (from < 0 || now === text) return;
  const put = () => {
    const change = { from, to: from + text.length, text: now };
    replace(field, change, [from, from]);
    return change;
  };
  composed(() => changeUnseen(field, put));
}

// The library takes the first words that a picture gets.
function learn(url, alt) {
  const digest = /\/media\/([0-9a-f]+)\//.exec(url)?.[1];
  if (digest && alt) post(dialog.dataset.describeUrl, { digest, alt }).catch(() => {});
}

// --- Beside the text ---

const margin = element("div", { className: "editor-margin" });

const isCut = (url) => url.startsWith("#upload-"); // the page was left before the picture had come

function uploadAgain({ from, text }) {
  const chooser = element("input", { type: "file", accept: part(".editor-file").accept });
  chooser.addEventListener("change", () => putInFiles(mirrored, chooser.files, [from, from + text.length]));
  chooser.click();
}

function thumbnail() {
  const one = element("button", { type: "button" }, element("img", { alt: "", hidden: true }), element("span"));
  one.firstChild.addEventListener("error", ({ target }) => (target.hidden = true));
  one.firstChild.addEventListener("load", ({ target }) => {
    target.hidden = false;
    drawPictures();
  });
  one.addEventListener("click", () => {
    const picture = pictures()[[...margin.children].indexOf(one)];
    if (!picture || uploads.has(picture.text)) return;
    if (isCut(picture.url)) uploadAgain(picture);
    else describeText(mirrored, picture.text, picture, one);
  });
  return one;
}

function drawPictures() {
  if (!mirrored) return;
  const found = pictures();
  const places = found.map(({ el }) => [el.offsetTop, el.offsetHeight]);
  let free = 0; // below the picture before, where they stand in a margin
  const hasRoom = margin.closest(".has-room") !== null;
  while (margin.children.length > found.length) margin.lastChild.remove();
  for (const [at, { text, alt, url, el, isTight }] of found.entries()) {
    const upload = uploads.get(text);
    const one = margin.children[at] ?? margin.appendChild(thumbnail());
    const [image, words] = one.children;
    const shown = upload ? upload.shown : /^\/(?!\/)/.test(url) ? url : "";
    if (image.getAttribute("src") !== shown) image.src = shown; // it is hidden until it has loaded
    el.style.setProperty("--share", `${(upload?.share ?? 0) * 100}%`);
    const needsFile = isCut(url) && !upload;
    const missing = needsFile ? say("Again") : upload || alt.trim() ? "" : say("Missing");
    if (words.textContent !== missing) words.textContent = missing;
    one.ariaLabel = needsFile ? missing : `${say("Describe")} ${alt}`;
    one.hidden = url.startsWith("#") && !upload && !needsFile;
    one.classList.toggle("is-tight", isTight);
    const [top, high] = places[at];
    one.style.top = `${hasRoom ? Math.max(top, free) : top}px`;
    one.style.setProperty("--high", `${high}px`);
    free = Math.max(top, free) + one.offsetHeight + 8;
  }
}

// --- The library ---

function choose(options) {
  ({ use, isForText } = options);
  close = options.close ?? (() => {});
  part("h2").textContent = isForText ? say("PutIn") : say("Cover");
  part(".editor-file").multiple = isForText;
  dialog.showModal();
  list();
  part("input[type=search]").focus();
}

function finish(picture) {
  const act = use;
  dialog.close(); // first: behind an open dialog no field takes the focus
  act(picture);
}

function card(picture) {
  const one = part("template").content.firstElementChild.cloneNode(true);
  const [button, image] = ["button", "img"].map((name) => one.querySelector(name));
  image.src = picture.thumbnail;
  one.querySelector(".pictures-words").textContent = picture.alt || picture.name;
  one.querySelector(".pictures-facts").textContent = picture.uses;
  button.addEventListener("click", () => finish(picture));
  return one;
}

async function list(page = 1) {
  const number = ++asked;
  const [grid, status, more] = [".pictures-grid", ".pictures-status", "[data-more]"].map(part);
  const words = part("input[type=search]").value;
  const query = new URLSearchParams({ q: words, p: page });
  const response = await fetch(`${dialog.dataset.choicesUrl}?${query}`).catch(() => null);
  const answer = (await response?.json().catch(() => null)) ?? { error: say("Failed") };
  if (number !== asked) return; // a newer question is on its way
  status.textContent = answer.error ?? (answer.count ? "" : words.trim() ? say("None") : say("Empty"));
  if (answer.error && page > 1) return; // what is there stays, and the button tries again
  const cards = (answer.pictures ?? []).map(card);
  page === 1 ? grid.replaceChildren(...cards) : grid.append(...cards);
  more.hidden = !answer.next;
  more.onclick = () => list(answer.next);
  if (page > 1) cards[0]?.querySelector("button").focus();
}

// For something else than a text: it is there when it has been uploaded and described.
async function pickFile(file) {
  part(".pictures-status").textContent = say("Uploading", { name: file.name });
  const answer = await answerOf(file, () => {});
  part(".pictures-status").textContent = answer.error ?? "";
  if (!answer.url || !dialog.open) return;
  const act = use;
  dialog.close();
  const alt = answer.alt || (await describe({ url: answer.url, alt: "" })).alt;
  if (!answer.alt) learn(answer.url, alt);
  act({ url: answer.url, alt });
}

// --- Putting it together ---

// Where something is dropped; pictures follow the line that it is dropped on.
function placeOf(field, { clientX, clientY }) {
  const place = document.caretPositionFromPoint?.(clientX, clientY);
  if (place?.offsetNode !== field) return undefined;
  const end = field.value.indexOf("\n", place.offset);
  return Array(2).fill(end < 0 ? field.value.length : end);
}

function watchText(field) {
  field.addEventListener("desk:picture", () => {
    const at = [field.selectionStart, field.selectionEnd]; // the dialog takes the focus away
    const usePicture = (picture) => {
      if (picture.files) return putInFiles(field, picture.files, at);
      putIn(field, [markdownOf(picture)], at);
    };
    choose({ use: usePicture, isForText: true, close: () => field.focus({ preventScroll: true }) });
  });
  field.addEventListener("paste", (event) => {
    // Word processors put a picture of the text beside the text: the text is meant.
    if (!event.clipboardData.files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    putInFiles(field, event.clipboardData.files);
  });
  field.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
  field.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    putInFiles(field, event.dataTransfer.files, placeOf(field, event));
  });
}

function watchDialog() {
  const chooser = part(".editor-file");
  part("[data-upload]").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    chooser.value = "";
    if (files.length) isForText ? finish({ files }) : pickFile(files[0]);
  });
  part("[role=search]").addEventListener("submit", (event) => {
    event.preventDefault();
    list();
  });
  part("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    const act = close;
    close = use = () => {};
    act();
  });
  dialog.addEventListener("desk:pick", ({ detail }) =>
    choose({ use: detail.use, isForText: false, close: detail.close }),
  );
  describing.addEventListener("submit", (event) => {
    event.preventDefault();
    describing.hidePopover();
  });
  describing.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    describing.hidePopover();
  });
}

if (dialog) {
  watchDialog();
  for (const field of document.querySelectorAll("textarea[data-editor]")) watchText(field);
  document.addEventListener("input", () => inputs++, { capture: true });
  addEventListener("beforeunload", (event) => uploads.size && event.preventDefault());
  mirrored?.closest(".editor").querySelector(".editor-panes").append(margin);
  mirrored?.addEventListener("desk:drawn", drawPictures);
  drawPictures();
}
