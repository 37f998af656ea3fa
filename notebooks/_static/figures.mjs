// The figures of the chapters and of the front page: one idea each, beside the sentence that they prove.

import {
  Random, aliasClasses, aliasedMinNorm, denseTable, designOf, drawCoefficients, featureName, fourierFeatures,
  interpolator, jointDescent, minNorm, observe, predict, risk,
} from "./engine.mjs";
import { observeAt } from "./kernel.mjs";
import { EmpiricalBayes } from "./bayes.mjs";
import { initialWeights } from "./training.mjs";
import { Chart, button, drawing, element, key, listed, set, spectrum, whole, written } from "./draw.mjs";
import { FunctionChart, MOST_POINTS, TaskChart, WeightsChart, drag, predictDense, spread } from "./charts.mjs";
import { Explorer, Film, Run, along, bar, hint, keys, oneOf, panel } from "./live.mjs";
import { LABORATORY, Laboratory, laboratoryRun } from "./laboratory.mjs";

const SAMPLED = Float64Array.from({ length: 1601 }, (_, i) => -1 + i / 800);
const MASSES = [9 / 257, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const ONES = (d) => new Float64Array(d).fill(1);

// ------------------------------------------------------------------------------------------------ chapter 2: one fit

const FIT = {
  points: along("points a task N", whole(2, 128), 64),
  design: { ...LABORATORY.design, initial: "grid" },
  d: { ...LABORATORY.d, initial: 257 },
  support: LABORATORY.support,
  favoured: along("favoured features s", [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33], 3),
  share: along("their share γ of the weight", ["equal", 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1], "equal"),
  noise: LABORATORY.noise,
  seed: LABORATORY.seed,
};

class FitFigure extends Explorer {
  constructor(figure) {
    super(figure, FIT);
    this.title = "One task, one fit";
  }

  build() {
    this.fit = new FunctionChart({ height: 280, label: "the fit" });
    this.coefficients = new Chart({ label: "coefficients" });
    this.numbers = keys();
    const legend = keys();
    legend.append(key("fm-truth-key", "truth"), key("fm-min-norm-key", "weighted minimum-norm fit"));
    const again = button("Draw again", () => this.change({ seed: (this.settings.seed + 1) % 100 }));
    const reset = button("Reset", () => this.change(this.initial));
    this.hydrate(bar(again, reset, this.linkButton()), this.heading("One fit, and its points"), legend, this.fit.box,
      element("div", { class: "fm-groups" }, this.group("Points", ["points", "design", "noise"]),
        this.group("Features", ["support", "d"]), this.group("Weights", ["favoured", "share", "seed"])),
      this.heading("Where its coefficients went", { class: "fm-title fm-spaced" }), this.numbers, this.coefficients.box,
      this.summary);
  }

  /** Bi-level weights: the first s features hold the share gamma of the sum of w^2, the others the rest. */
  get weights() {
    const { d, favoured, share } = this.settings;
    if (share === "equal") return ONES(d);
    const s = Math.min(favoured, d - 1);
    return ONES(d).map((_, j) => Math.sqrt(j < s ? (share * d) / s : ((1 - share) * d) / (d - s)));
  }

  draw() {
    const { d, support, points, design, noise, seed } = this.settings;
    this.dense = this.dense?.d === d ? this.dense : denseTable(d);
    const random = new Random(seed, 7);
    const truth = drawCoefficients(d, support, random);
    const task = observe(this.dense, truth, points, design, noise, random);
    const estimate = interpolator(task.design, this.weights)(task.labels);
    const samples = designOf(SAMPLED, d);
    this.fit.update({ layers: [
      { x: SAMPLED, y: predict(samples, truth), className: "fm-truth" },
      { x: SAMPLED, y: predictDense(samples, estimate), className: "fm-fit fm-min-norm" },
      { kind: "dots", x: task.x, y: task.labels, className: "fm-mark fm-marked" },
    ] });
    const classes = aliasClasses(points, d).representative;
    const own = new Set(support.map((j) => classes[j]));
    const aliases = new Set(design === "grid" ? whole(0, d - 1).filter((j) => own.has(classes[j])) : []);
    this.#drawCoefficients(estimate, truth, aliases);
    const values = this.#measure(task, estimate, truth);
    this.numbers.replaceChildren(...values.map(([name, value]) =>
      element("span", { class: "fm-key" }, `${name} `, element("b", {}, value))));
    const others = [...aliases].filter((j) => !support.includes(j)).length;
    const text = `${points} points, ${d} features: ${values.map((pair) => pair.join(" ")).join(", ")}.`
      + (design === "grid" ? ` On this grid the true features share their signal with ${others} aliases.` : "");
    this.fit.label = `True function and fit over x. ${text}`;
    this.coefficients.label = `Coefficients of the fit against the feature index. ${text}`;
    this.say(() => text);
  }

  #drawCoefficients(estimate, truth, aliases) {
    const { d, support } = this.settings;
    const most = Math.max(0.1, ...Array.from(estimate, Math.abs), ...Array.from(truth, Math.abs)) * 1.1;
    const stems = { values: estimate, feet: new Float64Array(d), support, aliases, method: "min-norm" };
    const every = d > 200 ? 64 : d > 100 ? 32 : d > 40 ? 16 : 8;
    this.coefficients.show({
      x: { low: 0, high: d - 1, pad: 8, ticks: whole(0, Math.floor((d - 1) / every)).map((i) => i * every), name: "feature index" },
      y: { low: -most, high: most, name: "coefficient" },
      layers: [...spectrum(stems), { kind: "rings", x: support, y: support.map((j) => truth[j]), className: "fm-rings" }],
    });
  }

  /** Names and numbers: how much of the signal is there, how much is elsewhere, and what it costs. */
  #measure({ design, labels }, estimate, truth) {
    const { support, points, noise } = this.settings;
    const sum = (list) => list.reduce((total, value) => total + value, 0);
    const short = (value, least, words) => (value < least ? words : written(value));
    const inside = sum(support.map((j) => truth[j] * estimate[j])) / sum(support.map((j) => truth[j] ** 2));
    const outside = sum(Array.from(estimate, (value, j) => (support.includes(j) ? 0 : value * value)));
    const error = sum(predictDense(design, estimate).map((value, i) => (value - labels[i]) ** 2)) / points;
    const values = [["survival", written(inside)], ["contamination", written(outside)],
      ["error on the points", short(error, 1e-20, "below 10⁻²⁰")], ["risk", written(risk(estimate, truth))]];
    if (this.settings.design !== "grid" || noise) return values;
    const formula = aliasedMinNorm(truth, this.weights, points);
    const farthest = Math.max(...formula.map((value, j) => Math.abs(value - estimate[j])));
    return [...values, ["farthest from the alias formula", short(farthest, 1e-12, "below 10⁻¹²")]];
  }
}

// ------------------------------------------------------------------------------------------------ the front page

const FRONT = {
  method: "maml", nFeatures: 129, support: [0, 1, 2], noise: 0, design: "random", nPoints: 32, nTasks: 10, steps: 240,
  innerSteps: 5, innerRate: 0.02, outerRate: 0.06, stepSize: 1, seed: 1, start: "ones", scale: 1, nUnseen: 4,
  optimiser: "adam", heldOut: true,
};
const FRONT_LENGTH = 3500;

/** Four points, and a question; then the truth, what equal weights make of it, and learned weights locking on. */
class FrontFigure extends Explorer {
  constructor(figure) {
    super(figure, { points: along("points", whole(3, MOST_POINTS), 4), task: along("task", whole(1, 999), 3) });
    this.title = "Which curve goes through these points?";
    this.film = new Film(() => this.draw(), FRONT_LENGTH, 1);
    this.run = new Run(() => this.film.told());
    this.film.runs = [this.run];
    this.sketched = [];
    this.guess = null;
  }

  build() {
    this.plot = new TaskChart({ label: this.title, height: 270, changed: () => this.draw() });
    this.plot.hidden = true;
    this.plot.placed = () => this.#showSketch(); // the chart is narrower once the weights stand beside it
    this.sketch = drawing("path", { class: "fm-sketch" });
    this.paper = drawing("rect", {
      class: "fm-paper", fill: "transparent", width: "100%", height: 270,
      onpointerdown: (event) => this.#draw(event), ontouchstart: (event) => event.preventDefault(),
    });
    this.plot.over.append(this.sketch, this.paper);
    this.weights = new WeightsChart({ label: "feature weights", height: 170 });
    this.showButton = button("Show me", () => this.reveal(), { class: "fm-button fm-play" });
    this.againButton = button("Train again", () => this.train(), { hidden: true });
    const another = button("Another task", () => this.change({ task: (this.settings.task % 999) + 1 }));
    this.legend = keys();
    this.question = element("p", { class: "fm-front-question" }, this.title);
    this.weightsBox = panel("fm-front-weights",
      hint("One weight for each feature (129 here, to be quick): large means cheap to use. Trained on other tasks."), this.weights.box);
    set(this.weightsBox, { "data-method": "maml", hidden: true });
    const controls = bar(this.showButton, this.againButton, another, this.controls.points.box);
    const front = element("div", { class: "fm-front" },
      panel("fm-task", this.question, this.plot.box, this.legend, controls), this.weightsBox);
    this.hydrate(front, this.summary);
    this.say(() => "Four points of an unknown curve. Draw your guess through them, or press Show me.", true);
  }

  prepare() {
    const { points, task } = this.settings;
    const truth = drawCoefficients(FRONT.nFeatures, FRONT.support, new Random(11, task));
    if (task !== this.taskNow) this.#forget();
    this.taskNow = task;
    this.plot.setTask(truth);
    this.plot.setPoints(spread(points, new Random(5, task)).map((x) => ({ x, offset: 0 })));
  }

  obey(text) {
    this.reveal();
    super.obey(text);
  }

  // -- the guess

  #forget() {
    this.sketched = [];
    this.guess = null;
    this.#showSketch();
  }

  #draw(event) {
    if (event.button !== 0) return;
    this.#forget();
    drag(this.paper, event, (moved) => {
      this.sketched.push(this.plot.valueAt(moved));
      this.#showSketch();
    }, () => { if (this.sketched.length > 8) this.reveal(); });
  }

  #showSketch() {
    const { plot } = this;
    set(this.sketch, { d: this.sketched.map(([x, y], i) => `${i ? "L" : "M"}${plot.x(x)} ${plot.y(y)}`).join("") });
  }

  // -- the answer

  reveal() {
    if (this.run.status !== "none") return;
    this.paper.remove();
    this.plot.hidden = false;
    this.weightsBox.hidden = false;
    this.showButton.hidden = true;
    this.againButton.hidden = false;
    const errors = this.sketched.map(([x, y]) => (y - this.plot.trueValue(x)) ** 2);
    this.guess = errors.length > 8 ? errors.reduce((sum, error) => sum + error, 0) / errors.length : null;
    this.question.textContent = `Three curves through the same points${this.guess === null ? "" : ", and yours"}`;
    this.againButton.focus({ preventScroll: true });
    this.train();
  }

  train() {
    this.run.begin(FRONT);
    this.film.play();
    this.draw();
  }

  draw() {
    const { plot, run } = this;
    if (run.status === "none") return;
    const design = designOf(plot.xs, FRONT.nFeatures);
    const plain = minNorm(design, plot.labels, ONES(FRONT.nFeatures));
    const learned = minNorm(design, plot.labels, run.weights);
    plot.update([{ effective: plain, className: "fm-min-norm" }, { effective: learned, className: "fm-a", method: "maml" }]);
    this.weights.update({ weights: run.weights, initial: run.initial, support: FRONT.support, method: "maml" });
    this.errors = { plain: risk(plain, plot.truth), learned: risk(learned, plot.truth) };
    const [equalError, learnedError] = [written(this.errors.plain), written(this.errors.learned)];
    const guess = this.guess === null ? [] : [key("fm-sketch-key", "your curve, error ", written(this.guess))];
    this.legend.replaceChildren(key("fm-truth-key", "truth"), key("fm-min-norm-key", "equal weights, error ", equalError),
      key("fm-a-key", "learned weights, error ", learnedError, "maml"), ...guess);
    const count = plot.points.length;
    plot.label = `One task at ${count} points. Error with equal weights ${equalError}, with learned weights ${learnedError}.`;
    this.tell({ points: count, plain: equalError, learned: learnedError });
    this.say(() => `After ${run.step} of ${FRONT.steps} steps on other tasks: from ${count} points, equal weights miss by `
      + `${equalError}, learned weights by ${learnedError}.`, run.done);
  }
}

// ------------------------------------------------------------------------------------------------ small figures

/** One chart, one control, one sentence that is computed from what is drawn; SMALL says which. */
class SmallFigure extends Explorer {
  constructor(figure) {
    const small = SMALL[figure.dataset.explorer];
    super(figure, { at: small.control });
    Object.assign(this, small, { runs: {} });
  }

  begin() {
    super.begin();
    this.whenSeen(() => {
      this.seen = true;
      this.draw();
    });
  }

  build() {
    const ChartKind = this.ofWeights ? WeightsChart : FunctionChart;
    this.plot = new ChartKind({ height: 230, label: this.title });
    this.plot.box.dataset.method = this.method ?? "maml";
    this.link = this.opens ? element("a", { class: "fm-link" }, "Open these settings in the laboratory") : "";
    this.hydrate(this.plot.box, this.controls.at.box, this.summary, this.link);
  }

  draw() {
    const sentence = this.picture(this.settings.at);
    this.plot.label = `${this.title}. ${sentence}`;
    this.say(() => sentence);
  }

  /** The run of a name with its trail of weights: begun once the figure is seen, trained while it is asked for. */
  trained(name, config, every = 4) {
    const run = this.runs[name] ??= new Run((now) => {
      if (now.trail.length < now.history.step.length) now.trail.push(now.weights);
      this.draw();
    });
    const wanted = JSON.stringify(config);
    if (this.seen && run.wanted !== wanted) {
      Object.assign(run, { wanted, trail: [] });
      run.begin(config);
    }
    run.ask(run.step + every, 20);
    return run;
  }

  /** A line of risks against the start: one run for each. */
  risks(name, changes) {
    const runs = STARTS.map((scale) => this.trained(`${name}, ${scale}`, { ...SMALL_RUN, ...changes, scale }, SMALL_RUN.steps));
    const ready = whole(0, STARTS.length - 1).filter((i) => runs[i].done);
    return { name, runs, x: ready.map((i) => STARTS[i]), y: ready.map((i) => runs[i].risk) };
  }

  pictureOfStarts(start, lines, sentence) {
    const at = STARTS.indexOf(start);
    const chosen = lines.map(({ runs }) => runs[at]);
    const ready = chosen.every((run) => run.done);
    const errors = chosen.map((run) => run.risk);
    const layers = lines.map(({ x, y }, i) => ({ x, y, className: i ? "fm-line fm-dashed" : "fm-line", method: this.method }));
    const dots = { kind: "dots", x: errors.map(() => start), y: errors, className: "fm-head fm-true", method: this.method };
    this.plot.update({
      layers: ready ? [...layers, dots] : layers, words: ends(layers, lines.map(({ name }) => name)),
      x: { low: STARTS[0], high: STARTS.at(-1), scale: "log", ticks: [0.001, 0.01, 0.1, 1], name: "where all weights start", pad: 8 },
      y: { low: 1e-9, high: 30, scale: "log", name: "median error from 4 points" },
    });
    if (!ready) {
      this.untold();
      const every = lines.flatMap(({ runs }) => runs);
      return `Training from ${STARTS.length} starts: ${every.filter((run) => run.done).length} of ${every.length} runs have ended.`;
    }
    this.tell(Object.fromEntries(errors.map((error, i) => [`error${i + 1}`, written(error)])));
    return sentence(errors);
  }

  /** The weights of a run that the laboratory makes, too. */
  pictureOfWeights(changes) {
    const { config, address } = laboratoryRun(changes);
    const run = this.trained("run", config);
    const initial = initialWeights(config);
    const weights = this.seen ? run.weights : initial;
    this.plot.update({ weights, initial, support: config.support, method: config.method });
    this.link.href = address;
    if (!run.done) {
      this.untold();
      return `Step ${run.step} of ${config.steps}.`;
    }
    const sizes = Array.from(weights, Math.abs);
    const trueOnes = config.support.map((j) => sizes[j]);
    const [least, most] = [Math.min(...trueOnes), Math.max(...trueOnes)].map(written);
    const other = written(Math.max(...sizes.filter((_, j) => !config.support.includes(j))));
    this.tell({ least, most, other, risk: written(run.risk) });
    return `After ${run.step} steps the true weights stand at ${least} to ${most}, the largest other at ${other}. `
      + `Unseen tasks of 4 points are missed by ${written(run.risk)}, the median of 24.`;
  }
}

const SMALL_RUN = { ...FRONT, nFeatures: 65, nPoints: 24, nTasks: 6, steps: 120 };
const OVER_STEPS = {
  low: 0, high: 3, x: { low: 0, high: SMALL_RUN.steps, ticks: [0, 60, 120], name: "meta-step" }, y: { name: "|weight|" },
};
const STARTS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 2];

/** Names at the ends of lines. */
function ends(lines, names) {
  const drawn = lines.map(({ x, y }, i) => ({ at: [x.at(-1), y.at(-1)], text: names[i], className: "fm-note", end: true }));
  return drawn.filter(({ at }) => at[1] !== undefined);
}

/** The figures by the names that the page gives them: { title, control, picture }; `picture` returns the sentence. */
const SMALL = {
  /** Chapter 1: what the points of one task leave open. */
  many: {
    title: "Three curves through the same points",
    control: along("points N", whole(2, 128), 4),
    picture(n) {
      const d = 257;
      this.samples ??= designOf(SAMPLED, d);
      const x = Float64Array.from(spread(n, new Random(5, 1)));
      const design = designOf(x, d);
      const truth = drawCoefficients(d, [0, 1, 2], new Random(3, 3));
      // Another function minus its own fit of the points is zero at all of them.
      const smooth = ONES(d).map((_, j) => (1 + ((j + 1) >> 1)) ** -1.5);
      const fitted = interpolator(design, smooth);
      const strangers = [1, 2].map((seed) => {
        const random = new Random(seed, 8);
        const other = smooth.map((size) => 4 * size * random.normal());
        const fit = fitted(predict(design, other));
        return truth.map((value, j) => value + other[j] - fit[j]);
      });
      const curve = (effective, className) => ({ x: SAMPLED, y: predictDense(this.samples, effective), className });
      this.plot.update({ low: -3, high: 3, layers: [
        ...strangers.map((stranger) => curve(stranger, "fm-task-line fm-other")), curve(truth, "fm-task-line fm-first"),
        { kind: "dots", x, y: predict(design, truth), className: "fm-mark fm-marked" },
      ] });
      Object.assign(this, { x, truth, strangers });
      this.tell({ open: d - n });
      return `${n} points leave ${d - n} of ${d} directions open: the grey curves go through all of them, too, and are `
        + `${listed(strangers.map((stranger) => written(Math.sqrt(risk(stranger, truth)))))} away from the true one between them.`;
    },
  },

  /** Chapter 2: the fastest wave that a grid of N points takes for feature 1. */
  alias: {
    title: "Two waves through the same points",
    control: along("grid points N", whole(8, 160), 64),
    picture(n) {
      const { representative, factor } = aliasClasses(n, 257);
      const aliases = whole(3, 256).filter((j) => representative[j] === 1);
      const grid = whole(0, n - 1).map((i) => -1 + (2 * i) / n);
      const wave = (x, j, sign) => x.map((v) => sign * Math.SQRT2 * Math.sin(((j + 1) >> 1) * Math.PI * v));
      const slowest = aliases.slice(0, 1).map((j) => ({ x: SAMPLED, y: wave(SAMPLED, j, factor[j]), className: "fm-wave" }));
      this.plot.update({ low: -1.6, high: 1.6, layers: [
        ...slowest,
        { x: SAMPLED, y: wave(SAMPLED, 1, 1), className: "fm-task-line fm-first" },
        { kind: "dots", x: grid, y: wave(grid, 1, 1), className: "fm-mark fm-marked" },
      ] });
      const share = written(1 / (1 + aliases.length));
      this.tell({ aliases: aliases.length, share });
      return aliases.length
        ? `On ${n} grid points, sin πx and ${aliases.length} of 256 other features pass through the same values; `
          + `the slowest is ${featureName(aliases[0])}. Equal weights leave ${share} of it.`
        : `On ${n} grid points nothing among 257 features can be taken for sin πx: all of it survives.`;
    },
  },

  /** Chapter 4: weights and coefficients slide along w^2 - alpha^2 = w0^2. */
  hyperbola: {
    title: "Joint descent slides along a hyperbola",
    control: along("start of all weights", [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.3], 0.5),
    picture(start) {
      const d = 33;
      this.dense ??= denseTable(d);
      const random = new Random(4, 2);
      const truth = drawCoefficients(d, [0, 1, 2], random);
      const task = observe(this.dense, truth, 48, "random", 0, random);
      const ends = [0, 10, 30, 100, 300].map((steps) => jointDescent(task, ONES(d).map(() => start), steps, 0.02));
      const [trueOnes, others] = [[0, 1, 2], whole(3, d - 1)];
      const marks = (features, className) => ends.map((end) => ({
        kind: "dots", x: features.map((j) => end.coefficients[j]), y: features.map((j) => end.weights[j]), className,
      }));
      const alpha = SAMPLED.map((value) => value * 1.6);
      const curve = { x: alpha, y: alpha.map((value) => Math.hypot(value, start)), className: "fm-task-line" };
      this.plot.update({
        low: 0, high: 2, x: { low: -1.6, high: 1.6, ticks: [-1, 0, 1], name: "coefficient α (line: w² − α² = w₀²)" },
        y: { name: "weight w" },
        layers: [curve, ...marks(trueOnes, "fm-mark fm-marked"), ...marks(others, "fm-mark fm-small")],
      });
      const { weights } = ends.at(-1);
      const least = written(Math.min(...trueOnes.map((j) => weights[j])));
      const most = written(Math.max(...others.map((j) => weights[j])));
      this.tell({ least, most });
      return `After 300 steps on one task the true weights stand at ${least} or more, all others at ${most} or less: `
        + `they started at ${start}.`;
    },
  },

  /** Chapter 3: one weight, followed by two judges. */
  judges: {
    title: "One weight while MAML trains, with two judges",
    control: along("weight of feature", whole(0, 64), 7),
    picture(j) {
      const held = this.trained("held", { ...SMALL_RUN, heldOut: true });
      const fitted = this.trained("fitted", { ...SMALL_RUN, heldOut: false });
      const line = ({ history, trail }, className) =>
        ({ x: history.step, y: trail.map((weights) => Math.abs(weights[j])), className });
      const lines = [line(held, "fm-task-line fm-first"), line(fitted, "fm-task-line fm-other fm-dashed")];
      this.plot.update({ ...OVER_STEPS, layers: lines, words: ends(lines, ["held-out points judge", "its training points judge"]) });
      const [low, high] = lines.map(({ y }) => y.at(-1) ?? 1);
      this.tell({ feature: featureName(j), kind: j < 3 ? "true" : "false", held: written(low), fitted: written(high) });
      if (!held.done || !fitted.done) return `Step ${held.step} of ${SMALL_RUN.steps}.`;
      const moved = (end) => `${end > 1 ? "rises" : "falls"} to ${written(end)}`;
      return `Feature ${j}, ${featureName(j)}, is ${j < 3 ? "true" : "false"}. Its weight starts at 1 and ${moved(low)} where `
        + `held-out points judge; it ${moved(high)} where the training points do.`;
    },
  },

  /** Chapter 5: false weights fall at held-out points and rise without them. */
  split: {
    title: "Weights while MAML trains",
    control: oneOf("MAML validates on", { yes: "held-out points", no: "its training points" }),
    picture(judge) {
      const { history, trail, done, step } = this.trained(judge, { ...SMALL_RUN, heldOut: judge === "yes" });
      const mean = (list) => list.reduce((sum, w) => sum + Math.abs(w), 0) / list.length;
      const [trueOnes, others] = [[0, 3], [3, 65]].map((span) => trail.map((weights) => mean(weights.slice(...span))));
      const lines = [{ x: history.step, y: trueOnes, className: "fm-task-line fm-first" },
        { x: history.step, y: others, className: "fm-task-line fm-other" }];
      this.plot.update({ ...OVER_STEPS, layers: lines, words: ends(lines, ["true", "false"]) });
      if (!done) {
        this.untold();
        return `Step ${step} of ${SMALL_RUN.steps}.`;
      }
      const [end, trueEnd] = [others.at(-1), written(trueOnes.at(-1))];
      this.tell({ others: written(end), true: trueEnd, moved: end > 1 ? "rose" : "fell" });
      return `Judged by ${this.control.choices[judge]}, the 62 false weights ${end > 1 ? "rose" : "fell"} from 1 to `
        + `${written(end)} on average; the true ones stand at ${trueEnd}.`;
    },
  },

  /** Chapter 4: the smaller the start, the better Reptile's weights. */
  starts: {
    title: "Error on unseen tasks against the start of Reptile's weights",
    method: "reptile",
    control: along("start of all weights", STARTS, 1),
    picture(start) {
      const lines = [this.risks("Reptile", { method: "reptile", innerSteps: 20 })];
      return this.pictureOfStarts(start, lines, (risks) =>
        `From a start of ${start} Reptile's weights miss an unseen task of 4 points by ${written(risks[0])}, the median of 24.`);
    },
  },

  /** Chapter 5: with nothing held out, the start helps only under one common scale of step. */
  optimisers: {
    title: "Error on unseen tasks against the start, with nothing held out",
    control: along("start of all weights", STARTS, 1),
    picture(start) {
      const lines = ["Adam", "one common scale"].map((name, i) =>
        this.risks(name, { heldOut: false, optimiser: i ? "descent" : "adam" }));
      return this.pictureOfStarts(start, lines, (risks) =>
        `From a start of ${start}, MAML judged by its training points misses an unseen task of 4 points by ${written(risks[0])} `
        + `under Adam, by ${written(risks[1])} under one common scale of step.`);
    },
  },

  /** Chapter 6: prior variances grow sharp, because true features take away what false ones seemed to explain. */
  bayes: {
    title: "Prior variances growing sharp",
    method: "empirical-bayes",
    control: along("steps of empirical Bayes", whole(0, 60), 12),
    picture(step) {
      const support = [12, 33, 60];
      const random = new Random(6, 2);
      const draw = () => observeAt(257, support, support.map(() => random.normal()), { nPoints: 4 }, random);
      this.learner ??= new EmpiricalBayes(257, Array.from({ length: 15 }, draw));
      const weights = () => this.learner.variances.map(Math.sqrt);
      this.stages ??= [weights()];
      while (this.stages.length <= step) {
        this.learner.advance();
        this.stages.push(weights());
      }
      const values = this.stages[step];
      this.plot.update({
        low: 0, high: 1.2, x: { low: 0, high: 256, ticks: [0, 64, 128, 192, 256], pad: 6, name: "feature index" },
        y: { name: "prior standard deviation" },
        layers: spectrum({ values, feet: ONES(257).fill(0), support, aliases: new Set(), method: this.method }),
        words: support.map((j) => ({ at: [j, values[j]], text: String(j), className: "fm-name", method: this.method })),
      });
      const least = Math.min(...support.map((j) => values[j]));
      const others = Math.max(...values.filter((_, j) => !support.includes(j)));
      this.tell({ least: written(least), others: written(others) });
      const sharp = least > others
        ? `the true features stand at ${written(least)} or more, the largest of 254 others at ${written(others)}`
        : `the largest of 254 false features stands at ${written(others)}, above a true one at ${written(least)}`;
      return `After ${step} step${step === 1 ? "" : "s"} on 15 tasks of 4 points ${sharp}.`;
    },
  },

  /** Chapter 7: a sign survives where a value does not. */
  sign: {
    title: "One task of signs, and a fit",
    control: { ...along("mass γ on nine features", MASSES, 9 / 257), text: written },
    picture(mass) {
      this.task ??= signTask();
      const { x, labels, truth, samples } = this.task;
      const weights = ONES(257).map((_, j) => Math.sqrt(j < 9 ? mass / 9 : (1 - mass) / 248));
      const fit = predictDense(samples, minNorm(designOf(x, 257), labels, weights));
      const missed = [...truth.keys()].filter((i) => fit[i] * truth[i] < 0);
      this.scores = {
        accuracy: 1 - missed.length / truth.length,
        distance: fit.reduce((sum, value, i) => sum + (value - truth[i]) ** 2, 0) / truth.length,
      };
      const wrong = { x: missed.map((i) => samples.x[i]), y: missed.map(() => -1.7) };
      this.plot.update({ low: -1.8, high: 1.6, y: { name: "label" }, layers: [
        { x: samples.x, y: truth, className: "fm-truth" },
        { x: samples.x, y: fit, className: "fm-fit fm-min-norm" },
        { ...wrong, kind: "dots", className: "fm-mark fm-missed" },
        { x, y: labels, kind: "dots", className: "fm-mark" },
      ], words: [{ at: [1, -1.7], text: "where the sign is wrong", className: "fm-note", end: true }] });
      const [percent, distance] = [(100 * this.scores.accuracy).toFixed(1), written(this.scores.distance)];
      this.tell({ percent, distance });
      return `With the mass ${written(mass)} on the nine lowest features the fit is off by ${distance} in squared `
        + `distance, where predicting 0 is off by 1; its sign is right at ${percent} % of all x.`;
    },
  },

  /** The end of chapter 3: whichever features are true, MAML finds them. */
  find: {
    title: "Weights that MAML learns",
    ofWeights: true,
    control: along("first of the three true features", whole(0, 126), 0),
    opens: true,
    picture(first) { return this.pictureOfWeights({ support: [first, first + 1, first + 2] }); },
  },

  /** The end of chapter 4: where Reptile's weights start decides what they are worth. */
  amplify: {
    title: "Weights that Reptile learns",
    method: "reptile",
    ofWeights: true,
    control: along("start of all weights", STARTS, 1),
    opens: true,
    picture(scale) { return this.pictureOfWeights({ a: "reptile", scale }); },
  },
};

/** A task of 64 signs, and what it says everywhere. */
function signTask() {
  const random = new Random(7, 3);
  const coefficients = [0, 1, 2].map(() => random.normal());
  const { places, labels } = observeAt(257, [0, 1, 2], coefficients, { nPoints: 64 }, random);
  const sign = (value) => (value >= 0 ? 1 : -1);
  const grid = Float64Array.from({ length: 1024 }, (_, i) => -1 + i / 512);
  const truth = predict(designOf(grid, 3), coefficients).map(sign);
  const x = Float64Array.from(places, (place) => place / 1024 - 1);
  return { x, labels: labels.map(sign), truth, samples: { ...designOf(grid, 257), x: grid } };
}

// ------------------------------------------------------------------------------------------------ chapter 8: 65,537 features

const WIDE = {
  method: "maml by tables", nFeatures: 65537, noise: 0, design: "random", nPoints: 64, nTasks: 15, steps: 150,
  innerSteps: 5, innerRate: 0.02, outerRate: 0.08, start: "ones", scale: 0.001, optimiser: "descent", nUnseen: 16,
};
const BLOCK = 128; // of features that share a stem, that of the largest
const START = "All 65,537 weights stand at 0.001. Three features are true; which ones is drawn when you press the button.";

/** Three features rise out of 65,537: one of each third, drawn anew for every run. */
class WideFigure extends Explorer {
  constructor(figure) {
    super(figure);
    this.title = "Three features of 65,537";
    this.film = new Film(() => this.draw(), 1);
    this.run = new Run(() => this.film.told());
    this.film.runs = [this.run];
    this.seed = 0;
  }

  build() {
    this.chart = new Chart({ label: this.title, height: 260 });
    this.chart.box.dataset.method = "maml";
    this.button = button("", () => this.#toggle(), { class: "fm-button fm-play" });
    this.hydrate(this.chart.box, bar(this.button), this.summary);
  }

  #toggle() {
    if (this.film.playing) this.film.pause();
    else this.#play();
    this.draw();
  }

  #play() {
    if (this.run.done || this.run.status === "none") {
      this.seed += 1;
      const random = new Random(8, this.seed);
      const support = [0.1, 1.1, 2.1].map((third) => Math.floor(((third + 0.8 * random.uniform()) / 3) * WIDE.nFeatures));
      this.run.begin({ ...WIDE, support, seed: this.seed });
    }
    this.film.play();
  }

  draw() {
    const { run, film } = this;
    const { support = [] } = run.config ?? {};
    const size = (run.weights ?? ONES(WIDE.nFeatures).fill(WIDE.scale)).map(Math.abs);
    const others = size.map((value, j) => (support.includes(j) ? 0 : value));
    const blocks = whole(0, Math.floor(size.length / BLOCK) - 1);
    const most = blocks.map((i) => Math.max(...others.subarray(i * BLOCK, (i + 1) * BLOCK + 1))); // the last has one more
    const stems = (x, y, kind) => [
      { kind: "stems", x, y, feet: x.map(() => WIDE.scale), className: `fm-stem ${kind}`, method: "maml" },
      { kind: "dots", x, y, className: `fm-head ${kind}`, method: "maml" },
    ];
    const comma = (value) => value.toLocaleString("en");
    this.chart.show({
      x: { low: 0, high: WIDE.nFeatures - 1, ticks: [0, 20000, 40000, 60000], text: comma, pad: 4, name: "feature index" },
      y: { low: 1e-4, high: 20, scale: "log", ticks: [1e-4, 0.001, 0.01, 0.1, 1, 10], name: "|weight|, largest of each 128" },
      layers: [...stems(blocks.map((i) => (i + 0.5) * BLOCK), most, ""), ...stems(support, support.map((j) => size[j]), "fm-true")],
      words: support.map((j) => ({ at: [j, size[j]], text: comma(j), className: "fm-name", method: "maml" })),
    });
    this.button.textContent = film.playing ? "Pause" : run.done || run.status === "none" ? "Train 65,537 features" : "Go on";
    const sentence = run.step ? this.#words(support.map((j) => size[j]), size, Math.max(...most)) : START;
    this.chart.label = `${this.title}. ${sentence}`;
    this.say(() => sentence, run.done);
  }

  /** The rate is that since the button was pressed last. */
  #words(found, size, other) {
    const { run, film } = this;
    const squares = (list) => list.reduce((sum, w) => sum + w * w, 0);
    const rate = (1000 * (run.step - film.startStep)) / (performance.now() - film.startedAt);
    return `Step ${run.step} of ${run.config.steps}, ${written(rate)} steps a second: the three true weights `
      + `${Math.min(...found) > other ? "are" : "are not yet"} the largest of 65,537, and hold `
      + `${(100 * squares(found) / squares(size)).toFixed(1)} % of the sum of squares.`
      + (run.done ? ` An unseen task is read from 16 points with a risk of ${written(run.risk)}.` : "");
  }
}

// ------------------------------------------------------------------------------------------------ chapter 9: a day

/** An unseen day, read at a few times: the mean day, one variance for each wave, and a covariance of all waves. */
class DayFigure extends Explorer {
  constructor(figure) {
    const data = JSON.parse(figure.dataset.days);
    super(figure, { day: oneOf("an unseen day", Object.fromEntries(data.days.map(({ name }, i) => [i, name]))) });
    this.data = data;
    this.title = "Read a day from a few of its hours";
  }

  build() {
    this.plot = new TaskChart({
      label: this.title, changed: () => this.draw(), yName: "1,000 vehicles an hour",
      xAxis: { text: (v) => `${Math.round(12 * (v + 1))}:00`, name: "time of day" },
    });
    this.plot.right = 26; // for the half of "24:00" that stands beyond the axis
    this.legend = keys();
    this.remove = button("Remove one", () => this.plot.remove());
    this.hydrate(
      bar(this.controls.day.box, button("Add a reading", () => this.plot.add()), this.remove,
        button("Reset", () => this.change({}))),
      this.legend, this.plot.box, this.summary);
  }

  prepare() {
    this.plot.setTask(Float64Array.from(this.data.days[this.settings.day].effective));
    this.plot.setPoints([7, 12, 17].map((hour) => ({ x: hour / 12 - 1, offset: 0 })));
  }

  /** Posterior mean of a day's coefficients, from readings at the points on the screen. */
  #fit(covariance) {
    const { mean, noise } = this.data;
    const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
    const rows = Array.from(this.plot.xs, (x) => fourierFeatures([x], mean.length));
    const spreads = rows.map((row) => covariance.map((line) => dot(line, row)));
    const gram = rows.flatMap((row, i) => spreads.map((other, j) => dot(other, row) + (i === j ? noise : 0)));
    const known = this.plot.labels.map((label, i) => label - dot(mean, rows[i]));
    // A square system: its minimum-norm solution is its solution.
    const square = { table: Float64Array.from(gram), rows: whole(0, rows.length - 1), d: rows.length };
    const dual = minNorm(square, known, ONES(rows.length));
    return Float64Array.from(mean, (value, k) => value + dot(dual, spreads.map((line) => line[k])));
  }

  draw() {
    const { mean, diagonal, full, days } = this.data;
    const kinds = [
      ["mean", Float64Array.from(mean), "fm-min-norm", "mean day, off by "],
      ["waves", this.#fit(diagonal), "fm-b fm-dashed", "one variance a wave (dashed), off by ", "maml"],
      ["together", this.#fit(full), "fm-a", "all waves together, off by ", "maml"],
    ];
    this.plot.update(kinds.map(([, effective, className, , method]) => ({ effective, className, method })));
    const off = (fit) => String(Math.round(1000 * Math.sqrt(risk(fit, this.plot.truth))));
    const error = Object.fromEntries(kinds.map(([name, fit]) => [name, off(fit)]));
    const entries = kinds.map(([name, , className, words, method]) =>
      key(`${className.split(" ")[0]}-key`, words, error[name], method));
    this.legend.replaceChildren(key("fm-truth-key", "the day"), ...entries);
    const count = this.plot.points.length;
    this.remove.disabled = count === 1;
    const { name: day } = days[this.settings.day];
    const often = count === 1 ? "once" : `${count} times`;
    const text = `${day[0].toUpperCase()}${day.slice(1)}, read ${often}: off by ${error.mean} vehicles an `
      + `hour with the mean day, ${error.waves} with one variance for each wave, ${error.together} with a covariance of all.`;
    this.plot.label = `${text} Tab moves between the readings; arrow keys move one, Delete removes it.`;
    this.say(() => text);
  }
}

// ------------------------------------------------------------------------------------------------ start

const KINDS = {
  train: Laboratory, fit: FitFigure, front: FrontFigure, day: DayFigure, wide: WideFigure,
};

/** A figure wakes when it is within a screen of the reader or a link means it; at the event "wake" all of them do. */
function start() {
  const asleep = new Set(document.querySelectorAll("figure[data-explorer]"));
  const rouse = (figure) => {
    if (!asleep.delete(figure)) return;
    near.unobserve(figure);
    const Kind = KINDS[figure.dataset.explorer] ?? SmallFigure;
    new Kind(figure).begin();
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) rouse(target);
  }, { rootMargin: "100% 0px" });
  const meant = () => [...asleep].filter(({ id }) => location.hash.slice(1).split("?")[0] === id).forEach(rouse);
  asleep.forEach((figure) => near.observe(figure));
  window.addEventListener("hashchange", meant);
  window.addEventListener("wake", () => asleep.forEach(rouse));
  if (document.body.dataset.awake) asleep.forEach(rouse);
  meant();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
