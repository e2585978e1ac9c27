// “Select all” and “Clear selection” above a list hide when they are pressed, and the focus would be lost with them: it goes on
// to the one that comes instead, or to the box that ticks the page. The stock admin's own script has done its work by then.

const actions = document.querySelector("#changelist .actions");

actions?.addEventListener("click", ({ target }) => {
  if (!target.closest(".question, .clear")) return;
  const other = actions.querySelector(".clear:not(.hidden) a");
  (other ?? document.getElementById("action-toggle")).focus({ preventScroll: true });
});
