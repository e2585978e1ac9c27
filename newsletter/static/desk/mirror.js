// A mirror behind the text of a post: the words of the field are transparent, and the mirror shows them coloured. No glyph
// moves: kinds of lines are tinted blocks, and what is within a line is a CSS highlight, which cannot change the layout.
// It also knows where a place of the text stands. When it disagrees with the field, the plain field returns.

import { alike, element, rested } from "./field.js";
import { spans } from "./marks.js";

const field = document.querySelector("textarea[data-editor][name=body]");
const editor = field?.closest(".editor");
export const mirrored = editor && field;
const panes = editor?.querySelector(".editor-panes");
const aside = document.getElementById("write-aside");
const ROOM = 120; // pixels of margin, in which pictures stand beside their lines
const REST = 1500; // milliseconds without a key, after which both are compared
const NAMES = ["mark", "strong", "em", "code", "link", "hit", "del", "composing"];
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEAD = /^\s*(?:#{1,6} |(?:> ?)+|(?:[-*+]|\d+[.)]) )/;
const WHOLE = /^ {0,3}(?:([-*_])(?: *\1){2,} *|\[TOC\])$/i; // a divider, the contents
const ROW = /^\s*\|.*\|\s*$/;
const WITHIN =
  /(?<ticks>`+)[^`]+\k<ticks>|(?<open>!?\[)(?<words>[^[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)|\[\^[^\]]+\]:?|https?:\/\/[^\s<>，。、；：）」』]+/g;
const PAIRS = /(==|~~)(?!\s).+?(?<!\s)\1/g;
const PICTURE = /^\s*!\[(?<alt>(?:\\.|[^\]\\])*)\]\((?<url>\S+?)(?:\s+"(?<caption>(?:\\.|[^"\\])*)")?\)/;
// Inert keeps find-in-page from finding everything twice in Chromium; WebKit then colours whole lines.
const IS_WEBKIT = /AppleWebKit\/605/.test(navigator.userAgent);

const mirror = element("div", { className: "editor-mirror", ariaHidden: "true", inert: !IS_WEBKIT });
const caret = element("span", { className: "editor-caret" });
export const lines = []; // {el, node, text, kind, ranges, isNear}
const lit = {};
let inSight = new Set();
let composed = null; // {from, length} of the word that is being composed
let isUnseen = false; // a change is no reason to scroll

// --- What a line is, and what is in it ---

function kindOf(text, isCode) {
  if (isCode) return "is-code";
  if (/^ {0,3}#{1,6} /.test(text)) return "is-heading";
  if (/^ {0,3}>/.test(text)) return "is-quote";
  return /\]\(#upload-\d+\)$/.test(text) ? "is-loading" : "";
}

function* between(name, from, to, length) {
  yield ["mark", from, from + length];
  yield [name, from + length, to - length];
  yield ["mark", to - length, to];
}

function* partsOf({ text, kind }) {
  if (WHOLE.test(text) || (kind === "is-code" && FENCE.test(text))) return yield ["mark", 0, text.length];
  if (kind === "is-code") return;
  const head = HEAD.exec(text)?.[0].length;
  if (head) yield ["mark", 0, head];
  if (ROW.test(text)) for (const { index } of text.matchAll(/\|/g)) yield ["mark", index, index + 1];
  for (const { 0: whole, index: from, groups } of text.matchAll(WITHIN)) {
    const to = from + whole.length;
    if (groups.ticks) yield* between("code", from, to, groups.ticks.length);
    else if (!groups.open) yield ["link", from, to];
    else {
      const words = from + groups.open.length;
      yield ["mark", from, words];
      if (groups.open === "[") yield ["link", words, words + groups.words.length];
      yield ["mark", words + groups.words.length, to];
    }
  }
  for (const { 0: whole, 1: mark, index } of text.matchAll(PAIRS))
    yield* between(mark === "==" ? "hit" : "del", index, index + whole.length, 2);
  for (const [from, to] of spans(text, "**")) yield* between("strong", from, to, 2);
  for (const [from, to] of spans(text, "*")) yield* between("em", from, to, 1);
}

// Ranges that are right already stay: a browser paints all of a highlight again that loses or gets one.
function colour(line) {
  const wanted = new Map();
  for (const [name, from, to] of line.isNear ? partsOf(line) : [])
    if (from < to && lit[name]) wanted.set(`${name} ${from} ${to}`, { name, from, to });
  for (const [key, { name, range }] of line.ranges) if (!wanted.has(key)) lit[name].delete(range);
  for (const [key, part] of wanted) {
    part.range = line.ranges.get(key)?.range;
    if (part.range) continue;
    const ends = { startContainer: line.node, startOffset: part.from, endContainer: line.node, endOffset: part.to };
    part.range = new StaticRange(ends);
    lit[part.name].add(part.range);
  }
  line.ranges = wanted;
}

// --- One block a line; only what has changed is touched ---

// No div: a :has() of the stock admin makes a browser look at the style of each div again when the page changes at all.
function fresh() {
  const node = document.createTextNode("");
  return { el: element("span", {}, node), node, text: "", kind: "", ranges: new Map(), isNear: false };
}

// Make as many blocks as there are lines, where the text has changed.
function fit(now) {
  const had = lines.map(({ text }) => text);
  const missing = now.length - had.length;
  const [place] = alike(had, now);
  for (const line of missing < 0 ? lines.splice(place, -missing) : []) {
    line.isNear = false;
    colour(line);
    inSight.delete(line);
    line.el.remove();
  }
  if (missing <= 0) return;
  const come = Array.from({ length: missing }, fresh);
  const before = lines[place]?.el ?? null;
  const piece = document.createDocumentFragment();
  piece.append(...come.map((line) => line.el));
  mirror.insertBefore(piece, before);
  lines.splice(place, 0, ...come);
}

function paint() {
  const now = field.value.split("\n");
  fit(now);
  let fence = "";
  for (const [at, text] of now.entries()) {
    const line = lines[at];
    const mark = FENCE.exec(text)?.[1];
    const kind = kindOf(text, fence || mark);
    if (mark && !fence) fence = mark;
    else if (mark?.startsWith(fence)) fence = "";
    if (line.text === text && line.kind === kind) continue;
    if (line.text !== text) line.node.data = line.text = text;
    if (line.kind !== kind) line.el.className = line.kind = kind;
    colour(line);
  }
}

// Chromium goes through all ranges again after each change: only lines in sight, and half a screen around, have any.
function lookAround() {
  const home = panes.getBoundingClientRect().top;
  const [from, to] = [-home - innerHeight / 2, -home + innerHeight * 1.5];
  let [low, high] = [0, lines.length];
  while (low < high) {
    const { el } = lines[(low + high) >> 1];
    if (el.offsetTop + el.offsetHeight < from) low = ((low + high) >> 1) + 1;
    else high = (low + high) >> 1;
  }
  const now = new Set();
  for (let at = low; at < lines.length && lines[at].el.offsetTop <= to; at++) now.add(lines[at]);
  for (const line of new Set([...inSight, ...now])) {
    if (line.isNear === now.has(line)) continue;
    line.isNear = now.has(line);
    colour(line);
  }
  inSight = now;
}

// --- Where a place of the text stands ---

function pointOf(place) {
  const before = field.value.slice(0, place).split("\n");
  return [lines[before.length - 1], before.at(-1).length];
}

// Return {top, left} of a place within the panes, and the height of a line; in pixels.
export function spot(place) {
  const [{ el, node }, offset] = pointOf(place);
  const range = document.createRange();
  range.setStart(node, offset);
  range.collapse(true);
  const [home, block] = [panes.getBoundingClientRect(), el.getBoundingClientRect()];
  const box = range.getClientRects()[0] ?? block;
  const line = Number.parseFloat(getComputedStyle(mirror).lineHeight);
  const row = Math.max(0, Math.floor((box.top + Math.min(box.height, line) / 2 - block.top) / line));
  return { top: block.top - home.top + row * line, left: box.left - home.left, line };
}

// Return the lines that are a picture: {from, text, alt, url, caption, el}, and whether the next line has words.
export function pictures() {
  const found = [];
  let from = 0;
  for (const [at, { text, kind, el }] of lines.entries()) {
    const picture = text.includes("![") && kind !== "is-code" && PICTURE.exec(text);
    if (picture) {
      const isTight = Boolean(lines[at + 1]?.text.trim());
      found.push({ ...picture.groups, from: from + picture[0].indexOf("!"), text: picture[0].trim(), el, isTight });
    }
    from += text.length + 1;
  }
  return found;
}

// The page scrolls, not the field: after a paste or an undo no browser brings the caret into sight by itself.
function reveal(block = "nearest") {
  const place =
    field.selectionDirection === "backward" || block !== "nearest" ? field.selectionStart : field.selectionEnd;
  const { top, line } = spot(place);
  caret.style.top = `${top}px`;
  caret.style.height = `${line}px`;
  caret.scrollIntoView({ block, inline: "nearest" });
}

// Change the text without scrolling to what has changed.
export function unseen(act) {
  isUnseen = true;
  try {
    return act();
  } finally {
    isUnseen = false;
  }
}

// Choose a part of the text and bring it into the middle. The preview may stand in the place of the text: it goes off first.
function show(from, to) {
  if (!field.checkVisibility()) document.querySelector("[data-tool=preview]").click();
  field.focus({ preventScroll: true });
  field.setSelectionRange(from, to);
  reveal("center");
}

// --- Agreement, and words that are being composed ---

function agrees() {
  const kept = field.style.cssText;
  field.style.cssText += "height: 0; min-height: 0; align-self: start";
  const [own, other] = [field.scrollHeight, mirror.scrollHeight];
  field.style.cssText = kept;
  return Math.abs(own - other) < 2;
}

function guard() {
  if (!field.checkVisibility()) return;
  const had = editor.classList.contains("has-mirror");
  editor.classList.add("has-mirror");
  if (editor.classList.toggle("has-mirror", agrees()) !== had) draw();
}

// The line that the field draws below them is transparent as well.
function underline() {
  lit.composing?.clear();
  if (!composed?.length) return;
  const [{ node }, start] = pointOf(composed.from);
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, Math.min(start + composed.length, node.length));
  lit.composing?.add(range);
}

// --- Putting it together ---

// How much there is beside the text, up to what else stands there.
function measureRoom() {
  const [own, all, other] = [editor, editor.closest("form"), aside].map((one) => one?.getBoundingClientRect());
  const end = other?.width && other.left >= own.right ? other.left : all.right;
  panes.classList.toggle("has-room", end - own.right >= ROOM);
  panes.style.setProperty("--room", `${end - own.right}px`);
}

const compare = rested(REST, guard);

function draw() {
  paint();
  lookAround();
  field.dispatchEvent(new Event("desk:drawn")); // pictures.js
}

function onInput() {
  draw();
  underline();
  if (document.activeElement === field && !isUnseen) reveal();
  compare();
}

function watchComposing() {
  field.addEventListener("compositionstart", () => (composed = { from: field.selectionStart, length: 0 }));
  field.addEventListener("compositionupdate", ({ data }) => (composed.length = data.length));
  field.addEventListener("compositionend", () => {
    composed = null;
    underline();
  });
}

function watch() {
  for (const name of globalThis.Highlight ? NAMES : []) {
    lit[name] = new Highlight();
    lit[name].priority = { composing: 3, mark: 2 }[name] ?? 1;
    CSS.highlights.set(`ink-${name}`, lit[name]);
  }
  lines.push(fresh());
  mirror.append(lines[0].el);
  panes.prepend(mirror, caret);
  editor.classList.add("has-mirror");
  field.addEventListener("input", onInput);
  watchComposing();
  field.addEventListener("keyup", ({ key }) => /^(?:Arrow|Page|Home|End)/.test(key) && reveal());
  field.addEventListener("desk:show", ({ detail: [from, to] }) => show(from, to));
  field.form.addEventListener("reset", () => setTimeout(draw, 0));
  addEventListener("pageshow", draw); // browsers put back what was typed before a reload
  const observer = new ResizeObserver(() => {
    measureRoom();
    draw();
    compare();
  });
  for (const one of [editor, aside]) if (one) observer.observe(one);
  addEventListener("scroll", lookAround, { capture: true, passive: true });
  draw();
  guard();
  document.fonts?.ready.then(guard);
}

if (editor) watch();
