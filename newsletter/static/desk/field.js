// What scripts of the desk share: the words of a page, keys, and changes of a field that its own undo takes back.

const LINES_MAX = 50; // beyond which Chromium's insertText takes seconds: its time grows with their square
const IS_CHROMIUM = /Chrome\//.test(navigator.userAgent);

export const language = document.documentElement.lang;

export const clock = (at) =>
  new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// Return what gives the words of an element, data-say-…, with values in the place of {names}.
export const wordsOf =
  (box) =>
  (name, values = {}) =>
    Object.entries(values).reduce(
      (text, [key, value]) => text.replace(`{${key}}`, value),
      box.dataset[`say${name}`] ?? "",
    );

// Return what calls `act` once nobody has called it for `pause` milliseconds.
export function rested(pause, act) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  };
}

export function post(url, fields, options = {}) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  const headers = { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value, ...options.headers };
  return fetch(url, { method: "POST", body, ...options, headers });
}

// A Han character is as wide as two letters.
export const widthOf = (text) =>
  Math.ceil([...text.trim()].reduce((sum, one) => sum + (one.codePointAt(0) < 0x1100 ? 0.5 : 1), 0));

// The letter of a key whatever Caps Lock and the keyboard say; a Bopomofo key is told by its place.
export const letterOf = (event) =>
  (/^[a-z]$/i.test(event.key) ? event.key : (/^Key([A-Z])$/.exec(event.code)?.[1] ?? "")).toLowerCase();

export function element(tag, { text, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

function typed(text) {
  if (!text) return document.execCommand("delete");
  if (!IS_CHROMIUM || text.split("\n").length <= LINES_MAX) return document.execCommand("insertText", false, text);
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const end = text.endsWith("\n") ? "\n" : "";
  return document.execCommand("insertHTML", false, `<pre>\n${escaped}${end}</pre>`); // the first and last break are dropped
}

// Put a text in the place of [from, to). execCommand keeps the field's own undo; setRangeText would empty it in Chromium,
// and is for browsers without the other.
export function insert(field, text, from = field.selectionStart, to = field.selectionEnd) {
  field.focus();
  field.setSelectionRange(from, to);
  if ((!text && from === to) || typed(text)) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// The same, but only of what differs; then choose [start, end).
export function replace(field, { from, to, text }, [start, end]) {
  const { value } = field;
  let head = 0;
  while (head < text.length && from + head < to && value[from + head] === text[head]) head++;
  let tail = 0;
  while (tail < text.length - head && tail < to - from - head && value[to - 1 - tail] === text[text.length - 1 - tail])
    tail++;
  insert(field, text.slice(head, text.length - tail), from + head, to - tail);
  field.setSelectionRange(start, end);
}
