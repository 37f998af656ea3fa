// The explorers of the published pages: figures that a visitor can train, drag and take apart, with no kernel.
//
// A page holds a plain figure, <figure data-explorer="train">; this script puts the live one in the place of its
// picture. The build wraps this file and engine.mjs into one classic script, because browsers refuse to import modules
// from file://. `makeEngine` is the function that the wrapper puts around engine.mjs; a worker is started from it.

import {
  Random, aliasClasses, aliasedMinNorm, denseTable, designOf, drawCoefficients, featureName, fourierFeatures, gradientDescent,
  interpolator, jointDescent, minNorm, observe, predict, risk,
} from "./engine.mjs";
import { initialWeights, serve, Trainer } from "./training.mjs";

// ------------------------------------------------------------------------------------------------ words and numbers

const METHOD_NAMES = { maml: "MAML", fomaml: "First-order MAML", reptile: "Reptile", none: "nothing" };
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number as a person writes it: 3.5, 0.08, 4·10⁻⁵. */
function written(value) {
  if (!Number.isFinite(value)) return "not finite";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 0.01 && size < 1e4) return String(Number(value.toPrecision(size >= 1 && size < 10 ? 3 : 2)));
  const [digits, exponent] = value.toExponential(0).split("e");
  const raised = [...String(Math.abs(Number(exponent)))].map((digit) => SUPERSCRIPTS[digit]).join("");
  return `${digits}·10${Number(exponent) < 0 ? "⁻" : ""}${raised}`;
}

function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** A number on an axis: as it is where it is short, with a power of ten where it is not. */
const tickText = (value) => (value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 1e5) ? String(value) : written(value));
/** A coordinate for a path: SVG knows neither NaN nor infinity, and draws what is far outside slowly. */
const pixel = (value) => (Number.isFinite(value) ? clamp(value, -1e4, 1e4) : value > 0 ? 1e4 : -1e4).toFixed(1);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

// ------------------------------------------------------------------------------------------------ elements

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value, { passive: false });
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

let identifiers = 0;
const identifier = (stem) => `fm-${stem}-${(identifiers += 1)}`;

// ------------------------------------------------------------------------------------------------ a plot

/** An SVG with two axes that follows the width of its place. Subclasses say in `place` where their marks go. */
class Plot {
  constructor({ height, left = 44, right = 10, top = 10, bottom = 36, label, role = "img" }) {
    Object.assign(this, { height, left, right, top, bottom, width: 0 });
    this.clip = identifier("clip");
    this.frame = drawing("rect", {});
    this.axes = drawing("g", { class: "fm-axes", "aria-hidden": "true" });
    this.marks = drawing("g", { "clip-path": `url(#${this.clip})` });
    this.over = drawing("g", {});
    this.svg = drawing("svg", { class: "fm-plot", role, "aria-label": label, height },
      drawing("clipPath", { id: this.clip }, this.frame), this.axes, this.marks, this.over);
    this.box = element("div", { class: "fm-plot-box" }, this.svg);
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  /** Adds an empty mark of a class and returns it. */
  mark(tag, className, layer = this.marks) {
    const node = drawing(tag, { class: className });
    layer.append(node);
    return node;
  }

  resize() {
    const width = Math.floor(this.box.clientWidth);
    if (width < 40 || width === this.width) return;
    this.width = width;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("width", width);
    for (const [name, value] of Object.entries({
      x: this.left, y: this.top, width: this.innerWidth, height: this.innerHeight,
    })) this.frame.setAttribute(name, value);
    this.place();
  }

  get innerWidth() { return this.width - this.left - this.right; }
  get innerHeight() { return this.height - this.top - this.bottom; }
  get floor() { return this.height - this.bottom; }

  /** Draws both axes; ticks are [position in pixels, text] pairs. */
  drawAxes(xTicks, yTicks, xLabel, yLabel) {
    const parts = [drawing("path", { class: "fm-axis", d: `M${this.left} ${this.floor}H${this.width - this.right}` })];
    for (const [x, text] of xTicks) {
      parts.push(drawing("path", { class: "fm-axis", d: `M${x.toFixed(1)} ${this.floor}v4` }));
      parts.push(drawing("text", { class: "fm-tick", x: x.toFixed(1), y: this.floor + 16, "text-anchor": "middle" }, text));
    }
    for (const [y, text] of yTicks) {
      parts.push(drawing("path", { class: "fm-grid", d: `M${this.left} ${y.toFixed(1)}H${this.width - this.right}` }));
      parts.push(drawing("text", { class: "fm-tick", x: this.left - 6, y: (y + 4).toFixed(1), "text-anchor": "end" }, text));
    }
    parts.push(drawing("text", { class: "fm-label", x: this.width - this.right, y: this.height - 3, "text-anchor": "end" }, xLabel));
    if (yLabel) parts.push(drawing("text", { class: "fm-label", x: this.left - 40 + 2, y: 10 }, yLabel));
    this.axes.replaceChildren(...parts);
  }
}

/** Powers of ten between two values, at most `most` of them. */
function decades(low, high, most = 6) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / most));
  const powers = [];
  for (let power = first; power <= last; power++) if ((last - power) % every === 0) powers.push(10 ** power);
  return powers;
}

/** About `count` round values from low to high, in steps of 1, 2 or 5 times a power of ten; never more than 2 count. */
function roundTicks(low, high, count = 4) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = power * [1, 2, 5, 10].find((factor) => span / (factor * power) <= count * 1.2);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  if (!(last - first < 2 * count)) return [low, high]; // no step is left between neighbouring numbers
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const decadeText = (value) => (value >= 0.009 && value <= 1000 ? String(Number(value.toPrecision(1))) : written(value).replace("1·", ""));

// ------------------------------------------------------------------------------------------------ the weights

const WEIGHT_RANGE = [0.004, 30]; // the axis; smaller weights stand on its floor

/** All feature weights as stems that grow from where each started: up if amplified, down if pruned. */
class WeightsPlot extends Plot {
  constructor({ label, onpick }) {
    super({ height: 236, label, top: 22 });
    this.others = { stems: this.mark("path", "fm-stem"), heads: this.mark("path", "fm-head") };
    this.aliases = { stems: this.mark("path", "fm-stem fm-alias"), heads: this.mark("path", "fm-head fm-alias") };
    this.startLine = this.mark("path", "fm-start");
    this.startText = this.mark("text", "fm-note", this.over);
    this.true = { stems: this.mark("path", "fm-stem fm-true"), heads: this.mark("path", "fm-head fm-true") };
    this.names = this.mark("g", "fm-names", this.over);
    this.hover = this.mark("text", "fm-hover", this.over);
    this.svg.addEventListener("pointermove", (event) => this.#tell(this.#featureAt(event)));
    this.svg.addEventListener("pointerleave", () => this.#tell(null));
    this.svg.addEventListener("click", (event) => {
      const feature = this.#featureAt(event);
      if (feature !== null) onpick(feature);
    });
  }

  /** What stays the same during a run: (d,) initial weights, the true features, and their aliases, if any. */
  prepare({ initial, support, aliases }) {
    Object.assign(this, { initial, support, aliasSet: aliases, weights: initial });
    if (this.width) this.place();
  }

  x(j) { return this.left + 8 + (this.innerWidth - 14) * Math.sqrt(j / Math.max(1, this.initial.length - 1)); }

  y(weight) {
    const [low, high] = WEIGHT_RANGE.map(Math.log);
    const level = clamp(Math.log(Math.max(Math.abs(weight), 1e-300)), low, high);
    return this.floor - 2 - ((this.innerHeight - 2) * (level - low)) / (high - low);
  }

  place() {
    if (!this.initial) return;
    const d = this.initial.length;
    const ticks = [0, 4, 16, 64, 128, 256, 400].filter((j) => j < d);
    const crowded = ticks.filter((j, i) => i === 0 || this.x(j) - this.x(ticks[i - 1]) > 26);
    this.drawAxes(crowded.map((j) => [this.x(j), String(j)]),
      [10, 1, 0.1, 0.01].map((w) => [this.y(w), String(w)]), "feature index (square-root scale)", "|weight|");
    const level = this.initial.every((w) => w === this.initial[0]) ? this.initial[0] : null;
    this.startLine.setAttribute("d", level === null ? "" : `M${this.left} ${pixel(this.y(level))}H${this.width - this.right}`);
    this.startText.replaceChildren(level === null ? "each from its own start" : "start");
    for (const [name, value] of Object.entries({
      x: this.width - this.right - 2, y: level === null ? this.top + 2 : this.y(level) - 5, "text-anchor": "end",
    })) this.startText.setAttribute(name, value);
    this.update(this.weights);
  }

  update(weights) {
    this.weights = weights;
    if (!this.width) return;
    const parts = { others: ["", ""], aliases: ["", ""], true: ["", ""] };
    for (let j = 0; j < weights.length; j++) {
      const kind = this.support.includes(j) ? "true" : this.aliasSet.has(j) ? "aliases" : "others";
      const x = this.x(j).toFixed(1);
      const y = pixel(this.y(weights[j]));
      parts[kind][0] += `M${x} ${pixel(this.y(this.initial[j]))}V${y}`;
      parts[kind][1] += `M${x} ${y}h0`; // a line of no length with round caps is a dot
    }
    for (const [kind, [stems, heads]] of Object.entries(parts)) {
      this[kind].stems.setAttribute("d", stems);
      this[kind].heads.setAttribute("d", heads);
    }
    this.#nameTrueFeatures();
  }

  #nameTrueFeatures() {
    const placed = [];
    const labels = this.support.slice(0, 6).map((j) => {
      const text = featureName(j);
      const x = this.x(j);
      let y = this.y(this.weights[j]) - 9;
      const width = 7 * text.length + 6;
      const anchorEnd = x + width > this.width - this.right;
      const span = anchorEnd ? [x - width, x] : [x - 3, x + width];
      while (placed.some((p) => p.y - 13 < y && y < p.y + 13 && p.span[0] < span[1] && span[0] < p.span[1])) y -= 1;
      placed.push({ y, span });
      return drawing("text", { x: x.toFixed(1), y: pixel(y), "text-anchor": anchorEnd ? "end" : "start" }, text);
    });
    this.names.replaceChildren(...labels);
  }

  #featureAt(event) {
    const box = this.svg.getBoundingClientRect();
    const x = event.clientX - box.left;
    if (!this.initial || x < this.left || x > this.width - this.right + 4) return null;
    const share = clamp((x - this.left - 8) / (this.innerWidth - 14), 0, 1);
    return Math.round(share * share * (this.initial.length - 1));
  }

  #tell(feature) {
    const text = feature === null ? "" : `${feature}: ${featureName(feature)}, w = ${written(this.weights[feature])}`;
    this.hover.replaceChildren(text);
    for (const [name, value] of Object.entries({ x: this.width - this.right, y: 12, "text-anchor": "end" })) {
      this.hover.setAttribute(name, value);
    }
  }
}

// ------------------------------------------------------------------------------------------------ the error curve

/** One or two positive quantities against the meta-step, on a log axis. */
class CurvePlot extends Plot {
  constructor({ label }) {
    super({ height: 300, label, top: 22, right: 16 });
    this.reference = this.mark("path", "fm-reference");
    this.referenceText = this.mark("text", "fm-note fm-min-norm-text", this.over);
    this.lines = { a: this.mark("path", "fm-line fm-a"), b: this.mark("path", "fm-line fm-b") };
    this.ends = { a: this.mark("text", "fm-end fm-a", this.over), b: this.mark("text", "fm-end fm-b", this.over) };
  }

  /** curves: { a: { name, steps, values }, b }, reference: a level or null. */
  update({ curves, steps, reference, yLabel }) {
    Object.assign(this, { curves, steps, referenceLevel: reference, yLabel });
    if (this.width) this.place();
  }

  place() {
    if (!this.curves) return;
    const drawn = Object.values(this.curves);
    const values = drawn.flatMap((curve) => curve.values).filter((value) => value > 0 && Number.isFinite(value));
    if (this.referenceLevel > 0) values.push(this.referenceLevel);
    const low = 10 ** Math.floor(Math.log10(Math.max(1e-16, Math.min(0.1, ...values))));
    const high = 10 ** Math.ceil(Math.log10(Math.max(1, ...values)) + 0.15);
    const y = (value) => this.floor - (this.innerHeight * Math.log(clamp(value, low, high) / low)) / Math.log(high / low);
    const x = (step) => this.left + (this.innerWidth * step) / this.steps;
    this.drawAxes([0, 0.5, 1].map((share) => [x(share * this.steps), String(Math.round(share * this.steps))]),
      decades(low, high).map((value) => [y(value), decadeText(value)]), "meta-step", this.yLabel);
    const reference = this.referenceLevel > 0;
    this.reference.setAttribute("d", reference ? `M${this.left} ${pixel(y(this.referenceLevel))}H${this.width - this.right}` : "");
    this.referenceText.replaceChildren(reference ? "no meta-learning" : "");
    for (const [name, value] of Object.entries({ x: this.width - this.right, y: reference ? y(this.referenceLevel) - 5 : 0, "text-anchor": "end" })) {
      this.referenceText.setAttribute(name, value);
    }
    let taken = reference ? [y(this.referenceLevel) - 5] : [];
    for (const side of ["a", "b"]) {
      const curve = this.curves[side];
      const points = curve ? curve.steps.map((step, i) => [x(step), y(curve.values[i])]) : [];
      this.lines[side].setAttribute("d", points.map(([px, py], i) => `${i ? "L" : "M"}${pixel(px)} ${pixel(py)}`).join(""));
      const last = points.at(-1);
      this.ends[side].replaceChildren(last ? curve.name : "");
      if (!last) continue;
      const right = last[0] > this.left + 90;
      let textY = clamp(last[1] + (right ? -8 : 4), this.top + 10, this.floor - 6);
      if (right && taken.some((other) => Math.abs(other - textY) < 14)) textY = Math.min(last[1] + 16, this.floor - 4);
      while (taken.some((other) => Math.abs(other - textY) < 13)) textY += 2;
      taken.push(textY);
      for (const [name, value] of Object.entries({ x: last[0] + (right ? 0 : 6), y: textY, "text-anchor": right ? "end" : "start" })) {
        this.ends[side].setAttribute(name, value);
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------ one task

const CURVE_SAMPLES = 640;

/** One task: its true function, fits of it, and the points that the visitor can drag, add and remove. */
class TaskPlot extends Plot {
  constructor({ label, onchange, free }) {
    super({ height: 300, label, role: "group", top: 12, left: 34 });
    this.onchange = onchange;
    this.free = free;
    this.truthLine = this.mark("path", "fm-truth");
    this.lines = new Map();
    this.handles = this.mark("g", "fm-handles", this.over);
    this.svg.addEventListener("click", (event) => this.#add(event));
    this.points = [];
  }

  /** Adds a curve that is drawn in the colours of a class; the later, the further in front. */
  addCurve(key, className) {
    this.lines.set(key, this.mark("path", `fm-fit ${className}`));
  }

  /** truth: effective coefficients of the true function. */
  setTask(truth) {
    this.truth = truth;
    this.fits = null; // they belong to the task before
    if (this.sampledFor !== truth.length) {
      this.sampledFor = truth.length;
      this.sampleX = Float64Array.from({ length: CURVE_SAMPLES + 1 }, (_, i) => -1 + (2 * i) / CURVE_SAMPLES);
      this.samples = { table: fourierFeatures(this.sampleX, truth.length), rows: Int32Array.from(this.sampleX.keys()), d: truth.length };
    }
    this.truthValues = predict(this.samples, truth);
    this.#fitRange();
  }

  /** points: [{ x, offset }], the label is the true value plus the offset. */
  setPoints(points) {
    this.points = points;
    this.#fitRange();
    this.#drawHandles();
  }

  get xs() { return Float64Array.from(this.points, (point) => point.x); }

  get labels() {
    const values = predict(designOf(this.xs, this.truth.length), this.truth);
    return values.map((value, i) => value + this.points[i].offset);
  }

  trueValue(x) { return predict(designOf([x], this.truth.length), this.truth)[0]; }

  #fitRange() {
    const values = [0, ...this.truthValues, ...(this.points.length ? this.labels : [])]; // 0 is where fits fall back to
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const middle = (low + high) / 2;
    const half = Math.max(1, (high - low) * 0.68);
    this.range = [middle - half, middle + half];
    if (this.width) this.place();
  }

  x(value) { return this.left + (this.innerWidth * (value + 1)) / 2; }
  y(value) {
    // A spike far outside must not make a path that browsers draw slowly, or not at all.
    const [low, high] = this.range;
    return this.floor - this.innerHeight * clamp((value - low) / (high - low), -3, 4);
  }

  place() {
    if (!this.truth) return;
    const ticks = roundTicks(...this.range).map((v) => [this.y(v), tickText(v)]);
    this.drawAxes([-1, -0.5, 0, 0.5, 1].map((v) => [this.x(v), this.xText ? this.xText(v) : String(v)]), ticks, this.xName ?? "x", this.yName ?? "");
    this.truthLine.setAttribute("d", this.#path(this.truthValues));
    this.#drawHandles();
    this.redraw();
  }

  /** fits: a map from key to effective coefficients, or null for no curve. */
  update(fits) {
    this.fits = fits;
    this.redraw();
  }

  redraw() {
    if (!this.fits || !this.width) return;
    for (const [key, line] of this.lines) {
      const effective = this.fits[key];
      line.setAttribute("d", effective ? this.#path(predictDense(this.samples, effective)) : "");
    }
  }

  #path(values) {
    let d = "";
    for (let i = 0; i < values.length; i++) d += `${i ? "L" : "M"}${pixel(this.x(this.sampleX[i]))} ${pixel(this.y(values[i]))}`;
    return d;
  }

  // -- the points

  #drawHandles() {
    if (!this.width || !this.truth) return;
    const labels = this.labels;
    while (this.handles.children.length > this.points.length) this.handles.lastChild.remove();
    while (this.handles.children.length < this.points.length) this.handles.append(this.#handle(this.handles.children.length));
    this.points.forEach((point, i) => {
      const handle = this.handles.children[i];
      handle.setAttribute("transform", `translate(${pixel(this.x(point.x))} ${pixel(this.y(labels[i]))})`);
      handle.setAttribute("aria-label", `Point ${i + 1} of ${this.points.length}: x ${point.x.toFixed(2)}, y ${labels[i].toFixed(2)}`);
    });
  }

  #handle(index) {
    const handle = drawing("g", {
      class: "fm-handle", tabindex: 0, role: "button", "aria-roledescription": "movable point",
      onkeydown: (event) => this.#key(event, index),
      onpointerdown: (event) => this.#grab(event, index),
      ondblclick: (event) => { event.preventDefault(); this.remove(index); },
      onclick: (event) => event.stopPropagation(),
      ontouchstart: (event) => event.preventDefault(), // touch-action does not reach inside an svg
    }, drawing("circle", { class: "fm-touch", r: 22 }), drawing("circle", { class: "fm-ring", r: 10 }), drawing("circle", { class: "fm-dot", r: 5.5 }));
    return handle;
  }

  #grab(event, index) {
    if (event.button !== 0) return;
    const handle = this.handles.children[index];
    handle.setPointerCapture(event.pointerId);
    const move = (moved) => this.#moveTo(index, ...this.#valueAt(moved));
    const drop = () => {
      handle.removeEventListener("pointermove", move);
      handle.classList.remove("fm-held");
    };
    handle.classList.add("fm-held");
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", drop, { once: true });
    handle.addEventListener("pointercancel", drop, { once: true });
  }

  #valueAt(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left - this.left) / this.innerWidth) * 2 - 1;
    const share = (this.floor - (event.clientY - box.top)) / this.innerHeight;
    return [clamp(x, -1, 0.999), this.range[0] + clamp(share, 0, 1) * (this.range[1] - this.range[0])];
  }

  #moveTo(index, x, y) {
    const point = this.points[index];
    point.x = Math.round(x * 1000) / 1000;
    if (this.free()) point.offset = Math.round((y - this.trueValue(point.x)) * 1000) / 1000;
    this.#drawHandles();
    this.onchange();
  }

  #key(event, index) {
    const far = event.shiftKey ? 0.1 : 0.01;
    const point = this.points[index];
    const y = this.labels[index];
    const moves = {
      ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far * 5], ArrowDown: [0, -far * 5],
    };
    if (moves[event.key]) this.#moveTo(index, clamp(point.x + moves[event.key][0], -1, 0.999), y + moves[event.key][1]);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(index);
    else if (event.key !== " " && event.key !== "Enter") return; // these two must not scroll the page
    event.preventDefault();
  }

  #add(event) {
    const [x, y] = this.#valueAt(event);
    this.add(x, this.free() ? y : null);
  }

  add(x, y = null) {
    if (this.points.length >= 64) return;
    const rounded = Math.round(x * 1000) / 1000;
    this.points.push({ x: rounded, offset: y === null ? 0 : Math.round((y - this.trueValue(rounded)) * 1000) / 1000 });
    this.#drawHandles();
    this.onchange();
  }

  remove(index) {
    if (this.points.length <= 1) return;
    this.points.splice(index, 1);
    this.#drawHandles();
    this.handles.children[Math.min(index, this.points.length - 1)].focus();
    this.onchange();
  }
}

/** features @ effective for a fit whose coefficients are all different from zero; row after row is faster then. */
function predictDense({ table, rows, d }, effective) {
  const values = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    let sum = 0;
    for (let j = 0, p = rows[i] * d; j < d; j++, p++) sum += table[p] * effective[j];
    values[i] = sum;
  }
  return values;
}

// ------------------------------------------------------------------------------------------------ controls

const whole = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);

/** Every setting: what it is called, what it may be, and where it starts. A setting outside its values cannot be made. */
const SETTINGS = {
  a: { label: "left", choices: { maml: "MAML", fomaml: "first-order MAML", reptile: "Reptile" }, initial: "maml", group: "method" },
  b: { label: "right", choices: { maml: "MAML", fomaml: "first-order MAML", reptile: "Reptile", none: "nothing" }, initial: "reptile", group: "method" },
  optimiser: { label: "outer optimiser, MAML", choices: { adam: "Adam", descent: "one common scale" }, initial: "adam", group: "method" },
  heldout: { label: "MAML validates on", choices: { yes: "held-out points", no: "its training points" }, initial: "yes", group: "method" },
  start: { label: "initial weights", choices: { ones: "all equal", uniform: "uniform from 0 to the scale" }, initial: "ones", group: "method" },
  scale: { label: "their scale", values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 1.5, 2, 3], initial: 1, group: "method" },
  steps: { label: "meta-steps", values: [50, 100, 200, 300, 500, 1000, 2000], initial: 300, group: "method" },
  tasks: { label: "tasks a step", values: whole(1, 30), initial: 15, group: "method" },
  k: { label: "inner steps K, MAML", values: whole(1, 20), initial: 5, group: "rates" },
  kr: { label: "inner steps K, Reptile", values: whole(1, 40), initial: 20, group: "rates" },
  rate: { label: "inner rate η", values: [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2], initial: 0.02, group: "rates" },
  outer: { label: "outer rate, MAML", values: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2], initial: 0.05, group: "rates" },
  move: { label: "step size, Reptile", values: [0.05, 0.1, 0.2, 0.5, 1], initial: 1, group: "rates" },
  support: { label: "true features", indices: true, initial: [0, 1, 2], group: "problem" },
  d: { label: "features d", values: [17, 33, 65, 129, 257, 385], initial: 129, group: "problem" },
  n: { label: "points a task N", values: [4, 8, 12, 16, 24, 31, 32, 33, 48, 63, 64, 65, 96, 128], initial: 32, group: "problem" },
  design: { label: "where x comes from", choices: { random: "random", jittered: "jittered grid", grid: "one regular grid" }, initial: "random", group: "problem" },
  noise: { label: "noise σ", values: [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1], initial: 0, group: "problem" },
  seed: { label: "seed", values: whole(0, 99), initial: 0, group: "problem" },
  test: { label: "points of an unseen task", values: whole(1, 64), initial: 4, group: "task" },
  fit: { label: "fit it with", choices: { exact: "minimum norm", inner: "K inner steps, as in training" }, initial: "exact", group: "task" },
  task: { label: "unseen task", values: whole(1, 99), initial: 1, group: "task" },
  free: { label: "points may leave the true curve", toggle: true, initial: false, group: "task" },
  show: { label: "curve", choices: { risk: "error on unseen tasks", loss: "training loss" }, initial: "risk", group: "curve" },
};

const usesMaml = (method) => method === "maml" || method === "fomaml";
const usesReptile = (method) => method === "reptile";
/** Controls that do nothing unless one side runs a method that they belong to. */
const USED_BY = { k: usesMaml, outer: usesMaml, optimiser: usesMaml, heldout: usesMaml, kr: usesReptile, move: usesReptile };

/** Reads settings from "a=maml&n=32", or throws nothing: what cannot be is left at its start. */
function readSettings(text, initial) {
  const settings = { ...initial };
  const given = new URLSearchParams(text);
  for (const [key, spec] of Object.entries(SETTINGS)) {
    if (!(key in initial) || !given.has(key)) continue;
    const raw = given.get(key);
    if (spec.choices && raw in spec.choices) settings[key] = raw;
    else if (spec.values?.some((value) => String(value) === raw)) settings[key] = spec.values.find((value) => String(value) === raw);
    else if (spec.toggle) settings[key] = raw === "1";
    else if (spec.indices) settings[key] = readIndices(raw, 1e9) ?? settings[key];
  }
  if (settings.d) settings.support = insideOf(settings.support, settings.d);
  return settings;
}

/** "0, 1, 2" as an array of different indices below d, in order; null if it is not that. */
function readIndices(text, d) {
  const words = text.split(/[\s,;.]+/).filter(Boolean);
  const indices = [...new Set(words.map(Number))].sort((i, j) => i - j);
  return indices.length && indices.every((j) => Number.isInteger(j) && j >= 0 && j < d) ? indices : null;
}

function insideOf(support, d) {
  const inside = support.filter((j) => j < d);
  return inside.length ? inside : [0];
}

function writeSettings(settings, initial) {
  return Object.keys(initial).filter((key) => String(settings[key]) !== String(initial[key]))
    .map((key) => `${key}=${settings[key] === true ? 1 : settings[key] === false ? 0 : String(settings[key])}`).join("&");
}

/** A labelled control for one setting; `control.set(value)` moves it without telling anyone. */
function makeControl(key, spec, settings, changed) {
  const id = identifier(key);
  let input, set;
  const label = element("label", { for: id }, spec.label);
  if (spec.choices) {
    input = element("select", { id, onchange: () => changed(key, input.value) },
      ...Object.entries(spec.choices).map(([value, text]) => element("option", { value }, text)));
    set = (value) => { input.value = value; };
  } else if (spec.toggle) {
    input = element("input", { id, type: "checkbox", onchange: () => changed(key, input.checked) });
    set = (value) => { input.checked = value; };
  } else if (spec.indices) {
    const hint = element("span", { class: "fm-hint", id: `${id}-hint`, role: "status" });
    input = element("input", {
      id, type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-hint`,
      onchange: () => {
        const indices = readIndices(input.value, settings().d);
        hint.textContent = indices ? "" : `numbers from 0 to ${settings().d - 1}, such as 0, 1, 2`;
        input.setAttribute("aria-invalid", indices ? "false" : "true");
        if (indices) changed(key, indices);
      },
    });
    set = (value) => { input.value = value.join(", "); hint.textContent = ""; input.setAttribute("aria-invalid", "false"); };
    const box = element("div", { class: "fm-control fm-text" }, label, input, hint);
    return { box, set };
  } else {
    const output = element("output", { for: id, "aria-hidden": "true" });
    input = element("input", {
      id, type: "range", min: 0, max: spec.values.length - 1, step: 1,
      oninput: () => { show(); changed(key, spec.values[Number(input.value)]); },
    });
    const show = () => {
      const text = String(spec.values[Number(input.value)]);
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    set = (value) => { input.value = spec.values.indexOf(value); show(); };
    return { box: element("div", { class: "fm-control fm-range" }, label, output, input), set };
  }
  return { box: element("div", { class: `fm-control ${spec.toggle ? "fm-toggle" : "fm-choice"}` }, ...(spec.toggle ? [input, label] : [label, input])), set };
}

/** The controls of the given keys, and how to move them all at once. */
class Controls {
  constructor(keys, settings, changed) {
    this.controls = Object.fromEntries(keys.map((key) => [key, makeControl(key, SETTINGS[key], settings, changed)]));
  }

  group(title, keys) {
    return element("fieldset", { class: "fm-group" }, element("legend", {}, title), ...keys.map((key) => this.controls[key].box));
  }

  show(settings) {
    for (const [key, control] of Object.entries(this.controls)) control.set(settings[key]);
    const methods = [settings.a, settings.b];
    for (const [key, used] of Object.entries(USED_BY)) {
      const input = this.controls[key]?.box.querySelector("input, select");
      if (input) input.disabled = !methods.some(used);
    }
  }
}

function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", class: "fm-button", onclick, ...attributes }, text);
}

// ------------------------------------------------------------------------------------------------ what they share

/** What every explorer has: settings that live in the address, a summary that is spoken now and then. */
class Explorer {
  constructor(figure, initial) {
    this.figure = figure;
    this.initial = readSettings(figure.dataset.settings ?? "", initial); // as the page wants it
    this.settings = readSettings(addressed(figure), this.initial); // as the link wants it
    this.summary = element("p", { class: "fm-summary", role: "status", "aria-live": "polite" });
    this.spokenAt = 0;
  }

  /** A heading one level below the one that the figure stands under. */
  heading(text = "", attributes = {}) {
    const above = [...document.querySelectorAll("h1, h2, h3")].filter((node) => node.compareDocumentPosition(this.figure) & Node.DOCUMENT_POSITION_FOLLOWING);
    const level = above.length ? Number(above.at(-1).tagName[1]) + 1 : 2;
    return element(`h${level}`, { class: "fm-title", ...attributes }, text);
  }

  /** Says a sentence in the live region: now if it must be said, else at most once a second, and the last one always. */
  say(sentence, must = false) {
    clearTimeout(this.sayTimer);
    const wait = 1000 - (performance.now() - this.spokenAt);
    if (!must && wait > 0) {
      this.sayTimer = setTimeout(() => this.say(sentence, true), wait);
      return;
    }
    const text = sentence();
    if (text === this.summary.textContent) return;
    this.spokenAt = performance.now();
    this.summary.textContent = text;
  }

  address() {
    const text = [writeSettings(this.settings, this.initial), this.extraAddress?.()].filter(Boolean).join("&");
    return `#${this.figure.id}?${text}`;
  }

  /** Writes the settings into the address bar, once changes have paused. */
  remember() {
    clearTimeout(this.rememberTimer);
    this.rememberTimer = setTimeout(() => {
      try {
        history.replaceState(null, "", this.address());
      } catch { /* some browsers refuse this for file://; the link button still works */ }
    }, 250);
  }

  /** Takes the settings of the address, as when the page was opened with it. */
  open() {
    this.change(readSettings(addressed(this.figure), this.initial));
  }

  linkButton() {
    const link = button("Copy link", async () => {
      const url = location.href.split("#")[0] + this.address();
      try {
        await navigator.clipboard.writeText(url);
        link.textContent = "Copied";
      } catch {
        location.hash = this.address();
        link.textContent = "It is in the address bar";
      }
      setTimeout(() => { link.textContent = "Copy link"; }, 2000);
    }, { class: "fm-button fm-quiet" });
    return link;
  }

  /** Puts the live figure in the place of the plain one, and keeps the caption. */
  hydrate(...parts) {
    const app = element("div", { class: "fm-app", role: "group", "aria-label": this.title }, ...parts);
    for (const plain of [...this.figure.children]) if (plain.tagName !== "FIGCAPTION") plain.remove();
    this.figure.prepend(app);
    this.figure.classList.add("fm-live");
    this.figure.explorer = this;
    const arrive = () => {
      if (!location.hash.startsWith(`#${this.figure.id}?`)) return;
      this.figure.scrollIntoView({ behavior: "instant", block: "start" });
    };
    arrive();
    window.addEventListener("load", arrive); // what loads above may have moved it
    window.addEventListener("hashchange", () => {
      if (!location.hash.startsWith(`#${this.figure.id}?`)) return;
      this.open();
      arrive();
    });
  }
}

function addressed(figure) {
  const prefix = `#${figure.id}?`;
  return location.hash.startsWith(prefix) ? location.hash.slice(prefix.length) : "";
}

const key = (className, text, value = null) => element("span", { class: `fm-key ${className}` }, element("i", { "aria-hidden": "true" }), text, value);

// ------------------------------------------------------------------------------------------------ training

/** Starts a place where runs are trained: a worker, or the page itself where workers are refused. */
function startPort() {
  if (typeof makeEngine === "function" && typeof Worker === "function") {
    try {
      // eslint-disable-next-line no-undef -- the build wraps engine.mjs into this function
      const code = new Blob([`(${makeEngine})().serve(self);`], { type: "text/javascript" });
      const url = URL.createObjectURL(code);
      const worker = new Worker(url);
      URL.revokeObjectURL(url);
      worker.slice = SLICE.worker;
      return worker;
    } catch { /* refused: train between frames instead */ }
  }
  const { port1, port2 } = new MessageChannel();
  serve(port2);
  port1.slice = SLICE.page;
  return port1;
}

/** Milliseconds of training between two messages: long in a worker, shorter than a frame where the page itself trains. */
const SLICE = { worker: 25, page: 10 };
/** A run takes at least this long, so that a fast machine does not skip the film. */
const SHORTEST_RUN = 1800;
/** A false weight counts as pruned when it is below this part of the smallest true one. */
const PRUNED = 0.1;

const ENDED = new Set(["finished", "diverged"]);

// The first is the figure as its page wants it.
const PRESETS = [
  { name: "One fixed grid", settings: { design: "grid" }, text: "All tasks share the same equally spaced points. Only the aliases of the true features (hollow) move: nothing tells the other weights apart." },
  { name: "Other true features", settings: { support: [5, 40, 41] }, text: "Nothing is special about low frequencies. Click a bar to make its feature true or false." },
  { name: "Start small", settings: { a: "reptile", b: "maml", scale: 0.01, steps: 500 }, text: "From weights of 0.01 instead of 1, amplifying is enough: Reptile leaves the others where they start, which is small now." },
  { name: "Nothing held out", settings: { heldout: "no", b: "none" }, text: "MAML judged by its own training points, under Adam: false weights help to fit, so they rise with the true ones." },
  { name: "One common scale", settings: { heldout: "no", optimiser: "descent", scale: 0.01, b: "none" }, text: "Still nothing held out, but every step has one scale for all weights, from a small start: the true weights grow, the others stay." },
  { name: "First order", settings: { b: "fomaml" }, text: "First-order MAML drops a term of the gradient. It still raises the true features, but what presses the others down fades early." },
  { name: "One inner step", settings: { k: 1, outer: 0.1 }, text: "With K = 1 the best true weight is (2η)^(-1/2) = 5, so that one step from zero lands on the answer." },
  { name: "Too hot", settings: { rate: 0.2 }, text: "The inner rate is above the stable one. A run that explodes says where it would have been safe; one that survives has bent its weights until its steps fit." },
  { name: "The book's size", settings: { d: 257, n: 64 }, text: "257 features and 64 points a task, as in the notebooks: about four times the work of the problem that this figure starts with." },
  { name: "Noise", settings: { noise: 0.5, test: 8 }, text: "Labels with noise of σ = 0.5, in training and in the unseen tasks." },
];

/** What the page's own setting is called, and what to look for in it. */
function ownPreset({ a, b }) {
  const prunes = "pushes false features down";
  const lifts = "lifts the true features and leaves the rest where they were";
  const does = { maml: prunes, fomaml: "pushes false features down, but not as far", reptile: lifts };
  const other = b === "none" ? "" : `; ${METHOD_NAMES[b]}, on the same tasks, ${does[b]}`;
  const name = b === "none" ? METHOD_NAMES[a] : a === b || (does[a] === does[b]) ? "Side by side" : "Prune or amplify";
  return { name, own: true, settings: {}, text: `Press play. ${METHOD_NAMES[a]} ${does[a]}${other}.` };
}

class TrainExplorer extends Explorer {
  constructor(figure) {
    super(figure, TrainExplorer.defaults);
    this.presets = [ownPreset(this.initial), ...PRESETS];
    this.title = "Train in this page";
    // On two cores a second worker would take the page's own.
    const first = startPort();
    this.ports = { a: first, b: navigator.hardwareConcurrency > 2 ? startPort() : first };
    for (const port of new Set(Object.values(this.ports))) port.onmessage = ({ data }) => this.#receive(data);
    this.run = 0;
    this.frames = { count: 0, longest: 0, over50: 0, work: 0 };
    this.#build();
    this.#readPoints();
    this.#reset();
    this.controls.show(this.settings);
    if (addressed(figure)) this.play(); // a link shows the run that it promises
  }

  open() {
    this.edited = false;
    this.#readPoints();
    super.open();
    this.play();
  }

  // -- parts

  static get defaults() {
    const own = Object.entries(SETTINGS).filter(([, spec]) => spec.group);
    return Object.fromEntries(own.map(([name, spec]) => [name, spec.initial]));
  }

  /** All settings of a preset: the page's own, or the usual ones with a few changed. */
  wanted({ own, settings }) { return own ? this.initial : { ...TrainExplorer.defaults, ...settings }; }

  #build() {
    const changed = (name, value) => this.change({ [name]: value });
    this.controls = new Controls(Object.keys(this.initial), () => this.settings, changed);
    this.playButton = button("Play", () => this.toggle(), { class: "fm-button fm-play" });
    this.stepButton = button("Step", () => this.stepOnce());
    this.resetButton = button("Reset", () => { this.pause(); this.edited = false; this.#reset(); });
    this.undoButton = button("Undo", () => this.#undo(), { hidden: true });
    this.progressFill = element("i", {});
    this.stepText = element("span", { class: "fm-step" });
    const bar = element("div", { class: "fm-bar" }, this.playButton, this.stepButton, this.resetButton, this.undoButton,
      element("span", { class: "fm-progress", "aria-hidden": "true" }, this.progressFill), this.stepText, this.linkButton());

    this.presetText = element("p", { class: "fm-preset-text" });
    this.presetButtons = this.presets.map((preset) => button(preset.name, () => this.usePreset(preset), { class: "fm-button fm-chip", "aria-pressed": "false" }));
    const presets = element("div", { class: "fm-presets", role: "group", "aria-label": "Things to try" }, ...this.presetButtons);

    this.panels = {};
    for (const side of ["a", "b"]) {
      const heading = this.heading("", { class: `fm-title fm-${side}` });
      const note = element("p", { class: "fm-readout" });
      const plot = new WeightsPlot({ label: "weights", onpick: (feature) => this.#pick(feature) });
      plot.box.classList.add(`fm-${side}`);
      this.panels[side] = { heading, note, plot, box: element("section", { class: `fm-panel fm-${side}` }, heading, note, plot.box) };
    }
    this.curve = new CurvePlot({ label: "error" });
    this.taskPlot = new TaskPlot({
      label: "One unseen task. Tab moves between its points; arrow keys move a point, Delete removes it.",
      onchange: () => { this.edited = true; this.#drawTask(); this.remember(); },
      free: () => this.settings.free,
    });
    this.taskPlot.addCurve("plain", "fm-min-norm");
    this.taskPlot.addCurve("b", "fm-b");
    this.taskPlot.addCurve("a", "fm-a");
    this.taskKeys = element("p", { class: "fm-keys" });
    this.curveTitle = this.heading();
    const curveBox = element("section", { class: "fm-panel fm-curve" }, this.curveTitle, this.curve.box,
      element("div", { class: "fm-under" }, this.controls.controls.show.box));
    const taskBox = element("section", { class: "fm-panel fm-task" },
      this.heading("One task it has never seen"), this.taskKeys, this.taskPlot.box,
      element("div", { class: "fm-under" },
        button("Add a point", () => this.#addPoint()), button("Remove one", () => this.taskPlot.remove(this.taskPlot.points.length - 1)),
        button("New task", () => this.change({ task: (this.settings.task % 99) + 1 })), this.controls.controls.free.box),
      element("p", { class: "fm-hint" }, "Drag a point. Click to add one, double-click to remove it. With the keyboard: Tab, arrow keys, Delete."));
    const settingsBox = element("details", { class: "fm-settings" }, element("summary", {}, "Change the problem and the methods"),
      element("div", { class: "fm-groups" },
        this.controls.group("Methods", ["a", "b", "optimiser", "heldout", "start", "scale", "steps", "tasks"]),
        this.controls.group("Loops", ["k", "kr", "rate", "outer", "move"]),
        this.controls.group("Problem", ["support", "d", "n", "design", "noise", "seed"]),
        this.controls.group("Unseen task", ["test", "fit", "task"])));
    this.hydrate(presets, this.presetText, bar,
      element("div", { class: "fm-pair" }, this.panels.a.box, this.panels.b.box),
      element("div", { class: "fm-pair fm-lower" }, curveBox, taskBox), this.summary, settingsBox);
  }

  // -- settings

  get sides() { return this.settings.b === "none" ? ["a"] : ["a", "b"]; }

  /** Changes settings as if the visitor had: a change of the problem or of a method starts again. */
  change(changes) {
    const before = this.settings;
    this.undoButton.hidden = true;
    this.settings = { ...before, ...changes };
    this.settings.support = insideOf(this.settings.support, this.settings.d);
    this.controls.show(this.settings);
    const only = new Set(["fit", "task", "free", "show"]);
    if (Object.keys(changes).some((name) => !only.has(name) && String(changes[name]) !== String(before[name]))) {
      if ("test" in changes || "noise" in changes || "seed" in changes) this.edited = false;
      this.#reset();
    } else {
      if ("task" in changes) this.#setTask();
      this.#drawTask();
      this.#drawCurve();
    }
    this.#showPreset();
    this.remember();
  }

  usePreset(preset) {
    this.edited = false;
    this.pause();
    this.change(this.wanted(preset));
    this.play();
  }

  #showPreset() {
    const still = new Set(["task", "free", "show", "fit"]); // these change the view, not the run
    const same = this.presets.findIndex((preset) => Object.entries(this.wanted(preset))
      .every(([name, value]) => still.has(name) || String(value) === String(this.settings[name])));
    this.presetButtons.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === same)));
    this.presetText.textContent = same >= 0 ? this.presets[same].text : "Your own setting. The link keeps it.";
  }

  #pick(feature) {
    const { support } = this.settings;
    const changed = support.includes(feature) ? support.filter((j) => j !== feature) : [...support, feature].sort((i, j) => i - j);
    if (!changed.length) return;
    this.undoable = { settings: this.settings, played: this.state.a.step > 0 };
    this.change({ support: changed });
    this.undoButton.hidden = false;
  }

  /** Takes back what a tap on a weight has changed, and trains again what it had discarded. */
  #undo() {
    const { settings, played } = this.undoable;
    this.undoButton.hidden = true;
    this.change(settings);
    this.playButton.focus();
    if (played) this.play();
  }

  #config(side) {
    const s = this.settings;
    const method = s[side];
    return {
      method, nFeatures: s.d, support: s.support, noise: s.noise, design: s.design, nPoints: s.n, nTasks: s.tasks,
      steps: s.steps, innerSteps: method === "reptile" ? s.kr : s.k, innerRate: s.rate, outerRate: s.outer,
      optimiser: s.optimiser, heldOut: s.heldout === "yes", stepSize: s.move, seed: s.seed, start: s.start, scale: s.scale, nUnseen: s.test,
    };
  }

  // -- the run

  #reset() {
    this.run += 1;
    const s = this.settings;
    const start = initialWeights({ nFeatures: s.d, start: s.start, scale: s.scale, seed: s.seed });
    const { representative } = aliasClasses(s.n, s.d);
    const classes = new Set(s.support.map((j) => representative[j]));
    const aliases = new Set(s.design === "grid" ? [...representative.keys()].filter((j) => classes.has(representative[j])) : []);
    this.state = {};
    for (const side of this.sides) {
      const { plot } = this.panels[side];
      plot.prepare({ initial: start, support: s.support, aliases });
      this.state[side] = {
        method: s[side], step: 0, status: "ready", weights: start, initial: start, aliases,
        history: { step: [], risk: [], lossStep: [], loss: [] }, pace: 4, waiting: true, recoveredAt: null,
      };
      this.ports[side].postMessage({ run: this.run, side, config: this.#config(side) });
    }
    this.panels.b.box.hidden = this.sides.length < 2;
    this.#setTask();
    this.#draw();
    this.#showPreset();
    Object.assign(this, { startedAt: performance.now(), startStep: 0, drawnStep: 0, frameBefore: null });
  }

  #receive(data) {
    const { side } = data;
    const state = this.state[side];
    if (!state || data.run !== this.run) return; // an answer to a run that has been replaced
    const steps = data.step - state.step;
    if (steps > 0) state.pace = 0.7 * state.pace + 0.3 * (data.milliseconds / steps);
    data.losses.forEach((loss, i) => {
      state.history.lossStep.push(data.step - data.losses.length + i + 1);
      state.history.loss.push(loss);
    });
    if (data.step !== state.history.step.at(-1)) {
      state.history.step.push(data.step);
      state.history.risk.push(data.risk);
    }
    Object.assign(state, { step: data.step, status: data.status, weights: data.weights, stableRate: data.stableRate, waiting: false });
    if (state.recoveredAt === null && state.step > 0 && this.#recovered(side)) {
      state.recoveredAt = { step: state.step, milliseconds: performance.now() - this.startedAt };
    }
    this.dirty = true;
    if (this.playing) this.#pump();
    else this.#draw();
  }

  /** The largest weights are the true ones, and all others are small beside them. */
  #recovered(side) {
    const { weights } = this.state[side];
    const { support } = this.settings;
    const smallestTrue = Math.min(...support.map((j) => Math.abs(weights[j])));
    return weights.every((w, j) => support.includes(j) || Math.abs(w) < PRUNED * smallestTrue);
  }

  get done() { return this.running.length === 0; }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.done) this.#reset();
    this.playing = true;
    this.startedAt = performance.now();
    this.startStep = Math.min(...this.sides.map((side) => this.state[side].step));
    this.drawnStep = this.startStep;
    this.frameBefore = null;
    this.frames = { count: 0, longest: 0, over50: 0, work: 0 };
    this.#showButtons();
    requestAnimationFrame((now) => this.#frame(now));
  }

  pause() {
    this.playing = false;
    this.#showButtons();
  }

  stepOnce() {
    this.pause();
    if (this.done) this.#reset();
    this.#ask(Math.min(...this.running.map((side) => this.state[side].step)) + 1, Infinity);
  }

  /** The step that all sides have reached which have not diverged; a diverged one has said so. */
  get reached() {
    const alive = this.sides.filter((side) => this.state[side].status !== "diverged");
    return Math.min(...(alive.length ? alive : this.sides).map((side) => this.state[side].step));
  }

  get running() { return this.sides.filter((side) => !ENDED.has(this.state[side].status)); }

  /** Asks for steps on every side that still runs; `upTo` is the step where all of them are to stand. */
  #ask(upTo, milliseconds) {
    for (const side of this.running) {
      const state = this.state[side];
      if (state.waiting || upTo <= state.step) continue;
      state.waiting = true;
      this.ports[side].postMessage({ run: this.run, side, steps: upTo - state.step, milliseconds });
    }
  }

  /** While playing: once every side has answered, ask for the next slice, the same steps on both sides. */
  #pump() {
    const states = this.running.map((side) => this.state[side]);
    if (!states.length || states.some((state) => state.waiting)) return;
    const { slice } = this.ports.a;
    const paces = states.map((state) => state.pace);
    // One port does one side after the other.
    const pace = this.ports.a === this.ports.b ? paces.reduce((sum, each) => sum + each, 0) : Math.max(...paces);
    const ahead = Math.max(...states.map((state) => state.step));
    const behind = Math.min(...states.map((state) => state.step));
    const played = performance.now() - this.startedAt + 30;
    const film = this.startStep + Math.ceil((this.settings.steps * played) / (calm() ? 1 : SHORTEST_RUN));
    const upTo = ahead > behind ? ahead : Math.min(ahead + Math.max(1, Math.floor(slice / pace)), film);
    this.#ask(upTo, slice);
  }

  #frame(now) {
    if (!this.playing) return;
    if (this.frameBefore) {
      const length = now - this.frameBefore;
      this.frames.count += 1;
      this.frames.longest = Math.max(this.frames.longest, length);
      if (length > 50) this.frames.over50 += 1;
    }
    this.frameBefore = now;
    this.#pump();
    // Who prefers calm sees ten still pictures of a run, and its end.
    const step = Math.min(...this.sides.map((side) => this.state[side].step));
    if (this.dirty && (!calm() || this.done || step >= this.drawnStep + this.settings.steps / 10)) {
      const begin = performance.now();
      this.drawnStep = step;
      this.#draw();
      this.frames.work = Math.max(this.frames.work, performance.now() - begin);
    }
    if (this.done) {
      this.pause();
      this.#draw();
      return;
    }
    requestAnimationFrame((next) => this.#frame(next));
  }

  // -- the task

  #setTask() {
    const s = this.settings;
    const random = new Random(s.seed, 14, s.task);
    const truth = drawCoefficients(s.d, s.support, random);
    this.dense = this.dense?.d === s.d ? this.dense : { ...denseTable(Math.min(s.d, 17)), d: s.d };
    if (!this.edited) {
      const points = new Random(s.seed, 5);
      const x = spread(s.test, points);
      this.points = x.map((value) => ({ x: value, offset: s.noise ? Math.round(s.noise * points.normal() * 1000) / 1000 : 0 }));
    }
    this.taskPlot.setTask(truth);
    this.taskPlot.setPoints(this.points);
  }

  #addPoint() {
    // In the middle of the widest gap, where a new point tells most.
    const xs = [-1, ...[...this.taskPlot.xs].sort((p, q) => p - q), 1];
    let widest = 1;
    for (let i = 1; i < xs.length; i++) if (xs[i] - xs[i - 1] > xs[widest] - xs[widest - 1]) widest = i;
    this.taskPlot.add((xs[widest] + xs[widest - 1]) / 2);
  }

  #readPoints() {
    const given = new URLSearchParams(addressed(this.figure)).get("p");
    const points = (given ?? "").split(";").filter(Boolean).map((pair) => pair.split(",").map(Number));
    if (!points.length || !points.every(([x, offset]) => x >= -1 && x < 1 && Number.isFinite(offset))) return;
    this.points = points.slice(0, 64).map(([x, offset]) => ({ x, offset }));
    this.edited = true;
  }

  extraAddress() {
    return this.edited ? `p=${this.points.map(({ x, offset }) => `${x},${offset}`).join(";")}` : "";
  }

  /** The fit of the points on the screen with a side's weights. */
  #fit(side, design, labels) {
    const { weights, method } = this.state[side];
    const s = this.settings;
    if (s.fit === "exact") return minNorm(design, labels, weights);
    const task = { design, labels };
    if (method !== "reptile") return gradientDescent(task, weights, s.k, s.rate);
    const adapted = jointDescent(task, weights, s.kr, s.rate);
    return adapted.weights.map((w, j) => w * adapted.coefficients[j]);
  }

  /** The fit with all weights 1, which only changes when the points do. */
  #plainFit(design, labels) {
    const points = [this.settings.d, ...this.taskPlot.xs, ...labels].join();
    if (points !== this.plainFor) {
      this.plainFor = points;
      this.plain = minNorm(design, labels, new Float64Array(this.settings.d).fill(1));
    }
    return this.plain;
  }

  // -- drawing

  #draw() {
    this.dirty = false;
    for (const side of this.sides) this.#drawSide(side);
    this.#drawCurve();
    this.#drawTask();
    const step = this.reached;
    this.stepText.textContent = `step ${step} of ${this.settings.steps}`;
    this.progressFill.style.transform = `scaleX(${step / this.settings.steps})`;
    this.#showButtons();
    if (this.playing || step > 0) this.say(() => this.#sentence(), this.done || !this.playing);
    else this.say(() => `Nothing is trained yet: all ${this.settings.d} weights stand where they start. Press play.`, true);
  }

  #showButtons() {
    this.playButton.textContent = this.playing ? "Pause" : this.done ? "Play again" : "Play";
  }

  /** What the weights of a side say, in numbers. */
  measure(side) {
    const { weights, initial } = this.state[side];
    const { support } = this.settings;
    const sizes = Array.from(weights, Math.abs);
    const order = [...sizes.keys()].sort((i, j) => sizes[j] - sizes[i]);
    const others = sizes.filter((_, j) => !support.includes(j));
    return {
      recovered: support.every((j) => order.indexOf(j) < support.length),
      smallestTrue: Math.min(...support.map((j) => sizes[j])),
      largestTrue: Math.max(...support.map((j) => sizes[j])),
      largestOther: Math.max(0, ...others),
      smallestRatio: Math.min(...sizes.map((size, j) => size / Math.abs(initial[j]))),
      unmoved: others.length ? weights.reduce((n, w, j) => n + (!support.includes(j) && w === initial[j] ? 1 : 0), 0) : 0,
      risk: this.state[side].history.risk.at(-1),
    };
  }

  #drawSide(side) {
    const { heading, note, plot } = this.panels[side];
    const state = this.state[side];
    const name = METHOD_NAMES[state.method];
    const numbers = this.measure(side);
    for (const node of [plot.box, heading]) node.dataset.method = state.method;
    this.panels[side].box.dataset.method = state.method;
    heading.textContent = name;
    note.textContent = state.status === "diverged" ? `diverged at step ${state.step}: inner rate ${this.settings.rate}, stable below ${written(state.stableRate)}`
      : state.step === 0 ? `${this.settings.d} weights, ${this.settings.support.length} of them true`
        : `true ${written(numbers.smallestTrue)} to ${written(numbers.largestTrue)}, largest other ${written(numbers.largestOther)}`;
    note.classList.toggle("fm-alarm", state.status === "diverged");
    plot.update(state.weights);
    plot.svg.setAttribute("aria-label", `Weights of ${name} at step ${state.step}: ${note.textContent}. Smallest weight is ${written(numbers.smallestRatio)} times its start.`);
  }

  #drawCurve() {
    const wanted = this.settings.show;
    const curves = {};
    for (const side of this.sides) {
      const { history, method } = this.state[side];
      const [steps, values] = wanted === "risk" ? [history.step, history.risk] : smoothed(history.lossStep, history.loss);
      curves[side] = { name: METHOD_NAMES[method], steps, values };
    }
    const first = this.state.a.history.risk[0];
    const reference = wanted === "risk" && this.settings.start === "ones" ? first : null;
    this.curve.update({ curves, steps: this.settings.steps, reference, yLabel: wanted === "risk" ? "median error" : "loss" });
    for (const side of ["a", "b"]) {
      this.curve.lines[side].dataset.method = this.curve.ends[side].dataset.method = this.settings[side];
    }
    const points = this.settings.test === 1 ? "1 point" : `${this.settings.test} points`;
    this.curveTitle.textContent = wanted === "risk" ? `Error on 24 unseen tasks, from ${points} each` : "Training loss";
    const words = this.sides.map((side) => `${METHOD_NAMES[this.settings[side]]} ${written(curves[side].values.at(-1) ?? NaN)}`);
    this.curve.svg.setAttribute("aria-label", `${this.curveTitle.textContent}, against the meta-step, log scale. Now: ${listed(words)}.`);
  }

  #drawTask() {
    const { taskPlot } = this;
    this.points = taskPlot.points;
    const design = designOf(taskPlot.xs, this.settings.d);
    const { labels, truth } = taskPlot;
    const fits = { plain: this.#plainFit(design, labels) };
    for (const side of this.sides) fits[side] = this.#fit(side, design, labels);
    taskPlot.update(fits);
    for (const side of ["a", "b"]) taskPlot.lines.get(side).dataset.method = this.settings[side];
    this.taskErrors = Object.fromEntries(Object.entries(fits).map(([name, effective]) => [name, risk(effective, truth)]));
    const value = (name) => element("b", {}, written(this.taskErrors[name]));
    const keys = [key("fm-truth-key", "truth"), key("fm-min-norm-key", "no meta-learning, error ", value("plain"))];
    for (const side of this.sides) {
      const node = key(`fm-${side}-key`, `${METHOD_NAMES[this.settings[side]]}, error `, value(side));
      node.dataset.method = this.settings[side];
      keys.push(node);
    }
    this.taskKeys.replaceChildren(...keys);
  }

  #sentence() {
    const parts = this.sides.map((side) => {
      const state = this.state[side];
      const { method, status, step, stableRate } = state;
      const name = METHOD_NAMES[method];
      if (status === "diverged") return `${name} diverged at step ${step}: the inner rate is ${this.settings.rate}, stable below ${written(stableRate)} for these tasks and weights.`;
      const numbers = this.measure(side);
      const count = this.settings.support.length;
      const found = `its ${count} largest weights are ${numbers.recovered ? "" : state.status === "finished" ? "not " : "not yet "}the true ones`;
      const others = numbers.smallestRatio >= 0.9 ? `no weight has fallen below ${written(numbers.smallestRatio)} times its start`
        : `the largest other weight is ${written(numbers.largestOther)}`;
      return `${name}: ${found}, ${others}, and the median error on unseen tasks is ${written(numbers.risk)}.`;
    });
    const step = this.reached;
    return `Step ${step} of ${this.settings.steps}. ${parts.join(" ")}`;
  }
}

/** Points that look drawn at random and do not crowd: one from each cell, away from its walls. */
function spread(count, random) {
  return Array.from({ length: count }, (_, i) => Math.round((-1 + (2 * (i + 0.2 + 0.6 * random.uniform())) / count) * 1000) / 1000);
}

/** Medians of windows of steps: single steps see few tasks. */
function smoothed(steps, values) {
  const window = Math.max(1, Math.round(values.length / 60));
  const kept = [[], []];
  for (let i = 0; i + window <= values.length; i += window) {
    const sorted = values.slice(i, i + window).sort((p, q) => p - q);
    kept[0].push(steps[i + window - 1]);
    kept[1].push(sorted[window >> 1]);
  }
  return kept;
}

// ------------------------------------------------------------------------------------------------ chapter 1: tasks

/** Functions and marks over x; `set` takes lines and points, each with a class. */
class FunctionPlot extends Plot {
  constructor(options) {
    super({ left: 34, top: 12, ...options });
    this.layer = this.mark("g", "");
  }

  /** lines: [{ x, y, className }], points: [{ x, y, className }], with arrays of numbers; low and high: at least this range. */
  set({ lines, points, low = -1, high = 1 }) {
    const values = [...lines, ...points].flatMap(({ y }) => [...y]);
    Object.assign(this, { lines, points, low: Math.min(low, ...values), high: Math.max(high, ...values) });
    if (this.width) this.place();
  }

  place() {
    if (!this.lines) return;
    const pad = 0.06 * (this.high - this.low);
    const [low, high] = [this.low - pad, this.high + pad];
    const x = (value) => (this.left + (this.innerWidth * (value + 1)) / 2).toFixed(1);
    const y = (value) => this.floor - (this.innerHeight * (value - low)) / (high - low);
    const ticks = roundTicks(low, high).map((v) => [y(v), tickText(v)]);
    this.drawAxes(this.axisLabel ? [] : [-1, -0.5, 0, 0.5, 1].map((v) => [Number(x(v)), String(v)]), ticks, this.axisLabel ?? "x", "");
    const trace = ({ x: xs, y: ys, className }, join) => drawing("path", {
      class: className, d: Array.from(xs, (value, i) => `${i && join ? "L" : "M"}${x(value)} ${pixel(y(ys[i]))}${join ? "" : "h0"}`).join(""),
    });
    this.layer.replaceChildren(...this.lines.map((line) => trace(line, true)), ...this.points.map((mark) => trace(mark, false)));
  }
}

Object.assign(SETTINGS, {
  count: { label: "tasks", values: whole(1, 15), initial: 5 },
  points: { label: "points a task N", values: whole(2, 128), initial: 64 },
  feature: { label: "feature j", values: whole(0, 256), initial: 1 },
  favoured: { label: "favoured features s", values: [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33], initial: 3 },
  share: { label: "their share γ of the weight", values: ["equal", 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1], initial: "equal" },
});

const settingsOf = (changes) => Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, value ?? SETTINGS[name].initial]));
const sampled = Float64Array.from({ length: 1601 }, (_, i) => -1 + i / 800);

/** What chapters 1 and 2 share: every change redraws at once, nothing is trained. */
class StillExplorer extends Explorer {
  constructor(figure, initial) {
    super(figure, initial);
    this.controls = new Controls(Object.keys(initial), () => this.settings, (name, value) => this.change({ [name]: value }));
    this.build();
    this.change({});
  }

  change(changes) {
    this.settings = { ...this.settings, ...changes };
    this.settings.support = insideOf(this.settings.support, this.settings.d);
    this.controls.show(this.settings);
    this.draw();
    if (Object.keys(changes).length) this.remember();
  }

  bar() {
    return element("div", { class: "fm-bar" }, button("Draw again", () => this.change({ seed: (this.settings.seed + 1) % 100 })),
      button("Reset", () => this.change(this.initial)), this.linkButton());
  }
}

class SetupExplorer extends StillExplorer {
  constructor(figure) {
    super(figure, settingsOf({ support: null, d: 257, count: null, points: null, design: null, noise: null, seed: null, feature: null }));
  }

  build() {
    this.title = "Features and tasks";
    this.feature = new FunctionPlot({ height: 240, label: "a feature" });
    this.tasks = new FunctionPlot({ height: 240, label: "tasks" });
    this.featureTitle = this.heading();
    this.tasksTitle = this.heading();
    this.hydrate(this.bar(),
      element("div", { class: "fm-pair", "data-method": "maml" },
        element("section", { class: "fm-panel" }, this.featureTitle, this.feature.box, this.controls.controls.feature.box),
        element("section", { class: "fm-panel" }, this.tasksTitle, this.tasks.box, this.controls.controls.count.box)),
      this.summary,
      element("div", { class: "fm-groups" }, this.controls.group("Family", ["support", "d"]),
        this.controls.group("Points", ["points", "design"]), this.controls.group("Chance", ["noise", "seed"])));
  }

  draw() {
    const s = this.settings;
    const j = Math.min(s.feature, s.d - 1);
    this.dense = this.dense?.d === s.d ? this.dense : denseTable(s.d);
    const random = new Random(s.seed, 6);
    const observed = Array.from({ length: s.count }, () => {
      const effective = drawCoefficients(s.d, s.support, random);
      return { effective, ...observe(this.dense, effective, s.points, s.design, s.noise, random) };
    });
    const values = (x, effective) => predict(designOf(x, s.d), effective);
    const unit = Float64Array.from({ length: s.d }, (_, i) => (i === j ? 1 : 0));
    const isTrue = s.support.includes(j);
    this.feature.set({
      lines: [{ x: sampled, y: values(sampled, unit), className: "fm-wave" }],
      points: [{ x: observed[0].x, y: values(observed[0].x, unit), className: isTrue ? "fm-mark fm-marked" : "fm-mark" }],
      low: -1.5, high: 1.5,
    });
    this.featureTitle.textContent = `Feature ${j}: ${j ? "√2 " : ""}${featureName(j)}${isTrue ? ", a true one" : ""}`;
    this.tasks.set({
      lines: observed.map(({ effective }, t) => ({ x: sampled, y: values(sampled, effective), className: t ? "fm-task-line" : "fm-task-line fm-first" })),
      points: observed.map(({ x, labels }, t) => ({ x, y: labels, className: t ? "fm-mark fm-small" : "fm-mark fm-marked" })),
    });
    this.tasksTitle.textContent = s.count === 1 ? "One task" : `${s.count} tasks of the family`;
    const names = listed(s.support.slice(0, 6).map(featureName)) + (s.support.length > 6 ? " and more" : "");
    const first = s.support.slice(0, 6).map((k) => `${written(observed[0].effective[k])} for ${featureName(k)}`);
    const places = { random: "at random", jittered: "one in each cell of a regular grid", grid: "on a regular grid" }[s.design];
    const text = `${s.points} points ${places} are to tell ${s.d} features apart; the labels are made of ${names}. The first task: ${listed(first)}.`;
    this.feature.svg.setAttribute("aria-label", `${this.featureTitle.textContent}, over x, with the points of the first task.`);
    this.tasks.svg.setAttribute("aria-label", `${this.tasksTitle.textContent} over x, each with its points. ${text}`);
    this.say(() => text);
  }
}

// ------------------------------------------------------------------------------------------------ chapter 2: one fit

/** Coefficients of a fit against the feature index: where the signal went. */
class CoefficientsPlot extends Plot {
  constructor() {
    super({ height: 240, label: "coefficients", top: 22 });
    this.marks.append(...["others", "aliases", "true"].map((kind) => {
      const layer = drawing("g", {});
      this[kind] = { stems: this.mark("path", `fm-stem fm-${kind}-stem`, layer), heads: this.mark("path", `fm-head fm-${kind}-head`, layer) };
      return layer;
    }));
    this.rings = this.mark("path", "fm-rings");
  }

  set({ estimate, truth, support, aliases }) {
    Object.assign(this, { estimate, truth, support, aliasSet: aliases });
    if (this.width) this.place();
  }

  place() {
    if (!this.estimate) return;
    const d = this.estimate.length;
    const most = Math.max(0.1, ...Array.from(this.estimate, Math.abs), ...Array.from(this.truth, Math.abs)) * 1.1;
    const x = (j) => (this.left + 8 + ((this.innerWidth - 14) * j) / Math.max(1, d - 1)).toFixed(1);
    const y = (value) => pixel(this.floor - (this.innerHeight * (value / most + 1)) / 2);
    const ticks = roundTicks(-most, most).map((v) => [Number(y(v)), tickText(v)]);
    const every = d > 200 ? 64 : d > 100 ? 32 : d > 40 ? 16 : 8;
    this.drawAxes(Array.from({ length: Math.floor((d - 1) / every) + 1 }, (_, i) => [Number(x(i * every)), String(i * every)]),
      ticks, "feature index", "coefficient");
    const parts = { others: ["", ""], aliases: ["", ""], true: ["", ""] };
    this.estimate.forEach((value, j) => {
      const part = parts[this.support.includes(j) ? "true" : this.aliasSet.has(j) ? "aliases" : "others"];
      part[0] += `M${x(j)} ${y(0)}V${y(value)}`;
      part[1] += `M${x(j)} ${y(value)}h0`;
    });
    for (const [kind, [stems, heads]] of Object.entries(parts)) {
      this[kind].stems.setAttribute("d", stems);
      this[kind].heads.setAttribute("d", heads);
    }
    this.rings.setAttribute("d", this.support.map((j) => `M${Number(x(j)) - 6} ${y(this.truth[j])}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`).join(""));
  }
}

class FitExplorer extends StillExplorer {
  constructor(figure) {
    super(figure, settingsOf({ points: null, design: "grid", d: 257, support: null, favoured: null, share: null, noise: null, seed: null }));
  }

  build() {
    this.title = "One task, one fit";
    this.fit = new FunctionPlot({ height: 280, label: "the fit" });
    this.coefficients = new CoefficientsPlot();
    this.numbers = element("p", { class: "fm-keys" });
    this.hydrate(this.bar(),
      this.heading("The fit goes through every point"),
      element("p", { class: "fm-keys" }, key("fm-truth-key", "truth"), key("fm-min-norm-key", "weighted minimum-norm fit")), this.fit.box,
      element("div", { class: "fm-groups" }, this.controls.group("Points", ["points", "design", "noise"]),
        this.controls.group("Features", ["support", "d"]), this.controls.group("Weights", ["favoured", "share", "seed"])),
      this.heading("Where its coefficients went", { class: "fm-title fm-spaced" }), this.numbers, this.coefficients.box, this.summary);
  }

  /** Bi-level weights: the first s features hold the share gamma of the sum of w^2, the others the rest. */
  weights() {
    const { d, favoured, share } = this.settings;
    if (share === "equal") return new Float64Array(d).fill(1);
    const s = Math.min(favoured, d - 1);
    return Float64Array.from({ length: d }, (_, j) => Math.sqrt(j < s ? (share * d) / s : ((1 - share) * d) / (d - s)));
  }

  draw() {
    const s = this.settings;
    this.dense = this.dense?.d === s.d ? this.dense : denseTable(s.d);
    const random = new Random(s.seed, 7);
    const truth = drawCoefficients(s.d, s.support, random);
    const { design, x, labels } = observe(this.dense, truth, s.points, s.design, s.noise, random);
    const weights = this.weights();
    const estimate = interpolator(design, weights)(labels);
    const samples = designOf(sampled, s.d);
    this.fit.set({
      lines: [{ x: sampled, y: predict(samples, truth), className: "fm-truth" },
        { x: sampled, y: predictDense(samples, estimate), className: "fm-fit fm-min-norm" }],
      points: [{ x, y: labels, className: "fm-mark fm-marked" }],
    });
    const classes = aliasClasses(s.points, s.d).representative;
    const own = new Set(s.support.map((j) => classes[j]));
    const aliases = new Set(s.design === "grid" ? [...classes.keys()].filter((j) => own.has(classes[j])) : []);
    this.coefficients.set({ estimate, truth, support: s.support, aliases });
    const inside = s.support.reduce((sum, j) => sum + truth[j] * estimate[j], 0) / s.support.reduce((sum, j) => sum + truth[j] ** 2, 0);
    const outside = estimate.reduce((sum, value, j) => sum + (s.support.includes(j) ? 0 : value * value), 0);
    const fitted = predictDense(design, estimate);
    const trainError = fitted.reduce((sum, value, i) => sum + (value - labels[i]) ** 2, 0) / labels.length;
    const values = [["survival", written(inside)], ["contamination", written(outside)], ["error on the points", trainError < 1e-20 ? "below 10⁻²⁰" : written(trainError)], ["risk", written(risk(estimate, truth))]];
    const exact = s.design === "grid" && !s.noise ? Math.max(...aliasedMinNorm(truth, weights, s.points).map((value, j) => Math.abs(value - estimate[j]))) : null;
    if (exact !== null) values.push(["farthest from the alias formula", exact < 1e-12 ? "below 10⁻¹²" : written(exact)]);
    this.numbers.replaceChildren(...values.map(([name, value]) => element("span", { class: "fm-key" }, `${name} `, element("b", {}, value))));
    const aliased = aliases.size - s.support.filter((j) => aliases.has(j)).length;
    const text = `${s.points} points, ${s.d} features: ${values.map(([name, value]) => `${name} ${value}`).join(", ")}.`
      + (s.design === "grid" ? ` On this grid the true features share their signal with ${aliased} aliases.` : "");
    this.fit.svg.setAttribute("aria-label", `True function and fit over x. ${text}`);
    this.coefficients.svg.setAttribute("aria-label", `Coefficients of the fit against the feature index. ${text}`);
    this.say(() => text);
  }
}
