// What scripts of the desk share: the words of a page, keys, and changes of a field that its own undo takes back.

const LINES_MAX = 50; // beyond which Chromium's insertText takes seconds: its time grows with their square
const IS_CHROMIUM = /Chrome\//.test(navigator.userAgent);

export let isComposing = false; // a word, by an input method
for (const name of ["compositionstart", "compositionend"])
  document.addEventListener(name, () => (isComposing = name === "compositionstart"), { capture: true });

// Words that are still being composed are finished first: a change in their midst would break them.
export function composed(act) {
  if (!isComposing) return act();
  addEventListener("compositionend", () => setTimeout(act, 0), { once: true });
}

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

// Return the page at an address; null if there is no answer, or another page answers: that of a login.
export const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
export const pageAt = (address) =>
  fetch(address, { signal: AbortSignal.timeout(30_000) })
    .then(async (answer) => (answer.ok && !answer.redirected ? parsed(await answer.text()) : null))
    .catch(() => null);

// What stands between a paragraph and the text before it.
export function gapBefore(field, from) {
  const before = field.value.slice(0, from);
  return !before || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
}

// The line below a text that says what became of the last thing done to it.
export const stateOf = (field) => field.closest(".editor").querySelector(".editor-state");

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

// Return how much two texts, or lists, have in common at their beginning and at their end.
export function alike(one, other) {
  const most = Math.min(one.length, other.length);
  let [head, tail] = [0, 0];
  while (head < most && one[head] === other[head]) head++;
  while (tail < most - head && one.at(-1 - tail) === other.at(-1 - tail)) tail++;
  return [head, tail];
}

// The same, but only of what differs; then choose [start, end).
export function replace(field, { from, to, text }, [start, end]) {
  const [head, tail] = alike(field.value.slice(from, to), text);
  insert(field, text.slice(head, text.length - tail), from + head, to - tail);
  field.setSelectionRange(start, end);
}
