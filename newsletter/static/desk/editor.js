// Tools around the browser's own text field: buttons, a live preview. Bold, italic and links: marks.js. Pictures: pictures.js.
// What is not saved yet: unsaved.js; saving: saving.js.
// Everything here is a convenience: the form works without it. Words come from templates/admin/posts/_editor.html.

import { element, insert, parsed, post, rested, stateOf, wordsOf } from "./field.js";

const parts = document.getElementById("editor-parts");
const PREVIEW_PAUSE = 400; // milliseconds of rest before the server is asked

const say = wordsOf(parts);

// --- Writing ---

function linesOf(field) {
  const from = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const last = field.selectionEnd - (field.selectionEnd > field.selectionStart ? 1 : 0);
  const end = field.value.indexOf("\n", Math.max(last, from));
  return [from, end < 0 ? field.value.length : end];
}

// Put `mark` before every chosen line, or take it away when all of them have it.
function markLines(field, mark) {
  const [from, to] = linesOf(field);
  const lines = field.value.slice(from, to).split("\n");
  const marked = lines.every((line) => line.startsWith(mark));
  const text = lines.map((line) => (marked ? line.slice(mark.length) : mark + line)).join("\n");
  const apart = !marked && from > 1 && field.value[from - 2] !== "\n" ? "\n" : "";
  insert(field, apart + text, from, to);
}

const ITEM = /^(\s*)(?:([-*+]|>)|(\d+)([.)])) /;

const nextOf = ([, indent, mark, number, end]) => `${indent}${mark ?? Number(number) + 1 + end} `;

// Return what begins the next item of the list that an inner one stands in; "" if it stands in none.
function outer(text, indent) {
  const lines = text.split("\n").reverse();
  const found = lines.map((line) => ITEM.exec(line)).find((item) => item && item[1].length < indent.length);
  return found && indent ? nextOf(found) : "";
}

// Enter goes on with a list or quotation. An empty item becomes one of the outer list, or the empty line that ends the list:
// without it, Markdown takes the next paragraph for a part of the last item.
function continueList(field, event) {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.isComposing || event.keyCode === 229) return; // Enter that ends a word of Chinese is not ours
  const [from] = linesOf(field);
  const line = field.value.slice(from, field.selectionStart);
  const found = ITEM.exec(line);
  if (!found || field.selectionStart !== field.selectionEnd) return;
  event.preventDefault();
  if (line !== found[0]) return insert(field, `\n${nextOf(found)}`);
  insert(field, outer(field.value.slice(0, from), found[1]) || "\n", from, field.selectionStart);
}

// A link pasted over chosen words becomes their link.
function pasteLink(field, event) {
  if (event.defaultPrevented) return;
  const url = event.clipboardData.getData("text/plain").trim();
  const chosen = field.value.slice(field.selectionStart, field.selectionEnd);
  if (!/^https?:\/\/\S+$/.test(url) || !chosen || chosen.includes("\n") || /^https?:/.test(chosen)) return;
  event.preventDefault();
  insert(field, `[${chosen}](${url})`);
}

// --- Preview ---

function previewOf(editor, field) {
  const frame = editor.querySelector(".editor-preview");
  let asked = 0;
  const show = async () => {
    if (frame.hidden) return;
    const number = ++asked;
    const title = field.form.elements.title?.value ?? "";
    const fields = { body: field.value, title, field: field.name };
    const answer = await post(parts.dataset.previewUrl, fields).catch(() => null);
    if (number !== asked) return; // a newer question is on its way
    if (!answer?.ok) return void (stateOf(field).textContent = say("Failed"));
    draw(frame, await answer.text());
  };
  field.addEventListener("input", rested(PREVIEW_PAUSE, show));
  addEventListener("scroll", () => follow(field, frame), { capture: true, passive: true });
  return () => {
    frame.hidden = !frame.hidden;
    editor.classList.toggle("is-previewing", !frame.hidden);
    field.form.classList.toggle("is-previewing", !frame.hidden);
    show();
  };
}

// The first time load the page; later only change its body, so that it neither flickers nor jumps.
function draw(frame, html) {
  const page = frame.contentDocument;
  if (!page?.querySelector("main")) return void (frame.srcdoc = html);
  page.querySelector("main").replaceWith(page.importNode(parsed(html).querySelector("main"), true));
}

function follow(field, frame) {
  const page = frame.contentDocument?.scrollingElement;
  if (frame.hidden || !page) return;
  const { top, height } = field.getBoundingClientRect();
  const isWhole = height > frame.clientHeight; // the page scrolls, not the field
  const [gone, most] = isWhole
    ? [frame.getBoundingClientRect().top - top, height - frame.clientHeight]
    : [field.scrollTop, field.scrollHeight - field.clientHeight];
  const share = gone / Math.max(1, most);
  page.scrollTop = share * (page.scrollHeight - page.clientHeight);
}

// --- Putting it together ---

function toolsOf(editor, field, preview) {
  const mark = (name) => () => field.dispatchEvent(new CustomEvent("desk:mark", { detail: name })); // marks.js
  return {
    ...Object.fromEntries(["bold", "italic", "link"].map((name) => [name, mark(name)])),
    menu: () => field.dispatchEvent(new CustomEvent("desk:menu")), // menu.js
    done: () => field.blur(), // the keyboard of a phone goes
    heading: () => markLines(field, "## "),
    list: () => markLines(field, "- "),
    quote: () => markLines(field, "> "),
    picture: () => field.dispatchEvent(new CustomEvent("desk:picture")), // pictures.js
    preview: (button) => {
      preview();
      button.setAttribute("aria-pressed", String(!editor.querySelector(".editor-preview").hidden));
    },
  };
}

// Several editors on one page: each has names of its own.
function rename(editor, suffix) {
  for (const name of ["id", "aria-labelledby", "aria-describedby"])
    for (const part of editor.querySelectorAll(`[${name}]`))
      part.setAttribute(name, part.getAttribute(name).replace(/\S+/g, `$&${suffix}`));
}

function build(field, index) {
  const editor = parts.content.firstElementChild.cloneNode(true);
  if (index) rename(editor, `-${index + 1}`);
  field.before(editor);
  editor.querySelector(".editor-panes").prepend(field);
  const tools = toolsOf(editor, field, previewOf(editor, field));
  for (const button of editor.querySelectorAll("[data-tool]")) {
    button.addEventListener("click", () => tools[button.dataset.tool](button));
  }
  field.addEventListener("keydown", (event) => continueList(field, event));
  field.addEventListener("paste", (event) => pasteLink(field, event));
}

function offerTags(form) {
  const template = document.getElementById("tags-offered");
  const field = form.elements.tag_names;
  if (!template || !field) return;
  const names = () =>
    field.value
      .trim()
      .split(/\s*[,，、;；]\s*/)
      .filter(Boolean);
  const facts = { className: "tags-offered", role: "group", ariaLabel: template.dataset.label };
  const box = element("div", facts, template.content.cloneNode(true));
  const mark = () => {
    for (const button of box.children) button.ariaPressed = String(names().includes(button.textContent));
  };
  box.addEventListener("click", ({ target }) => {
    if (target === box) return;
    const name = target.textContent;
    const chosen = names();
    field.value = (chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]).join("、");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  field.addEventListener("input", mark);
  field.after(box);
  mark();
}

document.addEventListener("focusin", ({ target }) => target.matches?.("[data-copy]") && target.select());
const fields = parts ? [...document.querySelectorAll("textarea[data-editor]")] : [];
fields.forEach(build);
if (fields.length) offerTags(fields[0].form);
