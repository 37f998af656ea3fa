// Empirical Bayes, one step at a time: fourier_meta/bayes.py, for Fourier features, through Gram matrices.

import { dot } from "./engine.mjs";
import { invert, outer, Tables, times } from "./kernel.mjs";

const FLOOR = 1e-8; // the noise variance is at least this part of the labels' mean square, so that C can be inverted
const GONE = 1e-30; // a variance below this part of the largest is 0 from then on

/**
 * The variances under which the labels of all tasks, { places, labels }, are likeliest; the noise is learned or known.
 *
 * Every step multiplies a variance by the root of what was observed over what was expected; the likelihood never falls.
 */
export class EmpiricalBayes {
  constructor(nFeatures, tasks, noise = null) {
    Object.assign(this, { tasks, known: noise !== null, history: [] });
    const count = tasks.reduce((sum, { labels }) => sum + labels.length, 0);
    const size = tasks.reduce((sum, { labels }) => sum + dot(labels, labels), 0) / count;
    this.tables = new Tables(nFeatures);
    this.pairs = tasks.map(({ places }) => this.tables.pairs(places, places));
    const all = tasks.flatMap(({ places }) => [...places]);
    for (const place of all) this.tables.add(this.tables.pairs([place], [place]), [1]);
    const power = this.tables.collect().map((sum) => sum / count);
    this.variances = power.map((value) => (value > 1e-12 ? (0.9 * size) / value / nFeatures : 0));
    this.least = FLOOR * size;
    this.noiseVariance = Math.max(noise === null ? 0.1 * size : noise * noise, this.least);
    this.#look();
  }

  get noise() { return Math.sqrt(this.noiseVariance); }

  advance() {
    const { observed, expected, shown, awaited } = this;
    const grown = this.variances.map((q, j) => q * Math.sqrt(observed[j] / expected[j]));
    const largest = grown.reduce((a, b) => Math.max(a, b), 0);
    if (!this.known) this.noiseVariance = Math.max(this.noiseVariance * Math.sqrt(shown / awaited), this.least);
    this.variances = grown.map((q) => (q < GONE * Math.max(largest, this.noiseVariance) ? 0 : q));
    this.#look();
  }

  /** The log likelihood; what the labels show of every variance, and what is expected; of the noise the same. */
  #look() {
    this.tables.load(this.variances);
    let likelihood = 0;
    Object.assign(this, { shown: 0, awaited: 0 });
    const inverses = this.tasks.map(({ labels }, t) => {
      const n = labels.length;
      const inverse = this.tables.gram(this.pairs[t]);
      for (let i = 0; i < n; i++) inverse[i * (n + 1)] += this.noiseVariance;
      const logarithm = invert(inverse, n);
      const dual = times(inverse, labels);
      likelihood -= (logarithm + dot(labels, dual) + n * Math.log(2 * Math.PI)) / 2;
      this.tables.add(this.pairs[t], outer(dual, dual));
      this.shown += dot(dual, dual);
      for (let i = 0; i < n; i++) this.awaited += inverse[i * (n + 1)];
      return inverse;
    });
    this.observed = this.tables.collect().map((value) => Math.max(value, 0));
    inverses.forEach((inverse, t) => this.tables.add(this.pairs[t], inverse));
    const expected = this.tables.collect();
    const rounding = Number.EPSILON * expected.reduce((a, b) => Math.max(a, b), this.awaited);
    this.expected = expected.map((value) => Math.max(value, rounding));
    this.history.push(likelihood);
  }
}
