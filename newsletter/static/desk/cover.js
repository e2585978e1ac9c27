// The cover of a post: pictures of the text join the choice as they are typed or put in, any other comes from the library
// (pictures.js). Without JavaScript the pictures that the server offers are radio buttons all the same.

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

function watch() {
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

if (place) watch();
