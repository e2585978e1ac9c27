// Bold, italic and links in a text field, by keys and by the buttons of editor.js: each is a switch.
// Pressed twice in a row it gives back the very text and selection; inside what is marked it takes the mark away, and at
// its end it goes on behind it.

import { composed, letterOf, replace } from "./field.js";

const MARKS = { bold: "**", italic: "*" };
const KEYS = { b: "bold", i: "italic", k: "link" };
const IS_MAC = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform || navigator.platform || "");
const LINE_START = /^\s*(?:(?:[-*+]|\d+[.)]|>|#{1,6})\s+)*/; // of a list, a quotation, a heading: no part of its words
const LINK = /(?<!!)\[([^[\]\n]*)\]\(([^()\s]*)\)/g;
const lastOf = new WeakMap(); // field: what its last switch did

const isCommand = (event) => (event.metaKey || (event.ctrlKey && !IS_MAC)) && !event.altKey && !event.shiftKey;

// --- What is marked ---

// Return whether asterisks at `at` are none of emphasis: of a list, a sum, or escaped.
function isPlain(text, at, length) {
  const [before, after] = [text[at - 1] ?? "\n", text[at + length] ?? "\n"];
  if (before === "\\") return true;
  if (length > 3) return true;
  return (/\s/.test(before) && /\s/.test(after)) || (length === 1 && /\d/.test(before) && /\d/.test(after));
}

// Return what `mark` marks in a text: [start of the first mark, end of the last one], in their order.
export function spans(text, mark) {
  const found = [];
  let open = -1;
  for (const { 0: run, index } of text.matchAll(/`+[^`\n]*`+|\*+|\n\s*\n/g)) {
    if (run[0] === "`") continue;
    if (run[0] !== "*") {
      open = -1; // a paragraph ends, and with it what was left open
      continue;
    }
    if (run.length === 4 && mark === "**") found.push([index, index + 4]); // a pair with nothing in it yet
    if (isPlain(text, index, run.length) || (mark === "*" ? run.length === 2 : run.length === 1)) continue;
    if (open < 0)
      open = index + (mark === "*" && run.length === 3 ? 2 : 0); // of three, the outer two are bold
    else {
      found.push([open, index + (mark === "*" ? 1 : run.length)]);
      open = -1;
    }
  }
  return found;
}

// Take the marks of those spans away that lie in [from, to); return the text, and how a place in it moves.
function unmarked(text, mark, some) {
  const cuts = some.flatMap(([from, to]) => [from, to - mark.length]);
  const move = (place) => place - cuts.reduce((sum, cut) => sum + Math.min(Math.max(place - cut, 0), mark.length), 0);
  let left = text;
  for (const cut of [...cuts].sort((one, other) => other - one))
    left = left.slice(0, cut) + left.slice(cut + mark.length);
  return [left, move];
}

// --- Switching ---

// Return [before, words, after] of a line: what comes before and after its words stays unmarked.
function parts(line, isWhole) {
  const head = isWhole ? LINE_START.exec(line)[0] : /^\s*/.exec(line)[0];
  const words = line.slice(head.length).trimEnd();
  return [head, words, line.slice(head.length + words.length)];
}

const isWithin = (from, to, one, other) => one <= from && to <= other && (from < to || (one < from && from < other));

function blockAround(value, from, to) {
  const start = value.lastIndexOf("\n\n", from - 1);
  const end = value.indexOf("\n\n", to);
  return [start < 0 ? 0 : start + 2, end < 0 ? value.length : end];
}

function switched(field, mark) {
  const { value, selectionStart: from, selectionEnd: to } = field;
  const [start, end] = blockAround(value, from, to);
  const block = value.slice(start, end);
  const all = spans(block, mark).map(([one, other]) => [one + start, other + start]);
  const around = all.filter(([one, other]) => isWithin(from, to, one, other));
  const last = around.at(-1);
  if (from === to && last && from === last[1] - mark.length && from > last[0] + mark.length)
    return { from, to, text: "", selection: [last[1], last[1]] }; // typed to its end: the next words are plain again
  if (around.length) {
    const within = around.map(([one, other]) => [one - start, other - start]);
    const [text, move] = unmarked(block, mark, within);
    return { from: start, to: end, text, selection: [start + move(from - start), start + move(to - start)] };
  }
  if (from === to) return { from, to, text: mark + mark, selection: [from + mark.length, from + mark.length] };
  const chosen = value.slice(from, to);
  const inside = spans(chosen, mark);
  const [plain] = unmarked(chosen, mark, inside);
  const lines = plain
    .split("\n")
    .map((line, index) => parts(line, index > 0 || from === 0 || value[from - 1] === "\n"));
  const areAllMarked = inside.length && chosen.split("\n").every((line) => isMarked(line, mark));
  if (areAllMarked) return { from, to, text: plain, selection: [from, from + plain.length] };
  const text = lines.map(([head, words, tail]) => head + (words && mark + words + mark) + tail).join("\n");
  const [first] = lines;
  const isOne = lines.length === 1 && !first[0] && !first[2];
  return {
    from,
    to,
    text,
    selection: isOne ? [from + mark.length, from + text.length - mark.length] : [from, from + text.length],
  };
}

function isMarked(line, mark) {
  const [, words] = parts(line, true);
  const found = spans(words, mark);
  return !words || (found.length === 1 && found[0][0] === 0 && found[0][1] === words.length);
}

function linked(field, placeholder) {
  const { value, selectionStart: from, selectionEnd: to } = field;
  const [start, end] = blockAround(value, from, to);
  for (const { 0: whole, 1: words, index } of value.slice(start, end).matchAll(LINK)) {
    const [one, other] = [start + index, start + index + whole.length];
    if (isWithin(from, to, one, other))
      return { from: one, to: other, text: words, selection: [one, one + words.length] };
  }
  const chosen = value.slice(from, to);
  if (/^https?:\/\/\S+$/.test(chosen))
    return { from, to, text: `[${chosen}](${chosen})`, selection: [from + 1, to + 1] };
  const words = chosen || placeholder;
  const address = from + words.length + 3;
  return { from, to, text: `[${words}](https://)`, selection: [address, address + 8] };
}

function act(field, name) {
  const { value, selectionStart, selectionEnd, selectionDirection } = field;
  const last = lastOf.get(field);
  lastOf.delete(field);
  if (last?.name === name && last.value === value && last.selection.join() === [selectionStart, selectionEnd].join()) {
    replace(field, { from: 0, to: value.length, text: last.before }, last.selectionBefore);
    field.setSelectionRange(...last.selectionBefore, last.direction);
    return;
  }
  const placeholder = document.getElementById("editor-parts").dataset.sayLink;
  const change = name === "link" ? linked(field, placeholder) : switched(field, MARKS[name]);
  replace(field, change, change.selection);
  const before = { before: value, selectionBefore: [selectionStart, selectionEnd], direction: selectionDirection };
  lastOf.set(field, { name, value: field.value, selection: change.selection, ...before });
}

function onKey(field, event) {
  const name = isCommand(event) && KEYS[letterOf(event)];
  if (!name) return;
  event.preventDefault();
  composed(() => act(field, name));
}

for (const field of document.querySelectorAll("textarea[data-editor]")) {
  field.addEventListener("keydown", (event) => onKey(field, event));
  field.addEventListener("desk:mark", ({ detail }) => act(field, detail));
}
