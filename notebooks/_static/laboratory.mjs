// The laboratory: every part of MAML and Reptile can be switched, and two methods train side by side.

import WORDS from "./laboratory.json" with { type: "json" };
import {
  Random, aliasClasses, designOf, drawCoefficients, gradientDescent, jointDescent, minNorm, risk,
} from "./engine.mjs";
import { Chart, button, element, key, listed, whole, written } from "./draw.mjs";
import { MOST_POINTS, TaskChart, WeightsChart, spread } from "./charts.mjs";
import { Explorer, Film, Run, bar, hint, initialOf, keys, pair, panel, specsOf, writeSettings } from "./live.mjs";

const METHOD_NAMES = { maml: "MAML", fomaml: "First-order MAML", reptile: "Reptile", none: "nothing" };
export const LABORATORY = specsOf(WORDS.settings);
const PRESETS = WORDS.presets;
/** These change the view, not the run. */
const VIEW = new Set(["fit", "task", "free", "show"]);

const usesMaml = (method) => method === "maml" || method === "fomaml";
const usesReptile = (method) => method === "reptile";
/** Controls that do nothing unless one side runs a method that they belong to. */
const USED_BY = { k: usesMaml, outer: usesMaml, optimiser: usesMaml, heldout: usesMaml, kr: usesReptile, move: usesReptile };

/** A run takes at least this long, so that a fast machine does not skip the film. */
const SHORTEST_RUN = 1800;

/** What the trainer of a side has to know. */
function configOf(s, side) {
  return {
    method: s[side], nFeatures: s.d, support: s.support, noise: s.noise, design: s.design, nPoints: s.n, nTasks: s.tasks,
    steps: s.steps, innerSteps: usesReptile(s[side]) ? s.kr : s.k, innerRate: s.rate, outerRate: s.outer, seed: s.seed,
    optimiser: s.optimiser, heldOut: s.heldout === "yes", stepSize: s.move, start: s.start, scale: s.scale, nUnseen: s.test,
  };
}

/** The run that the laboratory makes of a few changed settings, and the address that opens it there. */
export function laboratoryRun(changes) {
  const usual = initialOf(LABORATORY);
  const settings = { ...usual, b: "none", ...changes };
  return { config: configOf(settings, "a"), address: `laboratory.html#explorer?${writeSettings(settings, usual)}` };
}

export class Laboratory extends Explorer {
  constructor(figure) {
    super(figure, LABORATORY);
    this.title = "Train in this page";
    this.film = new Film(() => this.draw(), SHORTEST_RUN);
    const told = () => this.film.told();
    this.both = { a: new Run(told, 0), b: new Run(told, 1) };
  }

  begin() {
    this.#readPoints();
    super.begin();
    if (this.addressed) this.play(); // a link shows the run that it promises
    else this.whenSeen(() => { if (this.state.a.step === 0 && !this.playing) this.play(); });
  }

  open() {
    this.edited = false;
    super.open();
    this.#readPoints();
    this.#setTask();
    this.play();
  }

  obey(text) {
    super.obey(text);
    this.play();
  }

  // -- parts

  build() {
    this.playButton = button("Play", () => this.toggle(), { class: "fm-button fm-play" });
    this.undoButton = button("Undo", () => this.#undo(), { hidden: true });
    this.progress = element("i");
    this.stepText = element("span", { class: "fm-step" });
    const tools = bar(this.playButton, button("Step", () => this.stepOnce()), button("Reset", () => this.startAgain()),
      this.undoButton, element("span", { class: "fm-progress", "aria-hidden": "true" }, this.progress), this.stepText,
      this.linkButton());
    this.presetText = element("p", { class: "fm-preset-text" });
    this.chips = PRESETS.map((preset) =>
      button(preset.name, () => this.usePreset(preset), { class: "fm-button fm-chip", "aria-pressed": "false" }));
    const chips = element("div", { class: "fm-presets", role: "group", "aria-label": "Things to try" }, ...this.chips);
    this.panels = { a: this.#sidePanel("a"), b: this.#sidePanel("b") };
    const lower = pair(this.#curvePanel(), this.#taskPanel());
    lower.classList.add("fm-lower");
    const settings = element("details", { class: "fm-settings" },
      element("summary", {}, "Change the problem and the methods"),
      element("div", { class: "fm-groups" },
        this.group("Methods", ["a", "b", "optimiser", "heldout", "start", "scale", "steps", "tasks"]),
        this.group("Loops", ["k", "kr", "rate", "outer", "move"]),
        this.group("Problem", ["support", "d", "n", "design", "noise", "seed"]),
        this.group("Unseen task", ["test", "fit", "task"])));
    this.hydrate(chips, this.presetText, tools, pair(this.panels.a.box, this.panels.b.box), lower, this.summary, settings);
  }

  #sidePanel(side) {
    const heading = this.heading("", { class: `fm-title fm-${side}` });
    const note = element("p", { class: "fm-readout" });
    const plot = new WeightsChart({ label: "weights", picked: (feature) => this.#pick(feature) });
    return { heading, note, plot, box: panel(`fm-weights fm-${side}`, heading, note, plot.box) };
  }

  #curvePanel() {
    this.curve = new Chart({ label: "error", height: 300 });
    this.curveTitle = this.heading();
    const under = element("div", { class: "fm-under" }, this.controls.show.box);
    return panel("fm-curve", this.curveTitle, this.curve.box, under);
  }

  #taskPanel() {
    this.taskPlot = new TaskChart({
      label: "One unseen task. Tab moves between its points; arrow keys move a point, Delete removes it.",
      changed: () => { this.edited = true; this.#drawTask(); this.remember(); },
      free: () => this.settings.free,
    });
    this.taskKeys = keys();
    const under = element("div", { class: "fm-under" }, button("Add a point", () => this.taskPlot.add()),
      button("Remove one", () => this.taskPlot.remove()),
      button("New task", () => this.change({ task: (this.settings.task % 99) + 1 })), this.controls.free.box);
    return panel("fm-task", this.heading("One task it has never seen"), this.taskKeys, this.taskPlot.box, under,
      hint("Drag a point. Click to add one, double-click to remove it. With the keyboard: Tab, arrow keys, Delete."));
  }

  // -- settings

  get sides() { return this.settings.b === "none" ? ["a"] : ["a", "b"]; }

  /** A change of the problem or of a method starts again. */
  prepare(changes, before) {
    const changed = (name) => name in changes && String(changes[name]) !== String(before[name]);
    this.undoButton.hidden = true;
    if (["test", "noise", "seed"].some((name) => changed(name) && name in before)) this.edited = false;
    const again = Object.keys(changes).some((name) => !VIEW.has(name) && changed(name));
    if (again) this.reset();
    if (again || changed("task")) this.#setTask();
    this.#showPreset();
  }

  showControls() {
    super.showControls();
    const methods = [this.settings.a, this.settings.b];
    for (const [name, used] of Object.entries(USED_BY)) this.controls[name].input.disabled = !methods.some(used);
  }

  usePreset(preset) {
    this.edited = false;
    this.pause();
    this.change({ ...this.initial, ...preset.settings });
    this.play();
  }

  #showPreset() {
    const equal = ([name, value]) => VIEW.has(name) || String(value) === String(this.settings[name]);
    const same = PRESETS.findIndex(({ settings }) => Object.entries({ ...this.initial, ...settings }).every(equal));
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === same)));
    this.presetText.textContent = same >= 0 ? PRESETS[same].text : "Your own setting. The link keeps it.";
  }

  /** A tap on a weight makes its feature true or false. */
  #pick(feature) {
    const { support } = this.settings;
    const without = support.filter((j) => j !== feature);
    const changed = support.includes(feature) ? without : [...support, feature].sort((i, j) => i - j);
    if (!changed.length) return;
    this.undoable = { settings: this.settings, played: this.state.a.step > 0 };
    this.change({ support: changed });
    this.undoButton.hidden = false;
  }

  /** Takes back what a tap on a weight has changed, and trains again what it had discarded. */
  #undo() {
    const { settings, played } = this.undoable;
    this.change(settings);
    this.playButton.focus();
    if (played) this.play();
  }

  // -- the run

  reset() {
    const { n, d, design, support } = this.settings;
    const { representative } = aliasClasses(n, d);
    const classes = new Set(support.map((j) => representative[j]));
    const aliases = whole(0, d - 1).filter((j) => design === "grid" && classes.has(representative[j]));
    this.aliases = new Set(aliases);
    this.state = Object.fromEntries(this.sides.map((side) => [side, this.both[side]]));
    this.film.runs = Object.values(this.state);
    for (const side of this.sides) this.both[side].begin(configOf(this.settings, side));
  }

  startAgain() {
    this.pause();
    this.edited = false;
    this.reset();
    this.#setTask();
    this.draw();
  }

  get done() { return this.film.done; }
  get playing() { return this.film.playing; }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.done) this.reset();
    this.film.play();
    this.#showButtons();
  }

  pause() {
    this.film.pause();
    this.#showButtons();
  }

  stepOnce() {
    this.pause();
    if (this.done) this.reset();
    this.film.stepOnce();
  }

  // -- the task

  #setTask() {
    const { seed, task, d, support, test, noise } = this.settings;
    if (!this.edited) {
      const random = new Random(seed, 5);
      const offset = () => (noise ? Math.round(noise * random.normal() * 1000) / 1000 : 0);
      this.points = spread(test, random).map((x) => ({ x, offset: offset() }));
    }
    this.taskPlot.setTask(drawCoefficients(d, support, new Random(seed, 14, task)));
    this.taskPlot.setPoints(this.points);
  }

  /** The points of the address. */
  #readPoints() {
    const given = new URLSearchParams(this.addressed).get("p") ?? "";
    const points = given.split(";").filter(Boolean).map((words) => words.split(",").map(Number));
    if (!points.length || !points.every(([x, offset]) => x >= -1 && x < 1 && Number.isFinite(offset))) return;
    this.points = points.slice(0, MOST_POINTS).map(([x, offset]) => ({ x, offset }));
    this.edited = true;
  }

  get extraAddress() {
    return this.edited ? `p=${this.points.map(({ x, offset }) => `${x},${offset}`).join(";")}` : "";
  }

  /** The fit of the points on the screen with a run's weights. */
  #fit({ weights, config }, task) {
    const { fit, k, kr, rate } = this.settings;
    if (fit === "exact") return minNorm(task.design, task.labels, weights);
    if (!usesReptile(config.method)) return gradientDescent(task, weights, k, rate);
    const adapted = jointDescent(task, weights, kr, rate);
    return adapted.weights.map((w, j) => w * adapted.coefficients[j]);
  }

  // -- drawing

  draw() {
    for (const side of this.sides) this.#drawSide(side);
    this.panels.b.box.hidden = this.sides.length < 2;
    this.#drawCurve();
    this.#drawTask();
    const { reached } = this.film;
    const { steps, d } = this.settings;
    this.stepText.textContent = `step ${reached} of ${steps}`;
    this.progress.style.transform = `scaleX(${reached / steps})`;
    this.#showButtons();
    if (this.playing || reached > 0) this.say(() => this.#sentence(), this.done || !this.playing);
    else this.say(() => `Nothing is trained yet: all ${d} weights stand where they start. Press play.`, true);
  }

  #showButtons() {
    this.playButton.textContent = this.playing ? "Pause" : this.done ? "Play again" : "Play";
  }

  /** What the weights of a side say, in numbers. */
  measure(side) {
    const { weights, initial, risk: now } = this.state[side];
    const { support } = this.settings;
    const sizes = Array.from(weights, Math.abs);
    const others = sizes.filter((_, j) => !support.includes(j));
    const trueOnes = support.map((j) => sizes[j]);
    const largestOther = Math.max(0, ...others);
    const smallestTrue = Math.min(...trueOnes);
    return {
      recovered: smallestTrue > largestOther || !others.length,
      smallestTrue,
      largestTrue: Math.max(...trueOnes),
      largestOther,
      smallestRatio: Math.min(...sizes.map((size, j) => size / Math.abs(initial[j]))),
      risk: now,
    };
  }

  #drawSide(side) {
    const { heading, note, plot, box } = this.panels[side];
    const { weights, initial, status, step, stableRate, config: { method } } = this.state[side];
    const { support, d, rate } = this.settings;
    const numbers = this.measure(side);
    const trueRange = `true ${written(numbers.smallestTrue)} to ${written(numbers.largestTrue)}`;
    const diverged = `diverged at step ${step}: inner rate ${rate}, stable below ${written(stableRate)}`;
    const trained = step === 0 ? `${d} weights, ${support.length} of them true`
      : `${trueRange}, largest other ${written(numbers.largestOther)}`;
    for (const node of [heading, box]) node.dataset.method = method;
    heading.textContent = METHOD_NAMES[method];
    note.textContent = status === "diverged" ? diverged : trained;
    note.classList.toggle("fm-alarm", status === "diverged");
    plot.update({ weights, initial, support, aliases: this.aliases, method });
    plot.label = `Weights of ${METHOD_NAMES[method]} at step ${step}: ${note.textContent}. `
      + `Smallest weight is ${written(numbers.smallestRatio)} times its start.`;
  }

  /** Error or loss against the meta-step, on a log axis. */
  #drawCurve() {
    const { show, test, start, steps } = this.settings;
    const ofRisk = show === "risk";
    const points = test === 1 ? "1 point" : `${test} points`;
    this.curveTitle.textContent = ofRisk ? `Error on 24 unseen tasks, from ${points} each` : "Training loss";
    const layers = [];
    const words = [];
    const first = this.state.a.history.risk[0];
    if (ofRisk && start === "ones" && first > 0) {
      layers.push({ x: [0, steps], y: [first, first], className: "fm-reference" });
      words.push({ at: [steps, first], text: "no meta-learning", className: "fm-min-norm-text", end: true });
    }
    const told = Object.values(this.state).map(({ history, config: { method } }) => {
      const [x, y] = ofRisk ? [history.step, history.risk] : smoothed(history.lossStep, history.loss);
      const name = METHOD_NAMES[method];
      layers.push({ x, y, className: "fm-line", method });
      if (x.length) words.push({ at: [x.at(-1), y.at(-1)], text: name, className: "fm-end", method, end: x.at(-1) > steps / 3 });
      return `${name} ${written(y.at(-1) ?? NaN)}`;
    });
    const values = layers.flatMap(({ y }) => y).filter((value) => value > 0 && Number.isFinite(value));
    const low = 10 ** Math.floor(Math.log10(Math.max(1e-16, Math.min(0.1, ...values))));
    const high = 10 ** Math.ceil(Math.log10(Math.max(1, ...values)) + 0.15);
    const xAxis = { low: 0, high: steps, ticks: [0, steps / 2, steps], name: "meta-step" };
    this.curve.show({ x: xAxis, y: { low, high, scale: "log", name: ofRisk ? "median error" : "loss" }, layers, words });
    this.curve.label = `${this.curveTitle.textContent}, against the meta-step, log scale. Now: ${listed(told)}.`;
  }

  #drawTask() {
    const { taskPlot } = this;
    this.points = taskPlot.points;
    const { labels, truth, xs } = taskPlot;
    const task = { design: designOf(xs, this.settings.d), labels };
    const ones = new Float64Array(this.settings.d).fill(1);
    const fits = [{ name: "plain", effective: minNorm(task.design, labels, ones), className: "fm-min-norm" }];
    for (const side of [...this.sides].reverse()) {
      const run = this.state[side];
      fits.push({ name: side, effective: this.#fit(run, task), className: `fm-${side}`, method: run.config.method });
    }
    taskPlot.update(fits);
    this.taskErrors = Object.fromEntries(fits.map(({ name, effective }) => [name, risk(effective, truth)]));
    const entries = this.sides.map((side) => {
      const { method } = this.state[side].config;
      return key(`fm-${side}-key`, `${METHOD_NAMES[method]}, error `, written(this.taskErrors[side]), method);
    });
    const plain = key("fm-min-norm-key", "no meta-learning, error ", written(this.taskErrors.plain));
    this.taskKeys.replaceChildren(key("fm-truth-key", "truth"), plain, ...entries);
  }

  #sentence() {
    const parts = this.sides.map((side) => {
      const { status, step, stableRate, config: { method } } = this.state[side];
      const name = METHOD_NAMES[method];
      const stable = `the inner rate is ${this.settings.rate}, stable below ${written(stableRate)} for these tasks and weights`;
      if (status === "diverged") return `${name} diverged at step ${step}: ${stable}.`;
      const { recovered, smallestRatio, largestOther, risk: now } = this.measure(side);
      const not = recovered ? "" : status === "finished" ? "not " : "not yet ";
      const found = `its ${this.settings.support.length} largest weights are ${not}the true ones`;
      const others = smallestRatio > 1.1 ? `every weight has risen, to ${written(smallestRatio)} times its start or more`
        : smallestRatio >= 0.9 ? `no weight has fallen below ${written(smallestRatio)} times its start`
          : `the largest other weight is ${written(largestOther)}`;
      return `${name}: ${found}, ${others}, and the median error on unseen tasks is ${written(now)}.`;
    });
    return `Step ${this.film.reached} of ${this.settings.steps}. ${parts.join(" ")}`;
  }
}

/** Medians of windows of steps: single steps see few tasks. */
function smoothed(steps, values) {
  const window = Math.max(1, Math.round(values.length / 60));
  const kept = [[], []];
  for (let i = 0; i + window <= values.length; i += window) {
    kept[0].push(steps[i + window - 1]);
    kept[1].push(values.slice(i, i + window).sort((p, q) => p - q)[window >> 1]);
  }
  return kept;
}
