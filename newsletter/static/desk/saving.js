// Save without leaving the page: caret, selection, scrolling and undo stay. Without JavaScript the form does the same by a reload.
// The address, the fields and the rules are those of the ordinary form; newsletter/posts/saving.py answers in JSON.
// When somebody else has saved meanwhile, the server refuses, keeps what was typed and says where both can be seen.
// A text saves itself two seconds after the last key, from its first one on.
// Words: templates/admin/posts/_saving.html. unsaved.js keeps the copies; desk:saved and desk:unsaved say what became of it.

import { clock, composed, element, isComposing, language, letterOf, parsed, post, wordsOf } from "./field.js";

const box = document.getElementById("saving");
const form = document.getElementById("kept-copies")?.closest("form");
const OTHERS = ["hidden", "submit", "button", "file", "fieldset"]; // no fields that a person fills in
const SEEN = ["seen_at", "seen_version"]; // fields that tell which state of the text this page has seen
const PATIENCE = 30_000; // milliseconds
const [GAP, COLON] = language.startsWith("zh") ? ["", "："] : [" ", ": "]; // between sentences, and behind a label
const REST = Number(box?.dataset.rest); // milliseconds; a form that does not save itself has none
const LONGEST = 20_000; // milliseconds, that somebody types without a rest
const RETRIES = [5_000, 15_000, 60_000]; // milliseconds after a failure, the last one again and again
const PASSING = ["Offline", "Failed", "Login"]; // failures that go away without the author
const unanswered = []; // what was sent and perhaps saved, though no answer came

let base; // the fields as the server had them when this page last saw them
let baseRows;
let running = null;
let toRefresh = ""; // the address of a page that did not come after a save
let wanted = null; // another save was asked for while one was running
let firstKeyAt = 0; // of what is not saved yet
let failures = 0;
let timer;
let isLeaving = false; // the whole page is sent
let isPending = box?.dataset.pending !== undefined; // something is saved that readers do not see: another text, or a time

const part = (name) => box.querySelector(`.saving-${name}`);
const say = wordsOf(box);

function tell(text, { bad = false, login = false, both = "" } = {}) {
  if (part("said").textContent !== text) part("said").textContent = text;
  box.classList.toggle("is-bad", bad);
  box.classList.remove("is-changed");
  const wasFocused = part("actions").contains(document.activeElement);
  part("login").hidden = !login;
  part("both").hidden = !both;
  part("both").href = both;
  if (wasFocused && !login && !both) form.elements._continue?.focus({ preventScroll: true });
}

// Say that nothing was saved, and whether a copy is safe.
function tellUnsaved(name, { text = say(name), ...facts } = {}) {
  const detail = { isKept: false };
  form.dispatchEvent(new CustomEvent("desk:keep", { detail }));
  form.dispatchEvent(new CustomEvent("desk:unsaved", { detail: name }));
  tell(text + GAP + say(detail.isKept ? "Copy" : "NoCopy"), { bad: true, ...facts });
  if (REST && PASSING.includes(name)) inWhile(RETRIES[Math.min(failures++, RETRIES.length - 1)]);
}

// --- What stands in the form ---

// Browsers put back what was typed before a reload: what the server sent stands in the defaults.
function served(field) {
  if (isTick(field)) return { value: field.value, checked: field.defaultChecked };
  if (!field.options) return { value: field.defaultValue };
  return [...field.options].find((one) => one.defaultSelected) ?? field.options[0] ?? { value: "" };
}

// A field that counts when somebody presses a button: while it is typed it is nothing yet, unless it is one of its own list.
function isUnfinished(field) {
  if (field.dataset.byPress === undefined) return false;
  return ![...(field.list?.options ?? [])].some((one) => one.value === field.value);
}

const isTick = ({ type }) => ["checkbox", "radio"].includes(type);
const isFilledIn = ({ name, type, dataset }) => name && !OTHERS.includes(type) && dataset.byPress === undefined;

// Return the fields that a person fills in, but for the rows of an issue: {name: value}.
function snapshot(some, read = (field) => field) {
  const found = {};
  for (const field of some.elements) {
    if (!isFilledIn(field) || field.closest("[data-items]")) continue;
    const { value, checked } = read(field);
    const isOff = isTick(field) && !checked;
    if (!isOff || !(field.name in found)) found[field.name] = isOff ? "" : value.replace(/\r\n/g, "\n");
  }
  return found;
}

function rowsOf(some) {
  const named = [...some.querySelectorAll("[data-items] [name]")].filter((field) => !isUnfinished(field));
  return JSON.stringify(named.map((field) => [field.name, isTick(field) ? field.checked : field.value]));
}

const seen = () => SEEN.map((name) => form.elements[name]).filter(Boolean);
const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const hasFile = () => [...form.elements].some((field) => field.type === "file" && field.name && field.files.length);

// --- Errors at their fields ---

function clearErrors() {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    const others = field.getAttribute("aria-describedby")?.split(" ") ?? [];
    const left = others.filter((id) => id && !id.endsWith("_error")).join(" ");
    left ? field.setAttribute("aria-describedby", left) : field.removeAttribute("aria-describedby");
  }
  for (const list of document.querySelectorAll(".errornote, .errorlist")) list.remove();
  for (const row of form.querySelectorAll(".errors")) row.classList.remove("errors");
}

function showError({ id, name, texts }) {
  const field = document.getElementById(id) ?? form.elements[name] ?? form.elements[`${name}_0`];
  const one = field?.length && !field.tagName ? field[0] : field;
  if (!one) return;
  one.closest("details")?.setAttribute("open", "");
  const items = texts.map((text) => element("li", { text }));
  const list = element("ul", { className: "errorlist", id: `${one.id}_error` }, ...items);
  (one.closest(".editor") ?? one.closest("p.datetime, .related-widget-wrapper") ?? one).before(list);
  one.closest(".flex-container, .item")?.classList.add("errors");
  one.setAttribute("aria-invalid", "true");
  one.setAttribute("aria-describedby", `${one.getAttribute("aria-describedby") ?? ""} ${list.id}`.trim());
}

function refuse({ errors, general }, isAuto) {
  clearErrors();
  if (!isAuto) errors.forEach(showError); // nothing moves while somebody types
  form.dispatchEvent(new CustomEvent("desk:unsaved", { detail: "Refused" }));
  const told = [...general, ...errors.map(({ label, texts }) => `${label}${COLON}${texts.join(GAP)}`)];
  form.dispatchEvent(new CustomEvent("desk:keep", { detail: {} }));
  tell(say("Refused", { errors: told.join(GAP) }), { bad: true });
}

// --- What else on the page has changed by a save ---

async function freshPage(address) {
  const response = await fetch(address, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
  if (response.type === "opaqueredirect") return null; // to the login page
  if (!response.ok) throw new TypeError(`the page was answered by ${response.status}`);
  return parsed(await response.text());
}

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary";
const saidBy = (one) => (one.getAttribute("aria-label") || one.value || one.textContent).trim();

// Return what stands in `place` for what had the focus in `old`: of the same id, name or words, or else in its place.
// For an id that is gone, as of a post that was taken out: the nearest before it that is still there.
function counterpart(focused, old, place) {
  const [before, all] = [old, place].map((one) => [...one.querySelectorAll(FOCUSABLE)]);
  if (focused.id) {
    const upTo = before.slice(0, before.indexOf(focused) + 1).reverse();
    return upTo.map((one) => document.getElementById(one.id)).find((one) => one?.checkVisibility());
  }
  const isSame = (one) => one.localName === focused.localName && saidBy(one) === saidBy(focused);
  const [byName, byWords] = [all.find((one) => focused.name && one.name === focused.name), all.find(isSame)];
  return byName ?? byWords ?? all[before.indexOf(focused)];
}

function exchange(selector, page, isAuto = false) {
  const [old, fresh] = [document.querySelector(selector), page.querySelector(selector)];
  if (!old || !fresh || old.isEqualNode(fresh)) return;
  const menu = old.querySelector(":popover-open");
  if (menu) return menu.addEventListener("toggle", () => exchange(selector, page, isAuto), { once: true });
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = document.importNode(fresh, true);
  const begun = [...old.querySelectorAll("[data-by-press]")].filter((field) => field.value && isUnfinished(field));
  old.replaceWith(place);
  if (isAuto) for (const field of begun) document.getElementById(field.id).value = field.value;
  place.dispatchEvent(new CustomEvent("desk:fresh", { bubbles: true })); // others show its buttons
  if (focused) counterpart(focused, old, place)?.focus({ preventScroll: true });
}

function takeToken(page) {
  const token = page.querySelector("#kept-copies")?.closest("form").elements.csrfmiddlewaretoken?.value;
  if (token) form.elements.csrfmiddlewaretoken.value = token;
}

// Rows that somebody drags, or has changed since they were sent, stay: the next save answers for them.
const areRowsInHand = () => document.querySelector("[data-items].is-dragging") !== null || rowsOf(form) !== baseRows;

// Show what the save has changed beside the texts: the state, the format check, rows, words that the title has given.
async function refresh(address, sent, isAuto = false) {
  const page = await freshPage(address).catch(() => null);
  const other = page?.querySelector("#kept-copies")?.closest("form");
  toRefresh = other ? "" : address;
  if (!other) return;
  const names = [...document.querySelectorAll("[data-fresh]")].map(({ dataset }) => dataset.fresh);
  for (const selector of [".titles-and-tools", ...names.map((name) => `[data-fresh=${name}]`)])
    exchange(selector, page);
  if (!isAuto) {
    for (const selector of [".field-introduction_from", ".field-closing_from"]) exchange(selector, page);
    for (const field of form.querySelectorAll("input[data-by-press]")) field.value = ""; // that is done
  }
  if (!document.querySelector("[data-letter-frame]")) {
    for (const selector of [".letter-body", ".compose-checks"]) exchange(selector, page); // of an issue that was new
  }
  document.title = page.title;
  const isOurs = SEEN.every((name) => form.elements[name]?.value === other.elements[name]?.value);
  if (!isOurs) return; // somebody else has saved since: the next save will say so
  if (form.querySelector("[data-items]") && !(isAuto && areRowsInHand())) {
    exchange("[data-items]", page, isAuto);
    baseRows = rowsOf(form);
  }
  base = snapshot(other);
  // The title has given words, the series a number, and tags are written in one way: otherwise the next save would count them as changed.
  for (const field of ["words", "tag_names", "series_number"].map((name) => form.elements[name])) {
    const isIdle = field && field.value === sent[field.name] && document.activeElement !== field;
    if (isIdle && field.name in base) field.value = base[field.name];
  }
}

// --- Saving ---

function send(body) {
  const options = { headers: { Accept: "application/json" }, redirect: "manual" };
  return post(location.pathname + location.search, {}, { body, signal: AbortSignal.timeout(PATIENCE), ...options });
}

// Return the answer's JSON; null if it was no answer of the form's own.
async function answerOf(response) {
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  return isJson ? response.json() : null;
}

// Perhaps only the token of the form is old, of a login before: take a new one and send again, once.
async function sendTwice(data) {
  const response = await send(data);
  const answer = await answerOf(response);
  if (answer || response.status >= 500) return { response, answer };
  const page = await freshPage(location.pathname + location.search).catch(() => undefined);
  if (page === null) return { response: { type: "opaqueredirect" } };
  if (page === undefined) return { response };
  takeToken(page);
  data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const second = await send(data);
  return { response: second, answer: await answerOf(second) };
}

async function save(isAuto) {
  if (!isAuto) tell(say("Saving"));
  if (toRefresh) await refresh(toRefresh, base);
  const sent = snapshot(form);
  const sentRows = rowsOf(form);
  if (isAuto && base && !unanswered.length && sentRows === baseRows && isEqual(sent, base))
    return box.classList.remove("is-changed");
  const data = new FormData(form);
  if (isAuto) for (const field of [...form.elements].filter(isUnfinished)) data.delete(field.name);
  data.append(isAuto ? "_auto" : "_continue", "1");
  form.dispatchEvent(new CustomEvent("desk:sent"));
  const list = form.querySelector("[data-items]");
  const focused = list?.contains(document.activeElement) ? document.activeElement : null;
  if (list && !isAuto) list.inert = true; // its rows will be those of the answer
  try {
    const { response, answer } = await sendTwice(data);
    await settle(response, answer, { fields: sent, rows: sentRows }, isAuto);
  } catch (error) {
    if (!["TypeError", "TimeoutError", "AbortError"].includes(error.name)) throw error;
    unanswered.push({ fields: sent, rows: sentRows });
    const page = await freshPage(location.pathname).catch(() => undefined);
    page === null ? tellUnsaved("Login", { login: true }) : tellUnsaved("Offline"); // a large body is refused unread
  } finally {
    for (const one of form.querySelectorAll("[data-items]")) one.inert = false;
    if (focused && document.activeElement === document.body) {
      const rows = form.querySelector("[data-items]");
      (focused.isConnected ? focused : counterpart(focused, list, rows))?.focus({ preventScroll: true });
    }
  }
}

const trimmed = (some) => Object.fromEntries(Object.entries(some).map(([name, value]) => [name, value.trim()]));

// Perhaps this page itself has saved, and the answer was lost: then go on from there, and return true.
async function goOnFromOwnSave() {
  const page = await freshPage(location.pathname).catch(() => null);
  const other = page?.querySelector("#kept-copies")?.closest("form");
  const theirs = other && trimmed(snapshot(other)); // the server takes white space off both ends of a text
  const own = other && unanswered.find((sent) => isEqual(trimmed(sent.fields), theirs));
  if (!own) return false;
  for (const field of seen()) field.value = other.elements[field.name].value;
  takeToken(page);
  if (rowsOf(form) === own.rows) exchange("[data-items]", page);
  [base, baseRows] = [snapshot(other), rowsOf(other)];
  return true;
}

async function settle(response, answer, sent, isAuto) {
  if (answer?.outcome === "saved") return succeed(answer, sent, isAuto);
  if (answer?.outcome === "refused") return refuse(answer, isAuto);
  if (answer?.outcome === "gone") return tellUnsaved("Gone");
  if (answer) {
    if (answer.outcome === "exists") {
      goTo(answer);
      for (const field of seen()) field.value = "0"; // a state that is none: what others have saved is not overwritten
    }
    if ((await goOnFromOwnSave()) || answer.outcome === "exists") return save(isAuto);
    return tellUnsaved("Elsewhere", { text: answer.general.join(GAP), both: answer.both });
  }
  if (response.type === "opaqueredirect") return tellUnsaved("Login", { login: true });
  return tellUnsaved(response.status === 403 ? "Forbidden" : "Failed");
}

function goTo({ address }) {
  if (location.pathname !== address) history.replaceState(history.state, "", address + location.hash);
}

async function succeed(answer, { fields: sent, rows }, isAuto) {
  const isOther = location.pathname !== answer.address || (answer.pending ?? isPending) !== isPending;
  unanswered.length = failures = 0;
  base = sent;
  baseRows = rows;
  isPending = answer.pending ?? isPending;
  for (const [name, value] of Object.entries(answer.seen)) form.elements[name].value = value;
  clearErrors();
  goTo(answer);
  form.dispatchEvent(new CustomEvent("desk:saved", { detail: { document: answer.document } }));
  tell(say("Saved", { time: clock(answer.at) }));
  if (!isEqual(snapshot(form), sent)) change(); // somebody has typed on
  const hasLetter = document.querySelector("[data-items]") !== null; // made of what was saved
  if (!isAuto || isOther || hasLetter) await refresh(answer.address, sent, isAuto);
}

// --- By itself, by keys and by the button ---

function inWhile(wait) {
  clearTimeout(timer);
  timer = setTimeout(saveByItself, wait);
}

function soon() {
  firstKeyAt ||= Date.now();
  inWhile(Math.max(0, Math.min(REST, firstKeyAt + LONGEST - Date.now())));
}

// The end of a word that is being composed counts as the last key.
function saveByItself() {
  if (isComposing) return;
  if (document.querySelector("dialog[open]")) return inWhile(REST);
  firstKeyAt = 0;
  ask(true);
}

function watchTyping() {
  for (const name of ["input", "change", "compositionend"]) form.addEventListener(name, soon);
  // Somebody may type before this script has come; a browser puts back what was typed before a reload.
  const isTyped = () => [...form.elements].some((one) => one.matches("textarea") && one.value !== one.defaultValue);
  addEventListener("pageshow", () => isTyped() && soon());
  const again = () => failures && !document.hidden && saveByItself();
  for (const name of ["online", "focus"]) addEventListener(name, again);
  document.addEventListener("visibilitychange", again);
}

async function ask(isAuto = false) {
  if (isLeaving) return;
  if (running) return void (wanted = { isAuto: isAuto && (wanted?.isAuto ?? true) });
  running = save(isAuto);
  try {
    await running;
  } finally {
    running = null;
  }
  if (!wanted) return;
  const next = wanted;
  wanted = null;
  ask(next.isAuto);
}

// The page is sent as a whole: a save that is under way comes first, so that the two do not meet.
function leave(event) {
  if (event.submitter?.hasAttribute("data-preview-page")) return;
  if (!running) return void (isLeaving = true);
  event.preventDefault();
  const { name } = event.submitter;
  running.finally(() => {
    const button = [...form.elements].find((one) => one.name === name && one.type === "submit");
    setTimeout(() => form.requestSubmit(button), 0);
  });
}

function onKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || letterOf(event) !== "s") return;
  event.preventDefault();
  if (document.querySelector("dialog[open]")) return;
  composed(() => (form.elements._continue ?? form.elements._save)?.click());
}

// One state at a time: what is typed on is not saved yet, and what could not be saved stays so until it is.
const change = () => box.classList.toggle("is-changed", !box.classList.contains("is-bad"));

function watch() {
  for (const name of ["input", "change"]) form.addEventListener(name, change);
  if (REST) watchTyping();
  form.addEventListener("desk:autosave", () => ask(true));
  base = document.querySelector(".errornote") ? null : snapshot(form, served);
  baseRows = rowsOf(form);
  addEventListener("keydown", onKey);
  form.addEventListener("submit", (event) => {
    if (!["_continue", "_enter"].includes(event.submitter?.name) || hasFile()) return leave(event);
    event.preventDefault();
    ask();
  });
  const isButton = (target) => target.closest(".desk-bar [name=_continue]"); // the mouse on it leaves the caret in the text
  addEventListener("mousedown", (event) => isButton(event.target) && event.preventDefault());
  addEventListener("pageshow", () => (isLeaving = false));
  part("login").href = `${box.dataset.loginUrl}?next=${encodeURIComponent(box.dataset.backUrl)}`;
  part("login").addEventListener("click", (event) => {
    if (open(part("login").href, "desk-login", "popup,width=520,height=720")) event.preventDefault();
  });
}

if (box && form) watch();
