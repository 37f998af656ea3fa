// The front page's figure and the small ones in the text: one idea and one control each, beside the sentence they prove.
// The build puts this file behind explorer.mjs, in one scope with it.

// ------------------------------------------------------------------------------------------------ which curve?

const FRONT = {
  method: "maml", nFeatures: 129, support: [0, 1, 2], noise: 0, design: "random", nPoints: 32, nTasks: 10, steps: 240,
  innerSteps: 5, innerRate: 0.02, outerRate: 0.06, stepSize: 1, seed: 1, start: "ones", scale: 1, nUnseen: 4,
  optimiser: "adam", heldOut: true,
};
const FRONT_SECONDS = 3.5;

/** Four points, and a question; then the truth, what equal weights make of it, and learned weights locking on. */
class FrontFigure extends Explorer {
  constructor(figure) {
    super(figure, {});
    this.title = "Which curve goes through these points?";
    this.port = startPort();
    this.port.onmessage = ({ data }) => this.#receive(data);
    this.run = 0;
    this.task = 3;
    this.count = 4;
    this.sketched = [];
    this.#build();
    this.#newTask();
  }

  #build() {
    this.plot = new TaskPlot({ label: this.title, onchange: () => this.#fit(), free: () => false });
    this.plot.height = 270;
    this.plot.svg.setAttribute("height", 270);
    this.plot.addCurve("plain", "fm-min-norm");
    this.plot.addCurve("learned", "fm-a");
    this.plot.lines.get("learned").dataset.method = "maml";
    this.sketch = this.plot.mark("path", "fm-sketch", this.plot.over);
    this.paper = drawing("rect", { class: "fm-paper", fill: "transparent", onpointerdown: (event) => this.#draw(event), ontouchstart: (event) => event.preventDefault() });
    this.plot.over.append(this.paper);
    const place = this.plot.place.bind(this.plot);
    this.plot.place = () => {
      place();
      for (const name of ["x", "y", "width", "height"]) this.paper.setAttribute(name, this.plot.frame.getAttribute(name) ?? 0);
      this.#showSketch();
    };
    this.weights = new WeightsPlot({ label: "feature weights", onpick: () => {} });
    this.weights.height = 170;
    this.weights.svg.setAttribute("height", 170);
    this.showButton = button("Show me", () => this.reveal(), { class: "fm-button fm-play" });
    this.againButton = button("Train again", () => this.train(), { hidden: true });
    this.taskButton = button("Another task", () => { this.task += 1; this.#newTask(); if (this.revealed) this.#fit(); });
    const id = identifier("points");
    this.slider = element("input", { id, type: "range", min: 3, max: 64, value: this.count, oninput: () => this.#setCount(Number(this.slider.value)) });
    this.sliderText = element("output", { for: id });
    this.sliderBox = element("div", { class: "fm-control fm-range fm-front-slider" }, element("label", { for: id }, "points"), this.sliderText, this.slider);
    this.keys = element("p", { class: "fm-keys" });
    this.weightsBox = element("section", { class: "fm-panel fm-front-weights", "data-method": "maml", hidden: true },
      element("p", { class: "fm-hint" }, "One weight for each of 129 features (waves): large means cheap to use. Trained on other tasks."), this.weights.box);
    this.question = element("p", { class: "fm-front-question" }, this.title);
    this.hydrate(
      element("div", { class: "fm-front" },
        element("section", { class: "fm-panel fm-task" }, this.question, this.plot.box, this.keys,
          element("div", { class: "fm-bar" }, this.showButton, this.againButton, this.taskButton, this.sliderBox)),
        this.weightsBox),
      this.summary);
    this.say(() => "Four points of an unknown curve. Draw your guess through them, or press Show me.", true);
  }

  #newTask() {
    const { nFeatures, support } = FRONT;
    this.truth = drawCoefficients(nFeatures, support, new Random(11, this.task));
    this.plot.setTask(this.truth);
    this.sketched = [];
    this.#setCount(this.count);
    this.plot.truthLine.style.display = this.revealed ? "" : "none";
  }

  #setCount(count) {
    this.count = count;
    this.slider.value = count;
    this.sliderText.textContent = String(count);
    this.slider.setAttribute("aria-valuetext", `${count} points`);
    this.plot.setPoints(spread(count, new Random(5, this.task)).map((x) => ({ x, offset: 0 })));
    if (this.revealed) this.#fit();
  }

  // -- the guess

  #draw(event) {
    if (this.revealed || event.button !== 0) return;
    this.paper.setPointerCapture(event.pointerId);
    this.sketched = [];
    const move = (moved) => {
      const box = this.plot.svg.getBoundingClientRect();
      this.sketched.push([moved.clientX - box.left, moved.clientY - box.top]);
      this.#showSketch();
    };
    const drop = () => {
      this.paper.removeEventListener("pointermove", move);
      if (this.sketched.length > 8) this.reveal();
    };
    this.paper.addEventListener("pointermove", move);
    this.paper.addEventListener("pointerup", drop, { once: true });
    this.paper.addEventListener("pointercancel", drop, { once: true });
  }

  #showSketch() {
    this.sketch.setAttribute("d", this.sketched.map(([x, y], i) => `${i ? "L" : "M"}${pixel(x)} ${pixel(y)}`).join(""));
  }

  /** Mean squared distance of the drawn curve from the truth, where it was drawn. */
  get guessError() {
    const { plot } = this;
    const errors = this.sketched.map(([px, py]) => {
      const x = clamp(((px - plot.left) / plot.innerWidth) * 2 - 1, -1, 1);
      const share = (plot.floor - py) / plot.innerHeight;
      return (plot.range[0] + share * (plot.range[1] - plot.range[0]) - plot.trueValue(x)) ** 2;
    });
    return errors.reduce((sum, error) => sum + error, 0) / errors.length;
  }

  // -- the answer

  reveal() {
    if (this.revealed) return;
    this.revealed = true;
    this.paper.remove();
    this.plot.truthLine.style.display = "";
    this.question.textContent = "Three curves through the same points";
    this.weightsBox.hidden = false;
    this.showButton.hidden = true;
    this.againButton.hidden = false;
    this.guess = this.sketched.length > 8 ? this.guessError : null;
    this.againButton.focus({ preventScroll: true });
    this.train();
  }

  train() {
    this.run += 1;
    this.state = { step: 0, weights: initialWeights(FRONT), status: "ready" };
    this.weights.prepare({ initial: this.state.weights, support: FRONT.support, aliases: new Set() });
    this.startedAt = performance.now();
    this.port.postMessage({ run: this.run, side: "a", config: FRONT });
    this.#fit();
  }

  #receive(data) {
    if (data.run !== this.run) return;
    Object.assign(this.state, data);
    if (!calm() || ENDED.has(data.status)) this.#fit();
    if (ENDED.has(data.status)) return;
    const film = calm() ? FRONT.steps : Math.ceil((FRONT.steps * (performance.now() - this.startedAt + 60)) / (1000 * FRONT_SECONDS));
    const ask = () => this.port.postMessage({ run: data.run, side: "a", steps: Math.max(1, film - data.step), milliseconds: 20 });
    if (calm()) ask();
    else requestAnimationFrame(ask);
  }

  #fit() {
    if (!this.state) return;
    const design = designOf(this.plot.xs, FRONT.nFeatures);
    const fits = {
      plain: minNorm(design, this.plot.labels, new Float64Array(FRONT.nFeatures).fill(1)),
      learned: minNorm(design, this.plot.labels, this.state.weights),
    };
    this.plot.update(fits);
    this.weights.update(this.state.weights);
    this.errors = { plain: risk(fits.plain, this.truth), learned: risk(fits.learned, this.truth) };
    const value = (error) => element("b", {}, written(error));
    const learned = key("fm-a-key", "learned weights, error ", value(this.errors.learned));
    learned.dataset.method = "maml";
    this.keys.replaceChildren(...[key("fm-truth-key", "truth"), key("fm-min-norm-key", "equal weights, error ", value(this.errors.plain)), learned,
      this.guess === null ? null : key("fm-sketch-key", "your curve, error ", value(this.guess))].filter(Boolean));
    const { step, status } = this.state;
    this.plot.svg.setAttribute("aria-label", `One task at ${this.count} points. Error with equal weights ${written(this.errors.plain)}, with learned weights ${written(this.errors.learned)}.`);
    this.say(() => `After ${step} of ${FRONT.steps} steps on other tasks: from ${this.count} points, equal weights miss by ${written(this.errors.plain)}, learned weights by ${written(this.errors.learned)}.`, ENDED.has(status));
  }
}

// ------------------------------------------------------------------------------------------------ small figures

/** A small figure: one plot, one slider, one sentence that is computed from what is drawn. */
class SmallFigure extends Explorer {
  constructor(figure, { title, label, values, initial, text = String }) {
    super(figure, {});
    this.title = title;
    this.plot = new FunctionPlot({ height: 230, label: title });
    this.plot.box.dataset.method = "maml";
    const id = identifier("small");
    this.values = values;
    this.slider = element("input", { id, type: "range", min: 0, max: values.length - 1, value: values.indexOf(initial), oninput: () => this.show() });
    this.output = element("output", { for: id });
    this.text = text;
    this.hydrate(this.plot.box, element("div", { class: "fm-control fm-range" }, element("label", { for: id }, label), this.output, this.slider), this.summary);
    this.show();
  }

  get value() { return this.values[Number(this.slider.value)]; }

  show() {
    const text = this.text(this.value);
    this.output.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    const sentence = this.draw(this.value);
    this.plot.svg.setAttribute("aria-label", `${this.title}. ${sentence}`);
    this.say(() => sentence);
  }
}

/** Chapter 2: the fastest wave that a grid of N points takes for feature 1. */
class AliasFigure extends SmallFigure {
  constructor(figure) {
    super(figure, { title: "Two waves through the same points", label: "grid points N", values: whole(8, 160), initial: 64 });
  }

  draw(n) {
    const { representative, factor } = aliasClasses(n, 257);
    const aliases = [...representative.keys()].filter((j) => j > 2 && representative[j] === 1);
    const grid = Float64Array.from({ length: n }, (_, i) => -1 + (2 * i) / n);
    const wave = (x, j, sign) => Float64Array.from(x, (v) => sign * Math.SQRT2 * Math.sin(((j + 1) >> 1) * Math.PI * v));
    const lines = [{ x: sampled, y: wave(sampled, 1, 1), className: "fm-task-line fm-first" }];
    if (aliases.length) lines.unshift({ x: sampled, y: wave(sampled, aliases[0], factor[aliases[0]]), className: "fm-wave" });
    this.plot.set({ lines, points: [{ x: grid, y: wave(grid, 1, 1), className: "fm-mark fm-marked" }], low: -1.6, high: 1.6 });
    const share = 1 / (1 + aliases.length);
    return aliases.length
      ? `On ${n} grid points, sin πx and ${aliases.length} of 256 other features pass through the same values; the slowest is ${featureName(aliases[0])}. Equal weights leave ${written(share)} of it.`
      : `On ${n} grid points nothing among 257 features can be taken for sin πx: all of it survives.`;
  }
}

/** Chapter 4: weights and coefficients slide along w^2 - alpha^2 = w0^2. */
class HyperbolaFigure extends SmallFigure {
  constructor(figure) {
    super(figure, { title: "Joint descent slides along a hyperbola", label: "start of all weights", values: [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.3], initial: 0.5 });
    this.plot.axisLabel = "coefficient α (line: w² − α² = w₀²)";
  }

  draw(start) {
    const d = 33;
    this.dense ??= denseTable(d);
    const random = new Random(4, 2);
    const truth = drawCoefficients(d, [0, 1, 2], random);
    const task = observe(this.dense, truth, 48, "random", 0, random);
    const ends = [];
    for (const steps of [0, 10, 30, 100, 300]) ends.push(jointDescent(task, new Float64Array(d).fill(start), steps, 0.02));
    const line = Float64Array.from(sampled, (alpha) => Math.hypot(alpha * 1.6, start));
    const place = (end, keep) => {
      const kept = [...end.weights.keys()].filter(keep);
      return { x: kept.map((j) => clamp(end.coefficients[j] / 1.6, -1, 1)), y: kept.map((j) => end.weights[j]) };
    };
    const isTrue = (j) => j < 3;
    this.plot.set({
      lines: [{ x: sampled, y: line, className: "fm-task-line" }],
      points: [
        ...ends.map((end) => ({ ...place(end, isTrue), className: "fm-mark fm-marked" })),
        ...ends.map((end) => ({ ...place(end, (j) => !isTrue(j)), className: "fm-mark fm-small" })),
      ],
      low: 0, high: 2,
    });
    const end = ends.at(-1);
    const others = Math.max(...[...end.weights.keys()].filter((j) => !isTrue(j)).map((j) => end.weights[j]));
    const least = Math.min(...[0, 1, 2].map((j) => end.weights[j]));
    return `After 300 steps on one task the true weights stand at ${written(least)} or more, all others at ${written(others)} or less: they started at ${start}.`;
  }
}

/** Chapters 3 and 5: false weights fall at held-out points and rise without them. */
class SplitFigure extends SmallFigure {
  constructor(figure) {
    super(figure, { title: "Weights while MAML trains", label: "MAML validates on", values: [true, false], initial: true, text: (held) => (held ? "held-out points" : "its training points") });
  }

  draw(heldOut) {
    const config = { ...FRONT, nFeatures: 65, nPoints: 24, nTasks: 6, steps: 120, heldOut };
    const trainer = new Trainer(config);
    const [x, least, most] = [[-1], [1], [1]];
    while (!trainer.done) {
      trainer.advance(4);
      x.push(-1 + (2 * trainer.step) / config.steps);
      const size = Array.from(trainer.weights, Math.abs);
      least.push((size[0] + size[1] + size[2]) / 3);
      most.push(size.slice(3).reduce((sum, w) => sum + w, 0) / 62);
    }
    this.plot.set({ lines: [{ x, y: least, className: "fm-task-line fm-first" }, { x, y: most, className: "fm-wave" }], points: [], low: 0, high: 3 });
    const moved = most.at(-1) > 1 ? "rose" : "fell";
    return `Judged by ${heldOut ? "held-out points" : "its training points"}, the 62 false weights ${moved} from 1 to ${written(most.at(-1))} on average; the true ones stand at ${written(least.at(-1))}.`;
  }
}

// ------------------------------------------------------------------------------------------------ chapter 9: a day

/** The solution of a small symmetric positive definite system, by Cholesky's decomposition. */
function solveDefinite(matrix, right) {
  const n = right.length;
  const lower = matrix.map((row) => Float64Array.from(row));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = lower[i][j];
      for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / lower[j][j];
    }
  }
  const z = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) z[i] -= lower[i][k] * z[k];
    z[i] /= lower[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) z[i] -= lower[k][i] * z[k];
    z[i] /= lower[i][i];
  }
  return z;
}

/** An unseen day, read at a few times: the mean day, one variance for each wave, and a covariance of all waves. */
class DayFigure extends Explorer {
  constructor(figure) {
    super(figure, {});
    this.title = "Read a day from a few of its hours";
    this.data = JSON.parse(figure.dataset.days);
    this.plot = new TaskPlot({ label: `${this.title}. Tab moves between the readings; arrow keys move one, Delete removes it.`, onchange: () => this.#draw(), free: () => false });
    Object.assign(this.plot, { xText: (v) => `${Math.round(12 * (v + 1))}:00`, xName: "time of day", yName: "1,000 vehicles an hour", left: 44, top: 26 });
    this.plot.addCurve("mean", "fm-min-norm");
    this.plot.addCurve("waves", "fm-b fm-dashed");
    this.plot.addCurve("together", "fm-a");
    this.plot.lines.get("waves").dataset.method = "maml";
    this.plot.lines.get("together").dataset.method = "maml";
    const id = identifier("day");
    this.select = element("select", { id, onchange: () => this.#show() }, ...this.data.days.map(({ name }, i) => element("option", { value: i }, name)));
    this.keys = element("p", { class: "fm-keys" });
    this.hydrate(
      element("div", { class: "fm-bar" }, element("label", { for: id }, "an unseen day"), this.select,
        button("Add a reading", () => this.plot.add(-0.25)), button("Remove one", () => this.plot.remove(this.plot.points.length - 1)),
        button("Reset", () => this.#show())),
      this.keys, this.plot.box, this.summary);
    this.#show();
  }

  #show() {
    this.plot.setTask(Float64Array.from(this.data.days[this.select.value].effective));
    this.plot.setPoints([7, 12, 17].map((hour) => ({ x: hour / 12 - 1, offset: 0 })));
    this.#draw();
  }

  /** Posterior mean of a day's coefficients, from readings at the points on the screen. */
  #fit(covariance) {
    const { mean, noise } = this.data;
    const d = mean.length;
    const rows = Array.from(this.plot.xs, (x) => fourierFeatures([x], d));
    const product = (row) => Float64Array.from(covariance, (line) => line.reduce((sum, value, j) => sum + value * row[j], 0));
    const spread = rows.map(product);
    const gram = rows.map((row, i) => spread.map((other, j) => row.reduce((sum, value, k) => sum + value * other[k], 0) + (i === j ? noise : 0)));
    const known = this.plot.labels.map((label, i) => label - rows[i].reduce((sum, value, k) => sum + value * mean[k], 0));
    const dual = solveDefinite(gram, known);
    return Float64Array.from(mean, (value, k) => value + spread.reduce((sum, line, i) => sum + dual[i] * line[k], 0));
  }

  #draw() {
    const fits = { mean: Float64Array.from(this.data.mean), waves: this.#fit(this.data.diagonal), together: this.#fit(this.data.full) };
    this.plot.update(fits);
    const error = Object.fromEntries(Object.entries(fits).map(([name, fit]) => [name, Math.round(1000 * Math.sqrt(risk(fit, this.plot.truth)))]));
    const entry = (className, words, name, method) => {
      const node = key(className, words, element("b", {}, String(error[name])));
      if (method) node.dataset.method = method;
      return node;
    };
    this.keys.replaceChildren(key("fm-truth-key", "the day"), entry("fm-min-norm-key", "mean day, off by ", "mean"),
      entry("fm-b-key", "one variance a wave (dashed), off by ", "waves", "maml"), entry("fm-a-key", "all waves together, off by ", "together", "maml"));
    const name = this.data.days[this.select.value].name;
    const text = `${name}, read ${this.plot.points.length} times: off by ${error.mean} vehicles an hour with the mean day, ${error.waves} with one variance for each wave, ${error.together} with a covariance of all.`;
    this.plot.svg.setAttribute("aria-label", text);
    this.say(() => text);
  }
}

// ------------------------------------------------------------------------------------------------ start

const KINDS = {
  train: TrainExplorer, setup: SetupExplorer, fit: FitExplorer, front: FrontFigure, alias: AliasFigure, hyperbola: HyperbolaFigure, split: SplitFigure, day: DayFigure,
};

function start() {
  for (const figure of document.querySelectorAll("figure[data-explorer]")) {
    const Kind = KINDS[figure.dataset.explorer];
    if (Kind) new Kind(figure);
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
