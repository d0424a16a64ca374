// What htmx does not do by itself: keep what a person opened or holds over a live change, ask before what cannot be
// taken back, and say to a screen reader what happened. Without JavaScript every page works, only still.
"use strict";
let open = new Set();
const name = (details) => details.closest("[id]")?.id + "/" + [...details.closest("[id]").querySelectorAll("details")].indexOf(details);

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const part = event.target;
  const selection = document.getSelection();
  // Nobody reads from under a moving page: while something in it has the focus or is being selected, it stands still.
  if (part.contains(document.activeElement) || (selection && !selection.isCollapsed && part.contains(selection.anchorNode))) {
    event.preventDefault();
    return;
  }
  open = new Set([...part.querySelectorAll("details[open]")].map(name));
});
document.addEventListener("htmx:sseMessage", (event) => {
  for (const details of event.target.querySelectorAll("details")) if (open.has(name(details))) details.open = true;
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
}, true);
document.addEventListener("htmx:afterSwap", (event) => {
  const told = event.target.querySelector?.("[data-tell]");
  if (told) document.getElementById("announcer").textContent = told.dataset.tell;
});
