// Refreshes the marked part of the page in place; without JavaScript the page is the same, only still.
"use strict";
const part = document.querySelector("[data-refresh]");
if (part) {
  const again = async () => {
    if (document.visibilityState === "visible" && !part.contains(document.activeElement)) {
      try {
        const response = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (response.ok && !response.redirected) {
          const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-refresh]");
          if (fresh) part.innerHTML = fresh.innerHTML;
        }
      } catch { /* the gateway restarts; the next round finds it */ }
    }
    setTimeout(again, Number(part.dataset.refresh) * 1000);
  };
  setTimeout(again, Number(part.dataset.refresh) * 1000);
}
