// Training runs that pages can advance a little at a time, in a worker or in the page itself.

import {
  Adam, Descent, denseTable, dot, drawCoefficients, jointDescent, largestStableRate, mamlTask, minNorm, observe,
  Random, risk,
} from "./engine.mjs";
import { kernelTask, observeAt, Tables, throughRidge, throughSteps, times } from "./kernel.mjs";

const STREAM = { start: 1, training: 2, unseen: 3 };
const UNSEEN_TASKS = 24;

/** Weights to start from: all equal to `scale`, or uniform in [0, scale]. */
export function initialWeights({ nFeatures, start, scale, seed }) {
  const random = new Random(seed, STREAM.start);
  return Float64Array.from({ length: nFeatures }, () => scale * (start === "uniform" ? random.uniform() : 1));
}

/**
 * A training run that can be advanced a little at a time.
 *
 * Two runs with the same seed see the same tasks at the same points, whatever their method: every step draws from a
 * stream of its own.
 */
export class Trainer {
  constructor(config) {
    this.config = config;
    this.initial = initialWeights(config);
    this.weights = Float64Array.from(this.initial);
    const Outer = config.optimiser === "descent" ? Descent : Adam;
    this.outer = new Outer(config.nFeatures, config.outerRate, config.steps);
    this.step = 0;
    this.losses = [];
    this.told = 0;
    this.status = "ready";
    this.prepare(new Random(config.seed, STREAM.unseen));
    this.begin();
  }

  prepare(random) {
    const { nFeatures, support, nUnseen, noise } = this.config;
    this.dense = denseTable(nFeatures);
    this.unseen = Array.from({ length: UNSEEN_TASKS }, () => {
      const effective = drawCoefficients(nFeatures, support, random);
      return { effective, ...observe(this.dense, effective, nUnseen, "random", noise, random) };
    });
  }

  begin() {
    this.random = new Random(this.config.seed, STREAM.training, this.step);
    this.task = 0;
    this.loss = 0;
    this.zero = 0; // the loss of predicting 0
    this.sum = new Float64Array(this.config.nFeatures);
  }

  oneTask() {
    const { nFeatures, support, nPoints, design, noise, innerRate } = this.config;
    const effective = drawCoefficients(nFeatures, support, this.random);
    const train = observe(this.dense, effective, nPoints, design, noise, this.random);
    const other = observe(this.dense, effective, nPoints, "random", noise, this.random);
    const validation = this.config.heldOut === false ? train : other;
    this.last = train;
    this.zero += Math.max(dot(effective, effective), dot(train.labels, train.labels) / nPoints);
    if (this.config.method === "reptile") {
      const adapted = jointDescent(train, this.weights, this.config.innerSteps, innerRate);
      this.loss += adapted.loss;
      for (let j = 0; j < nFeatures; j++) this.sum[j] += adapted.weights[j] - this.weights[j];
    } else {
      const firstOrder = this.config.method === "fomaml";
      this.loss += mamlTask(this.weights, train, validation, this.config.innerSteps, innerRate, firstOrder, this.sum);
    }
    this.task += 1;
  }

  /** The sum of the tasks' gradients, or of their moves. */
  total() { return this.sum; }

  largestRate(weights) { return largestStableRate(this.last.design, weights); }

  endStep() {
    const { nTasks, steps } = this.config;
    const mean = this.total();
    for (let j = 0; j < mean.length; j++) mean[j] /= nTasks; // a loop: `map` takes 20 times as long
    const loss = this.loss / nTasks;
    const before = this.weights.slice();
    if (this.config.method === "reptile") {
      const fraction = this.config.stepSize * (1 - this.step / steps);
      for (let j = 0; j < mean.length; j++) this.weights[j] += fraction * mean[j];
    } else {
      this.outer.update(this.weights, mean);
    }
    this.step += 1;
    this.losses.push(loss);
    if (!(loss <= (1000 * this.zero) / nTasks) || !this.weights.every(Number.isFinite)) {
      this.stableRate = this.largestRate(before);
      this.weights = before;
      this.status = "diverged";
    } else {
      this.status = this.step >= steps ? "finished" : "training";
    }
    this.begin();
  }

  get done() {
    return this.status === "finished" || this.status === "diverged";
  }

  /** Takes up to `steps` steps, but stops between two tasks once `milliseconds` have passed. */
  advance(steps, milliseconds = Infinity) {
    const end = performance.now() + milliseconds;
    const target = this.step + steps;
    while (!this.done && this.step < target) {
      this.oneTask();
      if (this.task >= this.config.nTasks) this.endStep();
      if (performance.now() >= end) break;
    }
  }

  /** Risks of unseen tasks, each fitted by min-norm from its few points with the current weights. */
  unseenRisks() {
    return this.unseen.map((task) => risk(minNorm(task.design, task.labels, this.weights), task.effective));
  }

  /** What a page needs to draw; the losses are those since the snapshot before. */
  snapshot() {
    const { step, status, stableRate } = this;
    const losses = this.losses.slice(this.told);
    this.told = this.losses.length;
    const risk = this.unseenRisks().sort((a, b) => a - b)[UNSEEN_TASKS >> 1];
    return { step, status, stableRate, losses, weights: this.weights.slice(), risk };
  }
}

// What runs through Gram matrices, and its inner loop.
const INNER = {
  "maml by tables": ({ innerSteps, innerRate }) => throughSteps(innerSteps, innerRate),
  "ridge by tables": ({ penalty }) => throughRidge(penalty),
};

/**
 * The same run through Gram matrices: 65,537 features are as welcome as 257. Points are drawn at random or jittered.
 *
 * With the same seed it sees the same tasks as `Trainer`, and makes the same steps.
 */
export class KernelTrainer extends Trainer {
  prepare(random) {
    const { method, nFeatures, nUnseen } = this.config;
    this.through = INNER[method](this.config);
    [this.tables, this.squares] = [new Tables(nFeatures), new Tables(nFeatures)];
    this.unseen = Array.from({ length: UNSEEN_TASKS }, () => {
      const coefficients = this.draw(random);
      return { coefficients, ...this.observe(coefficients, nUnseen, "random", random) };
    });
  }

  draw(random) { return this.config.support.map(() => random.normal()); }

  observe(coefficients, nPoints, design, random) {
    const { nFeatures, support, noise } = this.config;
    return observeAt(nFeatures, support, coefficients, { nPoints, design, noise }, random);
  }

  begin() {
    super.begin();
    const squared = this.weights.slice();
    for (let j = 0; j < squared.length; j++) squared[j] *= squared[j];
    this.tables.load(squared);
  }

  oneTask() {
    const { nPoints, design, heldOut } = this.config;
    const coefficients = this.draw(this.random);
    const train = this.observe(coefficients, nPoints, design, this.random);
    const other = this.observe(coefficients, nPoints, "random", this.random);
    this.last = train;
    this.zero += Math.max(dot(coefficients, coefficients), dot(train.labels, train.labels) / nPoints);
    this.loss += kernelTask(this.tables, train, heldOut === false ? train : other, this.through);
    this.task += 1;
  }

  total() {
    const slopes = this.tables.collect();
    for (let j = 0; j < slopes.length; j++) slopes[j] *= 2 * this.weights[j];
    return slopes;
  }

  largestRate() {
    const n = this.config.nPoints;
    const gram = this.tables.gram(this.tables.pairs(this.last.places, this.last.places));
    return Math.sqrt(n * largestStableRate(asDesign(gram, n), this.last.labels.map(() => 1)));
  }

  /** The risk on the true features, and a^T (Phi diag(w^4) Phi^T) a over all others: one more table, so at the end. */
  unseenRisks() {
    if (!this.done) return [];
    const { support, nUnseen } = this.config;
    const squares = this.weights.map((w) => w ** 4);
    for (const j of support) squares[j] = 0;
    this.squares.load(squares);
    return this.unseen.map(({ coefficients, places, labels, waves }) => {
      const pairs = this.tables.pairs(places, places);
      const dual = minNorm(asDesign(this.tables.gram(pairs), nUnseen), labels, labels.map(() => 1));
      const found = support.map((j, s) => this.weights[j] ** 2 * dual.reduce((sum, a, i) => sum + a * waves[i][s], 0));
      return risk(found, coefficients) + Math.max(0, dot(dual, times(this.squares.gram(pairs), dual)));
    });
  }
}

const asDesign = (gram, n) => ({ table: gram, rows: Int32Array.from({ length: n }, (_, i) => i), d: n });

/**
 * Serves training runs, one for each `side`, over a message port, which may belong to a worker or to the page itself.
 *
 * Every message is answered by exactly one snapshot, so whoever asks sets the pace and no queue can build up.
 */
export function serve(port) {
  const trainers = {};
  port.onmessage = ({ data: { run, side, config, steps, milliseconds } }) => {
    const begin = performance.now();
    if (config) trainers[side] = new (config.method in INNER ? KernelTrainer : Trainer)(config);
    else trainers[side].advance(steps, milliseconds);
    port.postMessage({ run, side, milliseconds: performance.now() - begin, ...trainers[side].snapshot() });
  };
}
