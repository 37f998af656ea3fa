// The charts that several figures share: feature weights, functions of x, and one task whose points can be dragged.

import { designOf, featureName, fourierFeatures, predict } from "./engine.mjs";
import { Chart, clamp, drawing, pixel, set, spectrum, written } from "./draw.mjs";

// ------------------------------------------------------------------------------------------------ weights

/** Smaller weights stand on the floor of the axis. */
const WEIGHT_AXIS = { low: 0.004, high: 30, scale: "log", ticks: [0.01, 0.1, 1, 10], name: "|weight|" };

/** All feature weights as stems that grow from where each started: up if amplified, down if pruned. */
export class WeightsChart extends Chart {
  constructor({ picked = () => {}, ...options }) {
    super({ height: 236, ...options });
    this.tip = this.over.appendChild(drawing("text", { class: "fm-hover", y: 12, "text-anchor": "end" }));
    this.svg.addEventListener("pointermove", (event) => this.#tell(this.#featureAt(event)));
    this.svg.addEventListener("pointerleave", () => this.#tell(null));
    this.svg.addEventListener("click", (event) => {
      const feature = this.#featureAt(event);
      if (feature !== null) picked(feature);
    });
  }

  /** weights and initial: (d,); support: the true features; aliases: a set of features; method: whose colour. */
  update({ weights, initial, support, aliases = new Set(), method }) {
    this.weights = weights;
    const last = weights.length - 1;
    const level = initial.every((w) => w === initial[0]) ? initial[0] : null;
    const start = { x: level === null ? [] : [0, last], y: [level, level], className: "fm-start" };
    const named = support.slice(0, 6).map((j) => ({ at: [j, Math.abs(weights[j])], text: featureName(j), className: "fm-name", method }));
    const startText = level === null ? "each from its own start" : "start";
    this.show({
      x: { low: 0, high: last, scale: "root", pad: 8, name: "feature index (square-root scale)",
        ticks: [0, 4, 16, 64, 128, 256, 400].filter((j) => j <= last) },
      y: WEIGHT_AXIS,
      layers: [start, ...spectrum({ values: weights, feet: initial, support, aliases, method })],
      words: [...named, { at: [last, level ?? WEIGHT_AXIS.high], text: startText, className: "fm-note", end: true }],
    });
  }

  #featureAt(event) {
    if (!this.weights) return null;
    const last = this.weights.length - 1;
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    const [first, end] = [this.x(0), this.x(last)];
    if (at < first - 8 || at > end + 8) return null;
    return Math.round(clamp((at - first) / (end - first), 0, 1) ** 2 * last);
  }

  #tell(feature) {
    const text = feature === null ? "" : `${feature}: ${featureName(feature)}, w = ${written(this.weights[feature])}`;
    set(this.tip, { x: this.width - this.right }).textContent = text;
  }
}

// ------------------------------------------------------------------------------------------------ functions of x

/** Lines and points over x; the second axis reaches at least from `low` to `high`. */
export class FunctionChart extends Chart {
  /** layers as a Chart has them; x and y: what else their axes have. */
  update({ layers, words, low = -1, high = 1, x = {}, y = {} }) {
    const values = layers.flatMap((layer) => [...layer.y]);
    const [least, most] = [Math.min(low, ...values), Math.max(high, ...values)];
    const room = 0.06 * (most - least);
    const xAxis = { low: -1, high: 1, ticks: [-1, -0.5, 0, 0.5, 1], name: "x", ...x };
    this.show({ x: xAxis, y: { low: least - room, high: most + room, ...y }, layers, words });
  }
}

// ------------------------------------------------------------------------------------------------ one task

export const MOST_POINTS = 64;
const SAMPLES = Float64Array.from({ length: 641 }, (_, i) => -1 + i / 320);
const rounded = (value) => Math.round(value * 1000) / 1000;

/** features @ effective for a fit whose coefficients are all different from zero; row after row is faster then. */
export function predictDense({ table, rows, d }, effective) {
  return Float64Array.from(rows, (row) => {
    let sum = 0;
    for (let j = 0, p = row * d; j < d; j++, p++) sum += table[p] * effective[j];
    return sum;
  });
}

/** Points that look drawn at random and do not crowd: one from each cell, away from its walls. */
export function spread(count, random) {
  return Array.from({ length: count }, (_, i) => rounded(-1 + (2 * (i + 0.2 + 0.6 * random.uniform())) / count));
}

export class TaskChart extends Chart {
  /** `changed` hears of every point that moves; `free` says whether points may leave the true curve. */
  constructor({ changed, free = () => false, xAxis = {}, yName = "", ...options }) {
    super({ height: 300, role: "group", ...options });
    Object.assign(this, { changed, free, xAxis, yName, points: [], fits: [], hidden: false });
    this.handles = this.over.appendChild(drawing("g", { class: "fm-handles" }));
    this.svg.addEventListener("click", (event) => this.#addAt(event));
  }

  /** truth: effective coefficients of the true function. */
  setTask(truth) {
    Object.assign(this, { truth, fits: [] }); // the fits belong to the task before
    const d = truth.length;
    if (this.samples?.d !== d) this.samples = { table: fourierFeatures(SAMPLES, d), rows: SAMPLES.map((_, i) => i), d };
    this.truthValues = predict(this.samples, truth);
    this.setPoints(this.points);
  }

  /** points: [{ x, offset }]; a label is the true value plus the offset. */
  setPoints(points) {
    this.points = points;
    const values = [0, ...this.truthValues, ...this.labels]; // 0 is where fits fall back to
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const half = Math.max(1, (high - low) * 0.68);
    this.range = { low: (low + high) / 2 - half, high: (low + high) / 2 + half };
    this.redraw();
  }

  get xs() { return Float64Array.from(this.points, (point) => point.x); }

  get labels() {
    const values = predict(designOf(this.xs, this.truth.length), this.truth);
    return values.map((value, i) => value + this.points[i].offset);
  }

  trueValue(x) { return predict(designOf([x], this.truth.length), this.truth)[0]; }

  /** fits: [{ effective, className, method }], the later, the further in front. */
  update(fits) {
    this.fits = fits;
    this.redraw();
  }

  redraw() {
    const curves = this.fits.map(({ effective, className, method }) =>
      ({ y: predictDense(this.samples, effective), className: `fm-fit ${className}`, method }));
    const truth = { y: this.hidden ? [] : this.truthValues, className: "fm-truth" };
    const layers = [truth, ...curves].map((layer) => ({ x: layer.y.length ? SAMPLES : [], ...layer }));
    this.show({
      x: { low: -1, high: 1, ticks: [-1, -0.5, 0, 0.5, 1], name: "x", ...this.xAxis },
      y: { ...this.range, name: this.yName },
      layers,
    });
  }

  show(shown) {
    super.show(shown);
    if (this.width) this.#showHandles();
  }

  /** Where a pointer is, in the chart's own units. */
  valueAt(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left - this.left) / this.innerWidth) * 2 - 1;
    const part = clamp((this.floor - (event.clientY - box.top)) / this.innerHeight, 0, 1);
    return [clamp(x, -1, 0.999), this.range.low + part * (this.range.high - this.range.low)];
  }

  // -- the points

  #showHandles() {
    const { labels, points, handles } = this;
    while (handles.children.length > points.length) handles.lastChild.remove();
    while (handles.children.length < points.length) handles.append(this.#handle(handles.children.length));
    points.forEach((point, i) => set(handles.children[i], {
      transform: `translate(${pixel(this.x(point.x))} ${pixel(this.y(labels[i]))})`,
      "aria-label": `Point ${i + 1} of ${points.length}: x ${point.x.toFixed(2)}, y ${labels[i].toFixed(2)}`,
    }));
  }

  #handle(index) {
    return drawing("g", {
      class: "fm-handle", tabindex: 0, role: "button", "aria-roledescription": "movable point",
      onkeydown: (event) => this.#key(event, index),
      onpointerdown: (event) => this.#grab(event, index),
      ondblclick: (event) => { event.preventDefault(); this.remove(index); },
      onclick: (event) => event.stopPropagation(),
      ontouchstart: (event) => event.preventDefault(), // touch-action does not reach inside an svg
    }, ...Object.entries({ touch: 22, ring: 10, dot: 5.5 }).map(([part, r]) => drawing("circle", { class: `fm-${part}`, r })));
  }

  #grab(event, index) {
    if (event.button !== 0) return;
    const handle = this.handles.children[index];
    handle.classList.add("fm-held");
    drag(handle, event, (moved) => this.#moveTo(index, ...this.valueAt(moved)), () => handle.classList.remove("fm-held"));
  }

  #moveTo(index, x, y) {
    const point = this.points[index];
    point.x = rounded(clamp(x, -1, 0.999));
    if (this.free()) point.offset = rounded(y - this.trueValue(point.x));
    this.#showHandles();
    this.changed();
  }

  #key(event, index) {
    const far = event.shiftKey ? 0.1 : 0.01;
    const { x } = this.points[index];
    const y = this.labels[index];
    const move = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far * 5], ArrowDown: [0, -far * 5] }[event.key];
    if (move) this.#moveTo(index, x + move[0], y + move[1]);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(index);
    else if (event.key !== " " && event.key !== "Enter") return; // these two must not scroll the page
    event.preventDefault();
  }

  #addAt(event) {
    const [x, y] = this.valueAt(event);
    this.add(x, this.free() ? y : null);
  }

  /** Adds a point: where it is told to, or in the middle of the widest gap, where it tells most. */
  add(x = this.#gap(), y = null) {
    if (this.points.length >= MOST_POINTS) return;
    this.points.push({ x: rounded(x), offset: y === null ? 0 : rounded(y - this.trueValue(x)) });
    this.#pointsChanged();
  }

  #gap() {
    const xs = [-1, ...[...this.xs].sort((p, q) => p - q), 1];
    const ends = xs.slice(1).map((x, i) => [x - xs[i], (x + xs[i]) / 2]);
    return ends.reduce((widest, end) => (end[0] > widest[0] ? end : widest))[1];
  }

  remove(index = this.points.length - 1) {
    if (this.points.length <= 1) return;
    const focused = this.handles.contains(document.activeElement);
    this.points.splice(index, 1);
    this.#pointsChanged();
    if (focused) this.handles.children[Math.min(index, this.points.length - 1)].focus();
  }

  #pointsChanged() {
    if (this.width) this.#showHandles();
    this.changed();
  }
}

/** Follows a pointer from where it went down to where it is lifted. */
export function drag(node, event, move, drop) {
  const over = new AbortController();
  const { signal } = over;
  const end = () => { over.abort(); drop(); };
  node.setPointerCapture(event.pointerId);
  node.addEventListener("pointermove", move, { signal });
  for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, end, { signal });
}
