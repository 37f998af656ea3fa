// What pages of text need of a script: blocks that scroll by keyboard, pictures that open larger, figures that wake late.
(() => {
  "use strict";

  // Blocks that are wider than the page scroll sideways. Those that do get a tab stop, so that the arrow keys scroll
  // them as well; browsers differ in giving them one by themselves. A folded block is measured when it opens.
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll("article pre, article div.math, article .table-wrapper").forEach((block) => sizes.observe(block));

  // A picture links to its file. Here it opens above the page instead; a tap or Escape closes it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.image-reference");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const dialog = document.createElement("dialog");
    dialog.className = "book-large";
    dialog.setAttribute("aria-label", "The figure, enlarged. Escape closes it.");
    dialog.append(link.querySelector("img").cloneNode());
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });

  // The live figures' script waits until one of them is near, or a link means one: most of a page is read without it.
  const waiting = document.getElementById("figures");
  const figures = [...document.querySelectorAll("figure[data-explorer]")];
  function wake() {
    if (!waiting?.isConnected) return;
    const script = document.createElement("script");
    script.src = waiting.src;
    waiting.replaceWith(script);
  }
  function wakeIfMeant() {
    if (figures.some((figure) => location.hash.slice(1).split("?")[0] === figure.id)) wake();
  }
  const watcher = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) wake();
  }, { rootMargin: "100% 0px" });
  figures.forEach((figure) => watcher.observe(figure));
  window.addEventListener("hashchange", wakeIfMeant);
  window.addEventListener("wake", () => {
    document.body.dataset.awake = "all";
    wake();
  });
  wakeIfMeant();
})();
