// Two texts of one row: what stands on this page, and what was saved elsewhere meanwhile. The author chooses, place by place.
// Of a place in a text they may also write a third. What was changed in one place only is taken from there, by paragraphs and within them by sentences; where nothing else
// differs, nobody is asked. Nothing that both changed is chosen for anybody.
// saving.js asks by an event of the dialog, whose words are in templates/admin/posts/_comparing.html.

const dialog = document.getElementById("comparing");
const PAIRS_MAX = 4_000_000; // lines here × lines there, beyond which what differs is one place
const RESULT_ROWS = 8; // of the field for what both become, at most
const language = document.documentElement.lang;

const say = (name, values = {}) =>
  Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), dialog.dataset[`say${name}`]);
const clock = (at) =>
  new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

// --- What differs ---

// Return how many lines both have in common from each line on: the table of the longest common subsequence.
function table(mine, theirs) {
  const width = theirs.length + 1;
  const common = new Uint32Array((mine.length + 1) * width);
  for (let one = mine.length - 1; one >= 0; one--) {
    for (let other = theirs.length - 1; other >= 0; other--) {
      const [below, beside] = [common[(one + 1) * width + other], common[one * width + other + 1]];
      common[one * width + other] =
        mine[one] === theirs[other] ? common[(one + 1) * width + other + 1] + 1 : Math.max(below, beside);
    }
  }
  return (one, other) => common[one * width + other];
}

// Return the pieces of two lists in their order: {same} or {mine, theirs}, each a list, with the `line` of mine.
function pieces(mine, theirs) {
  let head = 0;
  while (head < mine.length && head < theirs.length && mine[head] === theirs[head]) head++;
  let tail = 0;
  const rest = () => Math.min(mine.length, theirs.length) - head - tail;
  while (rest() > 0 && mine.at(-1 - tail) === theirs.at(-1 - tail)) tail++;
  const found = head ? [{ same: mine.slice(0, head) }] : [];
  found.push(...middle(mine.slice(head, mine.length - tail), theirs.slice(head, theirs.length - tail), head + 1));
  if (tail) found.push({ same: mine.slice(mine.length - tail) });
  return found;
}

function middle(mine, theirs, line) {
  if (mine.length * theirs.length > PAIRS_MAX) return [{ mine, theirs, line }];
  const common = table(mine, theirs);
  const found = [];
  const last = (kind) => {
    if (!found.length || (kind === "same") !== "same" in found.at(-1)) {
      found.push(kind === "same" ? { same: [] } : { mine: [], theirs: [], line: line + one });
    }
    return found.at(-1);
  };
  let [one, other] = [0, 0];
  while (one < mine.length || other < theirs.length) {
    if (one < mine.length && other < theirs.length && mine[one] === theirs[other]) {
      last("same").same.push(mine[one++]);
      other++;
    } else if (other >= theirs.length || (one < mine.length && common(one + 1, other) >= common(one, other + 1))) {
      last("other").mine.push(mine[one++]);
    } else last("other").theirs.push(theirs[other++]);
  }
  return found;
}

// --- What both have changed ---

const sentencesOf = (text) => text.split(/(?<=[。！？!?\n])/);

// Return what another list has in place of parts of `base`: [{from, to, list}], by places in `base`.
function changes(base, other) {
  let place = 0;
  const found = [];
  for (const piece of pieces(base, other)) {
    const length = (piece.same ?? piece.mine).length;
    if (!piece.same) found.push({ from: place, to: place + length, list: piece.theirs });
    place += length;
  }
  return found;
}

// Something put in where the other side has changed what stands before or behind it belongs to that change.
const touch = (one, other) => one.from <= other.to && other.from <= one.to;
const isPutIn = ({ from, to }) => from === to;
const meet = (one, other) =>
  (one.from < other.to && other.from < one.to) || ((isPutIn(one) || isPutIn(other)) && touch(one, other));

// Return a list of changes that meet, from both sides: [{from, to, mine, theirs}].
function groups(mine, theirs) {
  const sides = [
    ...mine.map((one) => ({ ...one, side: "mine" })),
    ...theirs.map((one) => ({ ...one, side: "theirs" })),
  ];
  const found = [];
  for (const one of sides.sort((a, b) => a.from - b.from || a.to - b.to)) {
    const last = found.at(-1);
    if (!last || !meet(last, one)) found.push({ from: one.from, to: one.to, mine: [], theirs: [] });
    found.at(-1).to = Math.max(found.at(-1).to, one.to);
    found.at(-1)[one.side].push(one);
  }
  return found;
}

function applied(base, { from, to }, side) {
  const list = [];
  let place = from;
  for (const change of side) {
    list.push(...base.slice(place, change.from), ...change.list);
    place = change.to;
  }
  return [...list, ...base.slice(place, to)];
}

// Return the pieces of two lists that were made of one `base`: those that only one side has changed are {same} as well.
function merged(base, mine, theirs) {
  const found = [];
  let place = 0;
  let line = 1;
  const add = (piece) => {
    found.push(piece);
    line += (piece.same ?? piece.mine).length;
  };
  for (const group of groups(changes(base, mine), changes(base, theirs))) {
    add({ same: base.slice(place, group.from) });
    const [here, there] = [applied(base, group, group.mine), applied(base, group, group.theirs)];
    if (!group.theirs.length || here.join("\n") === there.join("\n")) add({ same: here });
    else if (!group.mine.length) add({ same: there });
    else add({ base: base.slice(group.from, group.to), mine: here, theirs: there, line });
    place = group.to;
  }
  add({ same: base.slice(place) });
  return found;
}

// The same of texts: by lines, and where both have changed one of them, by its sentences.
function mergedTexts(base, mine, theirs) {
  return merged(...[base, mine, theirs].map((text) => text.split("\n"))).map((piece) => {
    if (piece.same) return piece;
    const finer = merged(...[piece.base, piece.mine, piece.theirs].map((lines) => sentencesOf(lines.join("\n"))));
    if (finer.some((one) => one.mine)) return piece;
    return {
      same: finer
        .flatMap((one) => one.same)
        .join("")
        .split("\n"),
    };
  });
}

// --- How it looks ---

function mark(place, text, other) {
  if (!text.trim()) return place.append(Object.assign(document.createElement("em"), { textContent: say("Empty") }));
  const [one, two] = [[...text], [...other]];
  let head = 0;
  while (head < one.length && one[head] === two[head]) head++;
  let tail = 0;
  while (tail < one.length - head && tail < two.length - head && one.at(-1 - tail) === two.at(-1 - tail)) tail++;
  const own = one.slice(head, one.length - tail).join("");
  place.append(one.slice(0, head).join(""));
  if (own) place.append(Object.assign(document.createElement("mark"), { textContent: own }));
  place.append(one.slice(one.length - tail).join(""));
}

function card(place, index, at) {
  const one = dialog.querySelector("template").content.firstElementChild.cloneNode(true);
  one.querySelector("legend").textContent = place.line
    ? say("Line", { label: place.label, n: place.line })
    : place.label;
  const [mine, theirs] = one.querySelectorAll(".difference-text");
  mark(mine, place.mineShown, place.theirsShown);
  mark(theirs, place.theirsShown, place.mineShown);
  one.querySelectorAll(".difference-head span")[1].textContent = say("Saved", { time: clock(at) });
  for (const radio of one.querySelectorAll("input")) radio.name = `difference-${index}`;
  const result = one.querySelector("textarea");
  result.readOnly = !place.mine; // a choice among values is not typed
  result.setAttribute("aria-label", say("Result", { label: one.querySelector("legend").textContent }));
  result.rows = Math.min(RESULT_ROWS, 2 + Math.max(place.mine?.length ?? 0, place.theirs?.length ?? 0));
  const choose = (chosen, part) => {
    place.chosen = chosen;
    place.own = chosen === "own" ? result.value.split("\n") : null;
    one.querySelectorAll(".difference-one").forEach((some) => some.classList.toggle("is-chosen", some.contains(part)));
  };
  one.addEventListener("change", ({ target }) => {
    if (target === result) return;
    result.value = target.value === "mine" ? place.mineShown : place.theirsShown;
    choose(target.value, target);
  });
  result.addEventListener("input", () => {
    for (const radio of one.querySelectorAll("input")) radio.checked = false;
    choose("own", result);
  });
  return one;
}

// --- Asking ---

// Return the places where both have changed, what each field becomes, and the labels of what is taken from there.
function sorted({ mine, theirs, base }) {
  const [places, results, taken] = [[], {}, []];
  for (const [name, here] of Object.entries(mine)) {
    const there = theirs[name];
    if (!there || here.value === there.value || base?.[name]?.value === there.value) continue;
    if (base && base[name]?.value === here.value) {
      results[name] = () => there.value;
      taken.push(here.label);
    } else if (here.isText) {
      const all = base?.[name]
        ? mergedTexts(base[name].value, here.value, there.value)
        : pieces(here.value.split("\n"), there.value.split("\n"));
      const differing = all.filter((piece) => piece.mine);
      for (const piece of differing) {
        Object.assign(piece, {
          label: here.label,
          mineShown: piece.mine.join("\n"),
          theirsShown: piece.theirs.join("\n"),
        });
      }
      places.push(...differing);
      results[name] = () => all.flatMap((piece) => piece.same ?? piece.own ?? piece[piece.chosen]).join("\n");
    } else {
      const place = { label: here.label, mineShown: here.shown, theirsShown: there.shown };
      places.push(place);
      results[name] = () => (place.chosen === "mine" ? here : there).value;
    }
  }
  return { places, results, taken };
}

function ask({ detail }) {
  const { places, results, taken } = sorted(detail);
  if (detail.rows) taken.push(detail.rows);
  const values = () => Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value()]));
  if (!places.length && !detail.rows && !detail.areRowsTaken) {
    const isMerged = taken.length > 0 || Object.keys(results).length > 0;
    return detail.use(values(), isMerged);
  }
  if (detail.isAuto) return; // nobody is asked while they write: the bar says it
  const list = dialog.querySelector(".comparing-list");
  const use = dialog.querySelector("[data-use]");
  const show = () => {
    const chosen = places.filter((place) => place.chosen).length;
    use.disabled = chosen < places.length;
    dialog.querySelector(".comparing-count").textContent = places.length
      ? say("Count", { chosen, all: places.length })
      : "";
  };
  list.replaceChildren(...places.map((place, index) => card(place, index, detail.at)));
  dialog.querySelector(".comparing-when").textContent = say("When", { time: clock(detail.at) });
  tell(".comparing-taken", taken.length && say("Taken", { names: [...new Set(taken)].join("、") }));
  tell(".comparing-rows", detail.areRowsTaken && say("Rows"));
  dialog.querySelector(".comparing-all").hidden = places.length < 2;
  list.onchange = list.oninput = show;
  dialog.onclick = ({ target }) => {
    if (target.matches("[data-all]"))
      list.querySelectorAll(`input[value=${target.dataset.all}]`).forEach((radio) => radio.click());
    else if (target.matches("[data-later]")) dialog.close();
    else if (target.matches("[data-use]")) {
      dialog.close();
      detail.use(values());
    }
  };
  show();
  dialog.showModal();
  dialog.scrollTop = 0;
}

function tell(place, text) {
  const paragraph = dialog.querySelector(place);
  paragraph.hidden = !text;
  paragraph.textContent = text || "";
}

dialog?.addEventListener("desk:compare", ask);
