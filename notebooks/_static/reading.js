// Blocks of code, equations and tables that are wider than the page scroll sideways. Those that do get a tab stop, so
// that the arrow keys scroll them as well; browsers differ in giving them one by themselves.
(() => {
  "use strict";
  const wide = () => document.querySelectorAll("article pre, article div.math, article div.table-wrapper");
  function update() {
    for (const block of wide()) {
      if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
      else block.removeAttribute("tabindex");
    }
  }
  window.addEventListener("load", update);
  window.addEventListener("resize", update);
  document.addEventListener("toggle", update, true); // a folded block is measured when it opens
})();
