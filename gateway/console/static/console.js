// What htmx does not do: keep opened details open across a live update, ask before a change that cannot be undone, and
// announce results to screen readers. Every page works without JavaScript, but does not update itself.
"use strict";
let openDetails = new Set();
const detailsKey = (details) => details.closest("[id]")?.id + "/" + [...details.closest("[id]").querySelectorAll("details")].indexOf(details);

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const region = event.target;
  const selection = document.getSelection();
  // Do not replace what the user reads: skip the update while an element in it has the focus or a selection.
  if (region.contains(document.activeElement) || (selection && !selection.isCollapsed && region.contains(selection.anchorNode))) {
    event.preventDefault();
    return;
  }
  openDetails = new Set([...region.querySelectorAll("details[open]")].map(detailsKey));
});
document.addEventListener("htmx:sseMessage", (event) => {
  for (const details of event.target.querySelectorAll("details")) if (openDetails.has(detailsKey(details))) details.open = true;
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
}, true);
document.addEventListener("htmx:afterSwap", (event) => {
  const announcement = event.target.querySelector?.("[data-announce]");
  if (announcement) document.getElementById("announcer").textContent = announcement.dataset.announce;
});
