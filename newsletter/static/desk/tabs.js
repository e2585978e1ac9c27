// On a phone the pages beside this one stand in one line that the thumb moves: begin where this page is.

const here = document.querySelector(".tabs [aria-current]");
here?.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
