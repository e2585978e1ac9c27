// What is pasted from Google Docs, Word or a page of the web becomes Markdown: first as the plain text, then as Markdown, so that
// undo, pressed once, gives the plain text. What has no marks but line breaks stays plain. What does not come along is said.
// Turndown and its tables stand in newsletter/static/turndown-*/, and know nothing of what the three leave in their HTML.

import { insert, parsed, stateOf, wordsOf } from "./field.js";

const fields = document.querySelectorAll("textarea[data-editor]");
const LONGEST = 2_000_000; // characters of HTML; more is pasted as plain text
const TELLING =
  "a[href], b, strong, i, em, h1, h2, h3, h4, h5, h6, ul, ol, blockquote, pre, code, table, hr, del, s, sup, sub, film-at";
const FILM =
  /^(?:https?:)?\/\/(?:www\.youtube(?:-nocookie)?\.com\/embed\/([\w-]{11})|player\.vimeo\.com\/video\/(\d+))/;
const COLUMNS_MAX = 50; // that one cell may go over
const SPACING = /[\s\u00a0]+/g;
const WORD_LIST = /mso-list:\s*\S*\s*level(\d+)/i;

const STYLE = { headingStyle: "atx", hr: "---", bulletListMarker: "-", codeBlockStyle: "fenced", emDelimiter: "*" };
const service = new TurndownService(STYLE);
service.use([turndownPluginGfm.tables]);
service.addRule("item", {
  filter: "li",
  replacement(content, node, options) {
    const list = node.parentNode;
    const number = Number(list.getAttribute("start") || 1) + [...list.children].indexOf(node);
    const mark = list.nodeName === "OL" ? `${number}. ` : `${options.bulletListMarker} `;
    const text = content
      .trim()
      .replace(/\n{2,}(?=\s*(?:[-*]|\d+\.) )/g, "\n")
      .replace(/\n/g, `\n${" ".repeat(mark.length)}`);
    return `${mark}${text}${node.nextElementSibling ? "\n" : ""}`;
  },
});
// A | ends a cell, in code as well; Python-Markdown takes the stroke before it away, and inlines.py that in code.
service.addRule("cell", {
  filter: ["th", "td"],
  replacement: (content, node) => `${node.previousSibling ? "" : "|"} ${content.replaceAll("|", "\\|")} |`,
});
service.addRule("struck", { filter: ["del", "s", "strike"], replacement: (content) => `~~${content}~~` });
service.addRule("raised", {
  filter: ["sup", "sub"],
  replacement: (content, { localName }) => content && `<${localName}>${content}</${localName}>`,
});
service.addRule("film", { filter: "film-at", replacement: (_content, node) => `\n\n${node.dataset.url}\n\n` });
service.addRule("picture", { filter: "img", replacement: () => "" }); // of somebody else's server: put in by hand
// Only what would be taken for a mark of this text is escaped: Turndown's own way puts a stroke before every 「1.」 and _.
service.escape = (text) => text.replace(/([\\*`[\]])/g, "\\$1").replace(/^(#{1,6} |> |[-+] |\d+\. )/, "\\$1");

// --- What the three leave in their HTML ---

function rename(element, name) {
  const fresh = element.ownerDocument.createElement(name);
  fresh.append(...element.childNodes);
  element.replaceWith(fresh);
  return fresh;
}

const unwrap = (element) => element.replaceWith(...element.childNodes);

function wrap(element, name) {
  const around = element.ownerDocument.createElement(name);
  around.append(...element.childNodes);
  element.append(around);
}

// The policy of this page allows no styles in HTML, not even in a document that is never shown: they are read as data.
const withoutStyles = (html) =>
  html
    .replace(/<style\b[\s\S]*?<\/style\s*>/gi, "")
    .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style="));

function styleOf(element, name) {
  const found = new RegExp(`(?:^|;)\\s*${name}\\s*:\\s*([^;]+)`, "i").exec(element.dataset.style ?? "");
  return found?.[1].trim().toLowerCase() ?? "";
}

// Google Docs puts all of it into a bold that is none, and says by styles what is bold, italic or struck.
function readStyles(page) {
  for (const element of page.querySelectorAll("b, strong, i, em")) {
    const isBold = /^(B|STRONG)$/.test(element.nodeName);
    const style = styleOf(element, isBold ? "font-weight" : "font-style");
    if (style === "normal" || style === "400") unwrap(element);
  }
  for (const element of page.querySelectorAll("span[data-style], font[data-style]")) {
    if (!element.textContent.trim() || element.closest("h1, h2, h3, h4, h5, h6, pre, code")) continue;
    const weight = styleOf(element, "font-weight");
    if (weight === "bold" || Number(weight) >= 600) wrap(element, "strong");
    if (styleOf(element, "font-style") === "italic") wrap(element, "em");
    if (/line-through/.test(styleOf(element, "text-decoration(?:-line)?"))) wrap(element, "del");
    const raised = { super: "sup", sub: "sub" }[styleOf(element, "vertical-align")];
    if (raised && !element.querySelector("sup, sub")) wrap(element, raised);
  }
  for (const element of page.querySelectorAll(":is(h1, h2, h3, h4, h5, h6) :is(b, strong)")) unwrap(element);
}

// Word writes a list as paragraphs, each with its mark before it and its level in a style.
function readWordLists(page) {
  const levels = []; // the list of each level, while one goes on
  for (const line of [...page.querySelectorAll("p, h1, h2, h3, h4, h5, h6, table, blockquote")]) {
    const level = line.nodeName === "P" ? Number(WORD_LIST.exec(line.dataset.style ?? "")?.[1] ?? 0) : 0;
    levels.length = level && levels.length;
    if (!level) continue;
    const marks = [...line.querySelectorAll("span")].filter(({ dataset }) => /mso-list:\s*ignore/i.test(dataset.style));
    const name = /^[\s\u00a0]*[\da-z]+[.)、]/i.test(marks[0]?.textContent ?? "") ? "ol" : "ul";
    for (const mark of marks) mark.remove();
    for (let deep = 1; deep <= level; deep++) {
      if (levels[deep]) continue;
      levels[deep] = page.createElement(name);
      const outer = levels[deep - 1];
      if (outer) (outer.lastElementChild ?? outer.appendChild(page.createElement("li"))).append(levels[deep]);
      else line.before(levels[deep]);
    }
    levels.length = level + 1;
    levels[level].append(rename(line, "li"));
  }
}

// Google Docs puts an inner list beside the item that it belongs to.
function nestLists(page) {
  for (const list of [...page.querySelectorAll(":is(ul, ol) > :is(ul, ol)")]) {
    const item = list.previousElementSibling ?? page.createElement("li");
    if (!item.isConnected) list.before(item);
    item.append(list);
  }
}

// Word of the web writes headings as paragraphs with a role.
function readRoles(page) {
  for (const line of [...page.querySelectorAll("p[role=heading]")])
    rename(line, `h${Math.min(6, Math.max(1, Number(line.getAttribute("aria-level")) || 2))}`);
}

// A frame with a film becomes the address that shows it; any other frame a link to what it shows.
function readFrames(page) {
  for (const frame of [...page.querySelectorAll("iframe")]) {
    const [, youtube, vimeo] = FILM.exec(frame.getAttribute("src") ?? "") ?? [];
    const film = page.createElement("film-at");
    film.dataset.url = youtube ? `https://www.youtube.com/watch?v=${youtube}` : `https://vimeo.com/${vimeo}`;
    film.append("\u200b"); // Turndown drops what is empty
    youtube || vimeo ? frame.replaceWith(film) : frame.remove();
  }
}

// The title of a post is its only heading of the first level.
function lowerHeadings(page) {
  if (!page.querySelector("h1")) return;
  for (const heading of [...page.querySelectorAll("h1, h2, h3, h4, h5")])
    rename(heading, `h${Number(heading.nodeName[1]) + 1}`);
}

// A cell that goes over several columns or rows stands in each of them: Markdown knows no such cells.
function spreadCells(table) {
  for (const row of table.rows)
    for (const cell of row.cells) {
      const more = Math.min(cell.colSpan, COLUMNS_MAX) - 1;
      cell.removeAttribute("colspan");
      for (let n = 0; n < more; n++) cell.after(cell.cloneNode(true));
    }
  for (const row of table.rows)
    for (const cell of row.cells) {
      const below = cell.rowSpan === 1 ? null : table.rows[row.rowIndex + 1]; // 0: down to the end
      const copy = below?.insertBefore(cell.cloneNode(true), below.cells[cell.cellIndex] ?? null);
      if (copy) copy.rowSpan = Math.max(0, cell.rowSpan - 1);
      cell.removeAttribute("rowspan");
    }
  const width = Math.max(...[...table.rows].map((row) => row.cells.length));
  for (const row of table.rows) while (row.cells.length < width) row.insertCell();
}

function readTables(page) {
  for (const table of page.querySelectorAll("table")) {
    for (const cell of table.querySelectorAll("td, th")) {
      for (const block of [...cell.querySelectorAll("p, div")]) unwrap(block);
      for (const part of [...cell.querySelectorAll("br, ul, ol, li")]) part.replaceWith(" ", ...part.childNodes);
    }
    for (const column of [...table.querySelectorAll("colgroup, col, caption")]) column.remove();
    const [first] = table.rows;
    if (!first) continue;
    if (table.rows.length === 1 && first.cells.length === 1) {
      unwrap(first.cells[0]); // a frame around a text
      continue;
    }
    spreadCells(table);
    for (const cell of [...first.cells]) rename(cell, "th");
    table.createTHead().prepend(first);
  }
}

function clean(html) {
  const page = parsed(withoutStyles(html));
  for (const one of [...page.querySelectorAll("style, script, meta, link, title, xml, o\\:p, button, svg, noscript")]) {
    one.nodeName === "O:P" ? unwrap(one) : one.remove();
  }
  readRoles(page);
  readFrames(page);
  readWordLists(page);
  nestLists(page);
  readStyles(page);
  lowerHeadings(page);
  readTables(page);
  for (const link of page.querySelectorAll("a")) {
    if (!/^(https?:|mailto:)/i.test(link.getAttribute("href") ?? "") || !link.textContent.trim()) unwrap(link);
    else if (link.hostname === "www.google.com" && link.pathname === "/url") {
      link.href = new URL(link.href).searchParams.get("q") ?? link.href; // Docs leads links through Google
    }
  }
  for (const item of page.querySelectorAll("li > p:only-child")) unwrap(item);
  for (const line of [...page.querySelectorAll("p, h1, h2, h3, h4, h5, h6")]) {
    if (!line.textContent.replace(SPACING, "")) line.remove();
  }
  for (const line of [...page.querySelectorAll("body > br, body > b > br, div > br")]) line.remove();
  return page.body;
}

function markdownOf(body) {
  if (!body?.querySelector(TELLING)) return "";
  const text = service
    .turndown(body)
    .replaceAll("\u00a0", " ")
    .replace(/[ \t]+$/gm, "");
  return text.replace(/\n{3,}/g, "\n\n").trim();
}

// --- Putting it in ---

// Pictures stay on somebody else's server; what only counts readers is not missed.
function tellOfPictures(field, body) {
  const n = body?.querySelectorAll("img:not([width='0'], [width='1'], [height='0'], [height='1'])").length ?? 0;
  const say = wordsOf(document.getElementById("editor-parts"));
  stateOf(field).textContent = n ? say(n > 1 ? "LeftOut" : "LeftOutOne", { n }) : "";
}

function onPaste(field, event) {
  if (event.defaultPrevented || !event.clipboardData) return; // a picture, or the address of a link
  const html = event.clipboardData.getData("text/html");
  const plain = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n");
  if (!html || !plain.trim()) return;
  if (/\bdata-(?:vscode|pm-slice)\b|\bvscode-/i.test(html)) return; // source code, or Markdown of another editor
  const body = html.length > LONGEST ? null : clean(html);
  const text = markdownOf(body);
  tellOfPictures(field, body);
  if (!text || text === plain.trim()) return;
  event.preventDefault();
  const from = field.selectionStart;
  insert(field, plain);
  insert(field, text, from, from + plain.length);
}

for (const field of fields) field.addEventListener("paste", (event) => onPaste(field, event));
