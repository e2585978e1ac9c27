// Copies of what is not saved yet, kept in this browser, and a word before the page is left.
// Each page that is open keeps one copy of its own: two tabs, two new posts, never write over each other.
// Words and the place of the offer: templates/admin/posts/_kept.html. Other scripts speak to this one by events of the form:
// desk:keep (make the copy now), desk:sent (a save has begun), desk:saved (it was saved, and as what).

const KEPT = ["title", "body", "summary", "subject", "preheader", "introduction", "closing"];
const SEEN = ["seen_at", "seen_version"];
const STORE = "copies"; // in IndexedDB: localStorage loses its last seconds when the browser is killed
const KEEP_PAUSE = 1000; // milliseconds of rest before the copy is made
const COPIES_MAX = 20;
const DAYS_MAX = 30;
const LOOK_AGAIN = 700; // milliseconds, in which a page that is left has given back its lock, and made its last copy
const LEAVES_WITHIN = 10_000; // milliseconds: a busy browser takes longer; a page that stays is another tab
const WORDS = 20; // characters from the beginning and from the end of a copy that the offer shows

const offers = document.getElementById("kept-copies");
const form = offers?.closest("form");
const language = document.documentElement.lang;
const page = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
let name = offers?.dataset.document; // of the text: "posts.post/12", or "posts.post/new/…"
let saved; // what the server has, as JSON; null if it has nothing of what stands here
let open = new Set([page]); // pages of this browser that are open, when it was asked last
const certain = new Set(); // copies that the second place has: others may have been given up already
let timer;

// --- Where copies are kept: unsaved:<user>:<text>:<page> ---

const prefix = () => `unsaved:${offers.dataset.user}:`;
const own = () => `${prefix()}${name}:${page}`;
const pageOf = (key) => key.slice(key.lastIndexOf(":") + 1);
const textOf = (key) => key.slice(prefix().length, key.lastIndexOf(":"));

function read(key) {
  try {
    const copy = JSON.parse(localStorage.getItem(key));
    return copy && typeof copy.at === "number" && copy.contents ? { key, ...copy } : null;
  } catch {
    return null;
  }
}

// All copies of this user, the newest first.
function copies() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix()));
    return keys
      .map(read)
      .filter(Boolean)
      .sort((one, other) => other.at - one.at);
  } catch {
    return []; // a browser that forbids it
  }
}

function database() {
  return new Promise((done, fail) => {
    const asked = indexedDB.open("desk", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
}

let opened;

// Do something with the second place of the copies; undefined if this browser has none.
async function second(act) {
  try {
    opened ??= database();
    const change = (await opened).transaction(STORE, "readwrite", { durability: "strict" });
    const asked = act(change.objectStore(STORE));
    await new Promise((done, fail) => Object.assign(change, { oncomplete: done, onabort: fail }));
    return asked.result;
  } catch {
    return undefined;
  }
}

// Put back what localStorage has lost: its last seconds, in which a copy was made or given up.
async function recover() {
  const found = (await second((store) => store.getAll())) ?? [];
  for (const { key, copy } of found.filter((one) => one.key.startsWith(prefix()))) {
    try {
      if (!(read(key)?.at >= JSON.parse(copy).at)) localStorage.setItem(key, copy);
      certain.add(key);
    } catch {
      return; // it is full: what is here stays in the other place
    }
  }
}

function forget(key) {
  second((store) => store.delete(key));
  try {
    localStorage.removeItem(key);
  } catch {
    // nothing is kept here
  }
}

// A page holds a lock of its name while it is open: copies of open pages are theirs alone.
function holdLock() {
  navigator.locks?.request(
    `unsaved:${page}`,
    () => new Promise((leave) => addEventListener("pagehide", leave, { once: true })),
  );
}

async function openPages() {
  const known = (await navigator.locks?.query())?.held ?? [];
  open = new Set([page, ...known.map((lock) => lock.name.replace("unsaved:", ""))]);
}

async function left() {
  await openPages();
  return copies().filter((copy) => !open.has(pageOf(copy.key)));
}

async function clearOut() {
  const oldest = Date.now() - DAYS_MAX * 24 * 3600 * 1000;
  (await left()).forEach((copy, index) => (index >= COPIES_MAX || copy.at < oldest) && forget(copy.key));
}

function write(key, contents) {
  const copy = JSON.stringify({ at: Date.now(), contents, seen: seen(), base: saved && JSON.parse(saved) });
  second((store) => store.put({ key, copy }));
  for (;;) {
    try {
      localStorage.setItem(key, copy);
      return true;
    } catch {
      const oldest = copies()
        .filter((one) => one.key !== key && !open.has(pageOf(one.key)))
        .pop();
      if (!oldest) return false;
      forget(oldest.key); // the browser is full
    }
  }
}

// --- The copy of this page ---

function contents(property = "value") {
  return Object.fromEntries(KEPT.filter((one) => form.elements[one]).map((one) => [one, form.elements[one][property]]));
}

// Return which state of the text the server had when this page last saw it.
const seen = () =>
  Object.fromEntries(SEEN.filter((one) => form.elements[one]).map((one) => [one, form.elements[one].value]));

const clock = (at) =>
  new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function note(text) {
  const place = document.querySelector(".saving-since");
  if (place) place.textContent = text;
}

// Return whether what stands here is safe: saved, or in a copy.
function keep() {
  clearTimeout(timer);
  const now = contents();
  if (JSON.stringify(now) === saved) {
    forget(own());
    note("");
    return true;
  }
  const isKept = write(own(), now);
  note(isKept ? offers.dataset.sayKept.replace("{time}", clock(Date.now())) : offers.dataset.sayUnkept);
  return isKept;
}

function keepSoon() {
  openPages();
  clearTimeout(timer);
  timer = setTimeout(keep, KEEP_PAUSE);
  note(JSON.stringify(contents()) === saved ? "" : offers.dataset.sayUnsaved);
}

// --- Copies that pages left behind ---

function insert(field, value) {
  field.focus();
  field.select();
  // execCommand keeps the field's own undo
  const isDone = value ? document.execCommand("insertText", false, value) : document.execCommand("delete");
  if (isDone) return;
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function fill(copy) {
  for (const [one, value] of Object.entries(copy.contents)) {
    const field = form.elements[one];
    if (field && field.value !== value) insert(field, value);
  }
  if (keep()) forget(copy.key);
}

function putBack(copy) {
  const now = JSON.stringify(contents());
  // What was typed here meanwhile becomes a copy to be offered itself.
  if (now !== saved && Object.values(contents()).join("").trim())
    write(`${prefix()}${name}:${page}-before`, contents());
  fill(copy);
}

// Return how a copy begins and ends: what was typed last often stands there.
function words(contents) {
  const characters = [...Object.values(contents).join(" ").trim().replace(/\s+/g, " ")];
  if (characters.length <= 2 * WORDS) return characters.join("");
  return `${characters.slice(0, WORDS).join("")} … ${characters.slice(-WORDS).join("")}`;
}

function card(copy) {
  const one = document.getElementById("kept-copy").content.firstElementChild.cloneNode(true);
  const text = Object.values(copy.contents).join("");
  const time = new Date(copy.at).toLocaleString(language, {
    dateStyle: "medium",
    timeStyle: "short",
    hourCycle: "h23",
  });
  const found = offers.dataset.sayFound
    .replace("{time}", time)
    .replace("{n}", text.replace(/\s/g, "").length.toLocaleString());
  one.querySelector(".kept-when").textContent = found;
  one.querySelector(".kept-words").textContent = words(copy.contents);
  one.dataset.key = copy.key;
  return one;
}

// Of a saved text its own copies are offered; of a new one those of all new texts that no page has open.
function isMeant(copy) {
  const text = textOf(copy.key);
  return text === name || (name.includes("/new/") && text.startsWith(`${offers.dataset.kind}/new/`));
}

// The newest copy of a saved text is put in unasked where the form saves itself and nothing was typed since. If the server
// has another text by now, saving.js merges the two as if this page had stayed open.
function goOnWith(copy) {
  const isOurs =
    textOf(copy.key) === name && !name.includes("/new/") && copy.base && copy.seen && certain.has(copy.key);
  if (!isOurs || !document.getElementById("saving")?.dataset.rest || JSON.stringify(contents()) !== saved) return false;
  form.dispatchEvent(new CustomEvent("desk:returned", { detail: { base: copy.base, seen: copy.seen } }));
  saved = JSON.stringify(copy.base); // until it is saved, a further copy is one of that older text, too
  const focused = document.activeElement; // it may come seconds after the page, when somebody is elsewhere
  fill(copy);
  if (focused !== document.body) focused.focus({ preventScroll: true });
  const one = document.getElementById("kept-returned").content.firstElementChild.cloneNode(true);
  const time = new Date(copy.at).toLocaleString(language, {
    dateStyle: "medium",
    timeStyle: "short",
    hourCycle: "h23",
  });
  one.querySelector("p").textContent = offers.dataset.sayReturned.replace("{time}", time);
  offers.append(one);
  return true;
}

async function offer() {
  const here = JSON.stringify(contents());
  const shown = [];
  for (const copy of (await left()).filter(isMeant)) {
    const isHere = JSON.stringify(copy.contents) === here || JSON.stringify(copy.contents) === saved;
    if (!isHere && !goOnWith(copy)) shown.push(copy);
    else if (isHere && keep()) forget(copy.key);
  }
  const known = [...offers.children].map((one) => one.dataset.key);
  offers.append(...shown.filter((copy) => !known.includes(copy.key)).map(card));
  offers.hidden = !offers.children.length;
}

// Look once more when a page has left that was open as this one came.
async function offerOnceTheyLeft() {
  await openPages();
  const pages = copies()
    .filter(isMeant)
    .map(({ key }) => pageOf(key));
  for (const one of new Set(pages.filter((other) => other !== page && open.has(other)))) {
    const patience = { mode: "shared", signal: AbortSignal.timeout(LEAVES_WITHIN) };
    navigator.locks.request(`unsaved:${one}`, patience, () => {}).then(offer, () => {}); // or it is still open
  }
}

// Whoever pressed its button by key goes on at the next offer, or else at the first field.
function takeAway(one) {
  const isByKey = one.querySelector(":focus-visible") !== null;
  one.remove();
  offers.hidden = !offers.children.length;
  if (isByKey) (offers.querySelector("button") ?? form.elements[Object.keys(contents())[0]]).focus();
}

function decide({ target }) {
  if (target.matches("[data-seen]")) takeAway(target.closest(".kept-copy"));
  const chosen = target.closest("[data-restore], [data-forget]");
  if (!chosen) return;
  const one = chosen.closest(".kept-copy");
  const copy = read(one.dataset.key);
  if (chosen.matches("[data-restore]") && copy) putBack(copy);
  else forget(one.dataset.key);
  takeAway(one);
}

// --- Leaving and saving ---

function warnOnLeaving() {
  // Other scripts fill fields in (dates, select boxes): what counts is what a person did.
  let touched = isRefused();
  addEventListener("pageshow", () => (touched ||= JSON.stringify(contents()) !== saved));
  let touchedSince = false;
  const touch = () => (touched = touchedSince = true);
  form.addEventListener("input", touch);
  form.addEventListener("change", touch);
  form.addEventListener("desk:sent", () => (touchedSince = false));
  form.addEventListener("desk:saved", ({ detail }) => (touched = touchedSince || !detail.isWhole));
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.submitter?.hasAttribute("data-preview-page")) return;
    keep();
    touched = false;
    sessionStorage.setItem("submitted", own());
  });
  addEventListener("beforeunload", (event) => touched && event.preventDefault());
}

const isRefused = () => Boolean(document.querySelector(".errornote"));

// The page after a saved form says so in a green message; only then is the copy given up.
function forgetSaved() {
  const submitted = sessionStorage.getItem("submitted");
  if (!submitted) return;
  sessionStorage.removeItem("submitted");
  if (document.querySelector(".messagelist .success")) forget(submitted);
}

function watch() {
  // As the page came, not as it stands: browsers put back what was typed before a reload.
  saved = isRefused() ? null : JSON.stringify(contents("defaultValue"));
  form.addEventListener("input", keepSoon);
  form.addEventListener("desk:keep", ({ detail }) => (detail.isKept = keep()));
  let sent;
  form.addEventListener("desk:sent", () => (sent = JSON.stringify(contents())));
  form.addEventListener("desk:saved", ({ detail }) => {
    forget(own());
    name = detail.document;
    saved = sent;
    keep(); // what was typed while it was saved
  });
  offers.addEventListener("click", decide);
  addEventListener("pagehide", () => timer && keep());
  document.addEventListener("visibilitychange", () => document.hidden && keep());
  holdLock();
  addEventListener("pageshow", (event) => event.persisted && holdLock());
  warnOnLeaving();
  addEventListener("pageshow", () => JSON.stringify(contents()) !== saved && keep());
  recover().then(clearOut).then(offer).then(offerOnceTheyLeft);
  setTimeout(offer, LOOK_AGAIN);
}

forgetSaved();
if (form) watch();
