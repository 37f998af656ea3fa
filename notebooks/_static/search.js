// Search: chapters first, then the pages around them; what is shown are sentences. BOOK stands in sentences.js.
(() => {
  "use strict";
  const stem = (word) => word.toLowerCase().replace(/(ings?|ed|es|s)$/, "");
  const words = (text) => (text.match(/[\p{L}\p{N}]+/gu) ?? []).map(stem);
  const add = (parent, tag, text) => parent.appendChild(Object.assign(document.createElement(tag), { textContent: text }));

  /** How often a text has words that begin as the asked ones; 0 if one of them is missing. */
  function count(asked, text) {
    const there = words(text);
    const counts = asked.map((word) => there.filter((other) => other.startsWith(word)).length);
    return Math.min(...counts) && counts.reduce((sum, each) => sum + each, 0);
  }

  /** A page's worth: words of its title weigh most, then those of its headings, then how much of its text speaks of them. */
  function judge(asked, { page, chapter, sections }) {
    const hits = sections.flatMap(({ title, anchor, sentences }) =>
      sentences.filter((sentence) => count(asked, sentence)).map((sentence) => ({ anchor, title, sentence })));
    const title = count(asked, `${sections[0].title} ${page}`) ? 1000 : 0;
    const headings = sections.slice(1).filter((section) => count(asked, section.title)).length;
    const opening = { ...sections[0], sentence: sections[0].sentences.slice(0, 2).join(" ") };
    const worth = title + 20 * headings + hits.length;
    return { page, title: sections[0].title, hits: hits.length ? hits : [opening], worth: worth && worth + (chapter ? 500 : 0) };
  }

  function marked(paragraph, asked, sentence) {
    for (const part of sentence.split(/([\p{L}\p{N}]+)/u)) {
      const found = asked.some((word) => stem(part).startsWith(word));
      add(paragraph, found && part ? "mark" : "span", part);
    }
  }

  function show(asked) {
    const found = BOOK.map((page) => judge(asked, page)).filter(({ worth }) => worth).sort((a, b) => b.worth - a.worth);
    const place = document.getElementById("search-results");
    add(place, "p", found.length ? `${found.length} pages.` : "No page has all of these words.");
    const list = add(place, "ul", "");
    list.className = "book-found";
    for (const { page, title, hits } of found) {
      const item = add(list, "li", "");
      add(item, "a", title).href = page;
      for (const { anchor, title: section, sentence } of hits.slice(0, 3)) {
        const paragraph = add(item, "p", "");
        marked(paragraph, asked, `${sentence} `);
        if (section !== title) add(paragraph, "a", section).href = `${page}#${anchor}`;
      }
    }
  }

  const query = new URLSearchParams(location.search).get("q") ?? "";
  document.querySelector("main input[name=q], article input[name=q]")?.setAttribute("value", query);
  if (words(query).length) show(words(query));
})();
