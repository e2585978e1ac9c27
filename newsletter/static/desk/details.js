// What belongs to a post beside its text: cover and summary. Without JavaScript all of it are ordinary fields.

import { element, rested, widthOf } from "./field.js";

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
  shown.replaceChildren(element("img", { src: url, alt: "" }));
}

// Return the radio button of a picture, which is made if there is none.
function radioOf({ url, alt, thumbnail = url }) {
  const digest = digestOf(url);
  const known = radios().find((radio) => radio.value === digest);
  if (known) return known;
  const radio = element("input", { type: "radio", name: place.dataset.cover, value: digest });
  radio.dataset.url = url;
  const picture = element("img", { src: thumbnail, alt });
  place.querySelector(".cover-choice").after(element("label", { className: "cover-choice" }, radio, picture));
  return radio;
}

function lookThroughText() {
  for (const [, alt, url] of text.value.matchAll(ADDRESS)) radioOf({ url, alt: alt.replace(/\\(.)/g, "$1") });
}

function watchCover() {
  text?.addEventListener("input", rested(PAUSE, lookThroughText));
  place.addEventListener("change", preview);
  const button = place.querySelector("[data-cover-other]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const detail = { use: (picture) => radioOf(picture).click(), close: () => button.focus() };
    document.getElementById("pictures").dispatchEvent(new CustomEvent("desk:pick", { detail }));
  });
  addEventListener("pageshow", preview); // browsers put back what was chosen before a reload
}

// --- The summary: how much of it search results show ---

function gauge(field) {
  const words = document.querySelector("[data-say-shown]").dataset;
  const shown = Number(field.dataset.gauge);
  const meter = element("meter", { min: 0, max: shown, ariaHidden: "true" }); // the words say the same
  const output = element("output", { className: "length", htmlFor: field.id });
  const show = () => {
    const width = widthOf(field.value);
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
for (const field of document.querySelectorAll("[data-gauge]")) gauge(field);
