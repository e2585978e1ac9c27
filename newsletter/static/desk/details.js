// What belongs to a post beside its text: cover, publication time, summary. Without JavaScript all of it are ordinary fields.

// --- The cover: pictures of the text join the choice as they are put in, any other comes from the library (pictures.js) ---

const place = document.querySelector("[data-cover]");
const text = document.getElementById("id_body");
const ADDRESS = /!\[((?:\\.|[^\]\\])*)\]\((\/media\/([0-9a-f]{16})\/[^\s)]+)/g;
const PAUSE = 600; // milliseconds of rest before the text is looked through

const radios = () => [...place.querySelectorAll("input[type=radio]")];
const digestOf = (url) => /^\/media\/([0-9a-f]{16})\//.exec(url)?.[1];

function preview() {
  const shown = place.querySelector(".cover-shown");
  const url = radios().find((radio) => radio.checked)?.dataset.url;
  if (!url) return void (shown.textContent = place.dataset.sayNone);
  shown.replaceChildren(Object.assign(document.createElement("img"), { src: url, alt: "" }));
}

// Return the radio button of a picture, which is made if there is none.
function radioOf({ url, alt, thumbnail = url }) {
  const digest = digestOf(url);
  const known = radios().find((radio) => radio.value === digest);
  if (known) return known;
  const label = Object.assign(document.createElement("label"), { className: "cover-choice" });
  const radio = Object.assign(document.createElement("input"), {
    type: "radio",
    name: place.dataset.cover,
    value: digest,
  });
  radio.dataset.url = url;
  label.append(radio, Object.assign(document.createElement("img"), { src: thumbnail, alt }));
  place.querySelector(".cover-choice").after(label);
  return radio;
}

function lookThroughText() {
  for (const [, alt, url] of text.value.matchAll(ADDRESS)) radioOf({ url, alt: alt.replace(/\\(.)/g, "$1") });
}

function watchCover() {
  let timer;
  text?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(lookThroughText, PAUSE);
  });
  place.addEventListener("change", preview);
  const button = place.querySelector("[data-cover-other]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const use = (picture) => {
      const radio = radioOf(picture);
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    };
    const detail = { use, close: () => button.focus() };
    document.getElementById("pictures").dispatchEvent(new CustomEvent("desk:pick", { detail }));
  });
  addEventListener("pageshow", preview); // browsers put back what was chosen before a reload
}

// --- The time: whoever types one means it ---

function watchRelease() {
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-release] [type=datetime-local]") || !target.value) return;
    target.closest("[data-release]").querySelector("[value=at]").checked = true;
  });
}

// --- The summary: how much of it search results show. A Han character is as wide as two letters. ---

const widthOf = (text) => [...text].reduce((sum, one) => sum + (one.codePointAt(0) < 0x1100 ? 0.5 : 1), 0);

function gauge(field) {
  const words = document.querySelector("[data-say-shown]").dataset;
  const shown = Number(field.dataset.gauge);
  const meter = Object.assign(document.createElement("meter"), { min: 0, max: shown });
  const output = Object.assign(document.createElement("output"), { className: "length", htmlFor: field.id });
  meter.setAttribute("aria-hidden", "true"); // the words say the same
  const show = () => {
    const width = Math.ceil(widthOf(field.value.trim()));
    meter.value = width;
    meter.classList.toggle("is-off", width > shown);
    output.classList.toggle("is-off", width > shown);
    const say = !width ? words.sayEmpty : width > shown ? words.sayCut : words.sayShown;
    output.textContent = say.replace("{n}", width).replace("{shown}", shown);
  };
  field.after(meter, output);
  field.addEventListener("input", show);
  show();
}

if (place) watchCover();
watchRelease();
for (const field of document.querySelectorAll("[data-gauge]")) gauge(field);
