// Save without leaving the page: caret, selection, scrolling and undo stay. Without JavaScript the form does the same by a reload.
// The address, the fields and the rules are those of the ordinary form; newsletter/posts/saving.py answers in JSON.
// Words: templates/admin/posts/_saving.html. unsaved.js keeps the copies, comparing.js asks when two texts meet.

const box = document.getElementById("saving");
const form = document.getElementById("kept-copies")?.closest("form");
const SEEN = ["seen_at", "seen_version"]; // fields that tell which state of the text this page has seen
const PATIENCE = 30_000; // milliseconds
const language = document.documentElement.lang;
const [GAP, COLON] = language.startsWith("zh") ? ["", "："] : [" ", ": "]; // between sentences, and behind a label
const unanswered = []; // what was sent and perhaps saved, though no answer came

let base; // the fields as the server had them when this page last saw them
let baseRows;
let running = null;
let toRefresh = ""; // the address of a page that did not come after a save
let isWanted = false; // another save was asked for while one was running

const part = (name) => box.querySelector(`.saving-${name}`);
const clock = (at) => new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });

function tell(text, { bad = false, actions = [] } = {}) {
  part("said").textContent = text;
  box.classList.toggle("is-bad", bad);
  for (const name of ["login", "compare"]) part(name).hidden = !actions.includes(name);
}

// Say that nothing was saved, and whether a copy is safe.
function tellUnsaved(name, facts = {}) {
  const detail = { isKept: false };
  form.dispatchEvent(new CustomEvent("desk:keep", { detail }));
  const copy = detail.isKept ? box.dataset.sayCopy : box.dataset.sayNoCopy;
  tell(box.dataset[`say${name}`] + GAP + copy, { bad: true, ...facts });
}

// --- What stands in the form ---

function labelOf(field) {
  const [own] = [...(field.labels ?? [])];
  const legend = field.closest("fieldset:not(.module)")?.querySelector("legend, label");
  const words = [legend, own].filter(Boolean).map((one) => one.textContent.trim().replace(/[:：]$/, ""));
  return [...new Set(words)].join(" ") || field.getAttribute("aria-label") || field.name;
}

// Browsers put back what was typed before a reload: what the server sent stands in the defaults.
function served(field) {
  if (["checkbox", "radio"].includes(field.type)) return { value: field.value, checked: field.defaultChecked };
  if (!field.options) return { value: field.defaultValue };
  const chosen = [...field.options].find((one) => one.defaultSelected) ?? field.options[0];
  return { value: chosen?.value ?? "", selectedOptions: chosen ? [chosen] : [] };
}

// Return the fields that a person fills in, but for the rows of an issue: {name: {value, shown, label, isText}}.
function snapshot(some, read = (field) => field) {
  const found = {};
  for (const field of some.elements) {
    if (
      !field.name ||
      ["hidden", "submit", "button", "file", "fieldset"].includes(field.type) ||
      field.closest("[data-items]")
    )
      continue;
    const { value: own, checked, selectedOptions } = read(field);
    const isOff = ["checkbox", "radio"].includes(field.type) && !checked;
    const value = isOff ? "" : own.replace(/\r\n/g, "\n");
    const shown = selectedOptions
      ? [...selectedOptions].map((one) => (one.value ? one.textContent.trim() : "")).join("、")
      : value;
    if (isOff && found[field.name]) continue;
    found[field.name] = { value, shown, label: labelOf(field), isText: field.matches("textarea[data-editor]") };
  }
  return found;
}

function rowsOf(some) {
  const list = some.querySelector("[data-items]");
  const named = list ? [...list.querySelectorAll("[name]")] : [];
  return JSON.stringify(
    named.map((field) => [field.name, ["checkbox", "radio"].includes(field.type) ? field.checked : field.value]),
  );
}

const textsOf = (some) => Object.fromEntries(Object.entries(some).map(([name, field]) => [name, field.value]));
const isEqual = (one, other) => JSON.stringify(textsOf(one)) === JSON.stringify(textsOf(other));
const hasFile = () => [...form.elements].some((field) => field.type === "file" && field.name && field.files.length);

function put(name, value, theirs) {
  const fields = [...form.elements].filter((field) => field.name === name);
  const [field] = fields;
  if (["checkbox", "radio"].includes(field.type)) fields.forEach((one) => (one.checked = one.value === value));
  else if (field.tagName === "SELECT") {
    if (value && ![...field.options].some((one) => one.value === value)) {
      const [other] = theirs.elements[name].selectedOptions;
      field.append(document.importNode(other, true));
    }
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    window.django?.jQuery?.(field).trigger("change.select2"); // the box that the admin draws over it
  } else {
    field.closest("details")?.setAttribute("open", ""); // what is hidden takes no focus
    const caret = Math.min(field.selectionStart ?? 0, value.length);
    field.focus();
    field.select();
    const isDone = value ? document.execCommand("insertText", false, value) : document.execCommand("delete");
    if (!isDone && field.value !== value) field.value = value;
    if (field.matches("textarea")) field.setSelectionRange(caret, caret);
  }
}

// --- Errors at their fields ---

function clearErrors() {
  for (const list of document.querySelectorAll("[data-in-place]")) list.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    const others = (field.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .filter((id) => id && !id.endsWith("_error"));
    others.length
      ? field.setAttribute("aria-describedby", others.join(" "))
      : field.removeAttribute("aria-describedby");
  }
  for (const list of form.querySelectorAll(".errornote, .errorlist")) list.remove();
  for (const row of form.querySelectorAll(".errors")) row.classList.remove("errors");
}

function listOf(texts, id) {
  const list = document.createElement("ul");
  list.className = "errorlist";
  list.id = id;
  list.dataset.inPlace = "";
  list.append(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  return list;
}

function showError({ id, name, texts }) {
  const field = document.getElementById(id) ?? form.elements[name] ?? form.elements[`${name}_0`];
  const one = field?.length && !field.tagName ? field[0] : field;
  if (!one) return;
  one.closest("details")?.setAttribute("open", "");
  const list = listOf(texts, `${one.id}_error`);
  (one.closest(".editor") ?? one.closest("p.datetime, .related-widget-wrapper") ?? one).before(list);
  one.closest(".flex-container, .item")?.classList.add("errors");
  one.setAttribute("aria-invalid", "true");
  one.setAttribute("aria-describedby", `${one.getAttribute("aria-describedby") ?? ""} ${list.id}`.trim());
}

function refuse({ errors, general }) {
  clearErrors();
  errors.forEach(showError);
  const told = [...general, ...errors.map(({ label, texts }) => `${label}${COLON}${texts.join(GAP)}`)];
  form.dispatchEvent(new CustomEvent("desk:keep", { detail: {} }));
  tell(box.dataset.sayRefused.replace("{errors}", told.join(GAP)), { bad: true });
}

// --- What else on the page has changed by a save ---

async function freshPage(address) {
  const response = await fetch(address, {
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE),
    credentials: "same-origin",
  });
  if (response.type === "opaqueredirect") return null; // to the login page
  if (!response.ok) throw new TypeError(`the page was answered by ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

const FRESH = [
  ".breadcrumbs",
  ".titles-and-tools",
  "[data-fresh=buttons]",
  "[data-fresh=after-text]",
  "[data-fresh=preview-form]",
  "[data-fresh=letter]",
];

function exchange(selector, page) {
  const [old, fresh] = [document.querySelector(selector), page.querySelector(selector)];
  if (!old || !fresh || old.isEqualNode(fresh)) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = document.importNode(fresh, true);
  old.replaceWith(place);
  if (focused?.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
  else if (focused?.name) place.querySelector(`[name="${focused.name}"]`)?.focus({ preventScroll: true });
  place.dispatchEvent(new CustomEvent("desk:fresh", { bubbles: true }));
}

function takeToken(page) {
  const token = page.querySelector("#kept-copies")?.closest("form").elements.csrfmiddlewaretoken?.value;
  if (token) form.elements.csrfmiddlewaretoken.value = token;
}

// Show what the save has changed beside the texts: the state, the format check, rows, words that the title has given.
async function refresh(address, sent) {
  const page = await freshPage(address).catch(() => null);
  const other = page?.querySelector("#kept-copies")?.closest("form");
  toRefresh = other ? "" : address;
  if (!other) return;
  FRESH.forEach((selector) => exchange(selector, page));
  document.title = page.title;
  const isOurs = SEEN.every((name) => form.elements[name]?.value === other.elements[name]?.value);
  if (!isOurs) return; // somebody else has saved since: the next save will say so
  if (form.querySelector("[data-items]")) {
    exchange("[data-items]", page);
    baseRows = rowsOf(form);
  }
  base = snapshot(other);
  // The title has given words, and tags are written in one way: otherwise the next save would count them as changed.
  for (const field of ["words", "tag_names"].map((name) => form.elements[name])) {
    const isIdle = field && field.value === sent[field.name]?.value && document.activeElement !== field;
    if (isIdle && base[field.name]) field.value = base[field.name].value;
  }
}

// --- Saving ---

async function send(data) {
  return fetch(location.pathname + location.search, {
    method: "POST",
    body: data,
    headers: { Accept: "application/json" },
    redirect: "manual",
    credentials: "same-origin",
    signal: AbortSignal.timeout(PATIENCE),
  });
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

async function save() {
  tell(box.dataset.saySaving);
  if (toRefresh) await refresh(toRefresh, base);
  const sent = snapshot(form);
  const data = new FormData(form);
  data.append("_continue", "1");
  form.dispatchEvent(new CustomEvent("desk:sent"));
  const list = form.querySelector("[data-items]");
  const focused = list?.contains(document.activeElement) ? document.activeElement : null;
  if (list) list.inert = true; // its rows will be those of the answer
  try {
    const { response, answer } = await sendTwice(data);
    await settle(response, answer, sent);
  } catch (error) {
    if (!["TypeError", "TimeoutError", "AbortError"].includes(error.name)) throw error;
    unanswered.push(sent);
    const page = await freshPage(location.pathname).catch(() => undefined);
    page === null ? tellUnsaved("Login", { actions: ["login"] }) : tellUnsaved("Offline"); // a large body is refused unread
  } finally {
    for (const one of form.querySelectorAll("[data-items]")) one.inert = false;
    if (focused && document.activeElement === document.body) {
      (focused.isConnected ? focused : document.getElementById(focused.id))?.focus({ preventScroll: true });
    }
  }
}

async function settle(response, answer, sent) {
  if (answer?.outcome === "saved") return succeed(answer, sent);
  if (answer?.outcome === "refused") return refuse(answer);
  if (answer?.outcome === "gone") return tellUnsaved("Gone");
  if (answer) {
    if (answer.outcome === "exists") goTo(answer);
    tellUnsaved("Elsewhere", { actions: ["compare"] });
    return compare();
  }
  if (response.type === "opaqueredirect") return tellUnsaved("Login", { actions: ["login"] });
  return tellUnsaved(response.status === 403 ? "Forbidden" : "Failed");
}

function goTo({ address }) {
  if (location.pathname !== address) history.replaceState(history.state, "", address);
}

async function succeed(answer, sent) {
  unanswered.length = 0;
  base = sent;
  baseRows = rowsOf(form);
  for (const [name, value] of Object.entries(answer.seen)) form.elements[name].value = value;
  clearErrors();
  goTo(answer);
  form.dispatchEvent(new CustomEvent("desk:saved", { detail: { document: answer.document } }));
  tell(box.dataset.saySaved.replace("{time}", clock(answer.at)));
  await refresh(answer.address, sent);
}

// --- Two texts ---

async function compare() {
  const page = await freshPage(location.pathname).catch(() => undefined);
  if (page === null) return tellUnsaved("Login", { actions: ["login"] });
  const other = page?.querySelector("#kept-copies")?.closest("form");
  if (!other) return tellUnsaved("Offline", { actions: ["compare"] });
  const theirs = snapshot(other);
  const known = unanswered.find((one) => isEqual(one, theirs)) ?? base;
  const rows = rowsOf(other);
  const areRowsOld = rows !== baseRows;
  const use = (values) => {
    const focused = document.activeElement;
    // The longest texts last: undo begins with them.
    const inOrder = Object.entries(values).sort(([one], [two]) => theirs[one].isText - theirs[two].isText);
    for (const [name, value] of inOrder) put(name, value, other);
    focused.focus({ preventScroll: true });
    if (areRowsOld) exchange("[data-items]", page);
    for (const name of SEEN) if (form.elements[name]) form.elements[name].value = other.elements[name]?.value ?? "";
    takeToken(page);
    base = theirs;
    baseRows = rows;
    ask();
  };
  const { at } = other.querySelector("#kept-copies").dataset;
  const areRowsTaken = areRowsOld && rowsOf(form) !== baseRows;
  const rowsTaken = areRowsOld && !areRowsTaken ? form.querySelector("[data-items] > legend").textContent : "";
  const detail = { mine: snapshot(form), theirs, base: known, at, areRowsTaken, rows: rowsTaken, use };
  document.getElementById("comparing").dispatchEvent(new CustomEvent("desk:compare", { detail }));
}

// --- By keys and by the button ---

async function ask() {
  if (running) return void (isWanted = true);
  running = save();
  try {
    await running;
  } finally {
    running = null;
  }
  if (!isWanted) return;
  isWanted = false;
  ask();
}

const letterOf = (event) =>
  (/^[a-z]$/i.test(event.key) ? event.key : (/^Key([A-Z])$/.exec(event.code)?.[1] ?? "")).toLowerCase();

function onKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || letterOf(event) !== "s") return;
  event.preventDefault();
  if (document.querySelector("dialog[open]")) return;
  const press = () => (form.elements._continue ?? form.elements._save)?.click();
  // Words that are still being composed are finished first.
  if (event.isComposing) event.target.addEventListener("compositionend", () => setTimeout(press, 0), { once: true });
  else press();
}

function watch() {
  const isReturned = box.dataset.elsewhere !== undefined;
  base = document.querySelector(".errornote") ? null : snapshot(form, served);
  baseRows = rowsOf(form);
  addEventListener("keydown", onKey);
  form.addEventListener("submit", (event) => {
    if (!["_continue", "_enter"].includes(event.submitter?.name) || hasFile()) return;
    event.preventDefault();
    ask();
  });
  // The mouse on the button leaves the caret in the text.
  addEventListener(
    "mousedown",
    (event) => event.target.closest(".desk-bar [name=_continue]") && event.preventDefault(),
  );
  part("compare").addEventListener("click", compare);
  part("login").href = `${box.dataset.loginUrl}?next=${encodeURIComponent(location.pathname)}`;
  if (isReturned) tell(box.dataset.sayElsewhere, { bad: true, actions: ["compare"] });
}

if (box && form) watch();
