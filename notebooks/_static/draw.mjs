// Draws: numbers as people write them, elements, and one chart for everything: axes, curves, dots, stems and words.

// ------------------------------------------------------------------------------------------------ words and numbers

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number as a person writes it: 3.5, 0.08, 4·10⁻⁵. */
export function written(value) {
  if (!Number.isFinite(value)) return "not finite";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 0.01 && size < 1e4) return String(Number(value.toPrecision(size >= 1 && size < 10 ? 3 : 2)));
  const [digits, exponent] = value.toExponential(0).split("e");
  const raised = [...String(Math.abs(Number(exponent)))].map((digit) => SUPERSCRIPTS[digit]).join("");
  return `${digits}·10${Number(exponent) < 0 ? "⁻" : ""}${raised}`;
}

export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** A number on an axis: as it is where it is short, with a power of ten where it is not. */
function tickText(value) {
  const size = Math.abs(value);
  return value === 0 || (size >= 0.001 && size < 1e5) ? String(value) : written(value).replace(/^(-?)1·/, "$1");
}

export const whole = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
/** A coordinate for a path: SVG knows neither NaN nor infinity, and draws what is far outside slowly. */
export const pixel = (value) => (Number.isFinite(value) ? clamp(value, -1e4, 1e4) : value > 0 ? 1e4 : -1e4).toFixed(1);

// ------------------------------------------------------------------------------------------------ elements

/** Gives a node attributes (null takes one away) and, for names that begin with "on", listeners. */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value, { passive: false });
    else if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

export function element(tag, attributes = {}, ...children) {
  const node = set(document.createElement(tag), attributes);
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function drawing(tag, attributes = {}, ...children) {
  const node = set(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
  node.append(...children);
  return node;
}

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", class: "fm-button", onclick, ...attributes }, text);
}

let identifiers = 0;
export const identifier = (stem) => `fm-${stem}-${(identifiers += 1)}`;

/** An entry of a legend: a swatch, words, and a number that stands out. */
export function key(className, text, value = "", method = null) {
  const number = value === "" ? null : element("b", {}, value);
  const swatch = element("i", { "aria-hidden": "true" });
  return element("span", { class: `fm-key ${className}`, "data-method": method }, swatch, text, number);
}

// ------------------------------------------------------------------------------------------------ axes

/** What a value is before it is scaled. */
const SCALES = { linear: Number, root: Math.sqrt, log: (value) => Math.log10(Math.max(Math.abs(value), 1e-300)) };

/** Powers of ten between two values, at most six of them. */
function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / 6));
  return whole(first, last).filter((power) => (last - power) % every === 0).map((power) => 10 ** power);
}

/** About four round values from low to high, in steps of 1, 2 or 5 times a power of ten; never more than eight. */
function roundTicks(low, high) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = power * [1, 2, 5, 10].find((factor) => span / (factor * power) <= 4.8);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  if (!(last - first < 8)) return [low, high]; // no step is left between neighbouring numbers
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The marks of an axis with their texts: those that it names, else round ones. */
function ticksOf({ low, high, scale, ticks, text = tickText }) {
  const values = ticks ?? (scale === "log" ? decades : roundTicks)(low, high);
  return values.map((value) => [value, text(value)]);
}

// ------------------------------------------------------------------------------------------------ a chart

const joined = (xs, ys) => xs.map((x, i) => `${i ? "L" : "M"}${x} ${ys[i]}`).join("");
/** How a layer becomes a path; a line of no length with round caps is a dot. */
const PATHS = {
  curve: joined,
  dots: (xs, ys) => xs.map((x, i) => `M${x} ${ys[i]}h0`).join(""),
  stems: (xs, ys, feet) => xs.map((x, i) => `M${x} ${feet[i]}V${ys[i]}`).join(""),
  rings: (xs, ys) => xs.map((x, i) => `M${Number(x) - 6} ${ys[i]}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`).join(""),
};

/**
 * An SVG with two axes that follows the width of its place. `show` says all that is to be seen:
 *
 * - x, y: axes { low, high, scale = "linear" | "log" | "root", ticks, text, name, pad };
 * - layers: paths { kind = "curve", x, y, feet, className, method }, from the back to the front;
 * - words: { at: [x, y], text, className, method, end } beside their marks.
 */
export class Chart {
  constructor({ label, height = 240, role = "img" }) {
    Object.assign(this, { height, right: 14, bottom: 36, width: 0, left: 40, top: 12 });
    const clip = identifier("clip");
    this.frame = drawing("rect");
    this.axes = drawing("g", { class: "fm-axes", "aria-hidden": "true" });
    this.marks = drawing("g", { "clip-path": `url(#${clip})` });
    this.words = drawing("g", { "aria-hidden": "true" });
    this.over = drawing("g");
    this.svg = drawing("svg", { class: "fm-plot", role, "aria-label": label, height },
      drawing("clipPath", { id: clip }, this.frame), this.axes, this.marks, this.words, this.over);
    this.box = element("div", { class: "fm-plot-box" }, this.svg);
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  set label(text) { this.svg.setAttribute("aria-label", text); }

  resize() {
    const width = Math.floor(this.box.clientWidth);
    if (width < 40 || width === this.width) return;
    this.width = width;
    set(this.svg, { viewBox: `0 0 ${width} ${this.height}`, width });
    if (this.shown) this.show(this.shown);
  }

  get innerWidth() { return this.width - this.left - this.right; }
  get innerHeight() { return this.height - this.top - this.bottom; }
  get floor() { return this.height - this.bottom; }

  show(shown) {
    this.shown = shown;
    if (!this.width) return;
    const { x, y, layers, words = [] } = shown;
    const yTicks = ticksOf(y);
    this.left = Math.max(40, 10 + 7 * Math.max(...yTicks.map(([, text]) => text.length)));
    this.top = y.name ? 26 : 12;
    this.x = scaled(x, this.left + (x.pad ?? 0), this.innerWidth - 2 * (x.pad ?? 0));
    this.y = scaled(y, this.floor, -this.innerHeight);
    this.#axes(x, y, yTicks);
    layers.forEach((layer, i) => this.#layer(layer, this.marks.children[i] ?? this.marks.appendChild(drawing("path"))));
    while (this.marks.children.length > layers.length) this.marks.lastChild.remove();
    this.#words(words);
    this.placed?.();
  }

  #layer({ kind = "curve", x, y, feet, className, method }, node) {
    const [xs, ys] = [Array.from(x, (value) => pixel(this.x(value))), Array.from(y, (value) => pixel(this.y(value)))];
    const starts = feet && Array.from(feet, (value) => pixel(this.y(value)));
    set(node, { class: className, "data-method": method, d: PATHS[kind](xs, ys, starts) });
  }

  /** Draws both axes, if they are not there already. */
  #axes(x, y, yTicks) {
    const { left, floor } = this;
    const right = this.width - this.right;
    const xTicks = ticksOf(x).map(([value, text]) => [this.x(value), text]);
    const standing = JSON.stringify([xTicks, yTicks, x.name, y, right]);
    if (standing === this.standing) return;
    this.standing = standing;
    set(this.frame, { x: left, y: this.top, width: Math.max(0, right - left), height: this.innerHeight });
    const parts = [drawing("path", { class: "fm-axis", d: `M${left} ${floor}H${right}` })];
    const write = (className, px, py, anchor, text) =>
      parts.push(drawing("text", { class: className, x: px, y: py, "text-anchor": anchor }, text));
    let free = -Infinity;
    for (const [at, text] of xTicks) {
      const half = 3.5 * text.length;
      parts.push(drawing("path", { class: "fm-axis", d: `M${pixel(at)} ${floor}v4` }));
      if (at - half < free) continue; // its text would touch the one before
      free = at + half + 6;
      write("fm-tick", pixel(at), floor + 16, "middle", text);
    }
    for (const [value, text] of yTicks) {
      const at = this.y(value);
      parts.push(drawing("path", { class: "fm-grid", d: `M${left} ${pixel(at)}H${right}` }));
      write("fm-tick", left - 6, pixel(at + 4), "end", text);
    }
    write("fm-label", right, this.height - 3, "end", x.name);
    if (y.name) write("fm-label", 2, 12, "start", y.name);
    this.axes.replaceChildren(...parts);
  }

  /** Words above or below their marks, farther where others stand already, and never outside. */
  #words(words) {
    const taken = [];
    this.words.replaceChildren(...words.map(({ at, text, className, method, end }) => {
      const [x, y] = [this.x(at[0]), this.y(at[1])];
      const width = 7 * text.length;
      const left = clamp(end ? x - width : x, this.left, this.width - this.right - width);
      const free = (row) => row > this.top && row < this.floor - 4 && taken.every((other) =>
        Math.abs(other.row - row) > 13 || other.left > left + width || left > other.left + other.width);
      const rows = [-8, -22, 17, -36, 31, -50, 45, 59].map((far) => y + far);
      const row = rows.find(free) ?? y - 8;
      taken.push({ row, left, width });
      const place = { x: pixel(end ? left + width : left), y: pixel(row), "text-anchor": end ? "end" : "start" };
      return drawing("text", { class: className, "data-method": method, ...place }, text);
    }));
  }
}

/** A function from values of an axis to pixels. What lies far outside stays near; on a log axis, at its end. */
function scaled({ low, high, scale = "linear" }, start, length) {
  const transformed = SCALES[scale];
  const [first, last] = [transformed(low), transformed(high)];
  const [least, most] = scale === "log" ? [0, 1] : [-3, 4];
  return (value) => start + length * clamp((transformed(value) - first) / (last - first || 1), least, most);
}

/** The layers of a spectrum: a stem and a head for each value; true features before their aliases before all others. */
export function spectrum({ values, feet, support, aliases, method }) {
  const kinds = { "": [], "fm-alias": [], "fm-true": [] };
  values.forEach((_, j) => kinds[support.includes(j) ? "fm-true" : aliases.has(j) ? "fm-alias" : ""].push(j));
  return Object.entries(kinds).flatMap(([kind, members]) => {
    const layer = { x: members, y: members.map((j) => values[j]), feet: members.map((j) => feet[j]), method };
    return [{ ...layer, kind: "stems", className: `fm-stem ${kind}` }, { ...layer, kind: "dots", className: `fm-head ${kind}` }];
  });
}
