// Meta-gradients through Gram matrices, for Fourier features of which no table is kept: fourier_meta/kernel.py.
//
// Weighted products of waves are A(x - x') + B(x + x'). Points lie on a circle of places, so A and B are two tables,
// made by fast Fourier transforms; what a gradient says about a product is added up where that was looked up, and the
// same transforms carry it to the features. As real and imaginary part of one table, A and B need one transform.

import { denseSize, dot, dotRow, drawRows, wave } from "./engine.mjs";

// ------------------------------------------------------------------------------------------------ tables

/** Sums of values[k] exp(2 pi i k q / size), in place of the values; radix 4, and 2 once if need be. */
class Fourier {
  constructor(size) {
    const turn = (part) => Float64Array.from({ length: size }, (_, k) => part((2 * Math.PI * k) / size));
    Object.assign(this, { size, cos: turn(Math.cos), sin: turn(Math.sin) });
    this.spare = [new Float64Array(size), new Float64Array(size)];
  }

  transform(re, im) {
    let from = [re, im];
    let to = this.spare;
    for (let stride = 1; stride < this.size; ) {
      const radix = this.size % (stride * 4) ? 2 : 4;
      (radix === 4 ? this.#four : this.#two).call(this, ...from, ...to, stride);
      [from, to] = [to, from];
      stride *= radix;
    }
    if (from[0] !== re) [re, im].forEach((values, part) => values.set(from[part]));
  }

  #four(re, im, outRe, outIm, s) {
    const { size, cos, sin } = this;
    const quarter = size / 4;
    for (let base = 0; base < quarter; base += s) {
      const c1 = cos[base], c2 = cos[2 * base], c3 = cos[3 * base];
      const s1 = sin[base], s2 = sin[2 * base], s3 = sin[3 * base];
      for (let i = base, o = 4 * base; i < base + s; i++, o++) {
        const i1 = i + quarter, i2 = i1 + quarter, i3 = i2 + quarter;
        const sumRe = re[i] + re[i2], sumIm = im[i] + im[i2], gapRe = re[i] - re[i2], gapIm = im[i] - im[i2];
        const addRe = re[i1] + re[i3], addIm = im[i1] + im[i3], turnRe = im[i3] - im[i1], turnIm = re[i1] - re[i3];
        outRe[o] = sumRe + addRe;
        outIm[o] = sumIm + addIm;
        const aRe = gapRe + turnRe, aIm = gapIm + turnIm, bRe = sumRe - addRe, bIm = sumIm - addIm;
        const dRe = gapRe - turnRe, dIm = gapIm - turnIm;
        outRe[o + s] = c1 * aRe - s1 * aIm;
        outIm[o + s] = c1 * aIm + s1 * aRe;
        outRe[o + 2 * s] = c2 * bRe - s2 * bIm;
        outIm[o + 2 * s] = c2 * bIm + s2 * bRe;
        outRe[o + 3 * s] = c3 * dRe - s3 * dIm;
        outIm[o + 3 * s] = c3 * dIm + s3 * dRe;
      }
    }
  }

  /** The last step, where no turn is left. */
  #two(re, im, outRe, outIm, s) {
    for (let i = 0; i < s; i++) {
      outRe[i] = re[i] + re[i + s];
      outIm[i] = im[i] + im[i + s];
      outRe[i + s] = re[i] - re[i + s];
      outIm[i + s] = im[i] - im[i + s];
    }
  }
}

/**
 * Gram matrices of Fourier features between whole places of the circle; no feature is ever made.
 *
 * Row r of a table holds the places r, r + rows, r + 2 rows, ...; those past half of the rows mirror the others.
 */
export class Tables {
  constructor(nFeatures) {
    this.nFeatures = nFeatures;
    this.nPlaces = denseSize(nFeatures);
    this.length = this.nPlaces / (nFeatures >> 1 > this.nPlaces / 16 ? 8 : 16); // of a row; no wave is higher
    this.half = this.nPlaces / this.length / 2;
    this.fourier = new Fourier(this.length);
    const size = (this.half + 1) * this.length;
    for (const name of ["minus", "plus", "sumMinus", "sumPlus"]) this[name] = new Float64Array(size);
    const angles = Float64Array.from({ length: size + this.half + 1 }, (_, i) => {
      const wave = i % (this.length + 1);
      return (2 * Math.PI * wave * Math.floor(i / (this.length + 1))) / this.nPlaces;
    });
    [this.cos, this.sin] = [angles.map(Math.cos), angles.map(Math.sin)];
    this.waves = { minus: new Float64Array(this.length + 1), plus: new Float64Array(this.length + 1) };
  }

  /** Calls use(real part, imaginary part, place of the row's turns) for every row of a pair of tables. */
  #rows(tables, use) {
    for (let r = 0; r <= this.half; r++) {
      const parts = tables.map((values) => values.subarray(r * this.length, (r + 1) * this.length));
      use.call(this, ...parts, r * (this.length + 1));
    }
  }

  /** Makes the tables for squared weights (d,). */
  load(squared) {
    const { minus, plus } = this.waves;
    const padded = new Float64Array(2 * minus.length);
    padded.set(squared, 1);
    padded[1] /= 2;
    for (let k = 0; k < minus.length; k++) {
      minus[k] = padded[2 * k + 1] + padded[2 * k];
      plus[k] = padded[2 * k + 1] - padded[2 * k];
    }
    this.#rows([this.minus, this.plus], this.#wind);
  }

  /** Both tables are real: each is the sum of a transform and its conjugate. */
  #wind(re, im, turn) {
    const { length, cos, sin, waves: { minus, plus } } = this;
    re[0] = minus[0] + minus[length] * cos[turn + length];
    im[0] = plus[0] + plus[length] * cos[turn + length];
    for (let k = 1, m = length - 1; k <= m; k++, m--) {
      const c = cos[turn + k] / 2, s = sin[turn + k] / 2, cm = cos[turn + m] / 2, sm = sin[turn + m] / 2;
      const minusRe = minus[k] * c + minus[m] * cm, minusIm = minus[k] * s - minus[m] * sm;
      const plusRe = plus[k] * c + plus[m] * cm, plusIm = plus[k] * s - plus[m] * sm;
      re[k] = minusRe - plusIm;
      im[k] = minusIm + plusRe;
      re[m] = minusRe + plusIm;
      im[m] = plusRe - minusIm;
    }
    this.fourier.transform(re, im);
  }

  /** Where products of rows and columns, which are places, are looked up: two places in the tables for every pair. */
  pairs(rows, columns) {
    const { nPlaces, length, half } = this;
    const [last, shift] = [2 * half - 1, Math.log2(2 * half)];
    const find = (place) => {
      const r = place & last, q = (place & (nPlaces - 1)) >> shift;
      return r > half ? (2 * half - r) * length + length - 1 - q : r * length + q;
    };
    const places = new Int32Array(2 * rows.length * columns.length);
    let pair = 0;
    for (const row of rows) {
      for (const column of columns) {
        places[pair++] = find(row - column);
        places[pair++] = find(row + column);
      }
    }
    return places;
  }

  /** Weighted products at pairs: a matrix (rows, columns), row after row. */
  gram(pairs) {
    const { minus, plus } = this;
    const products = new Float64Array(pairs.length / 2);
    for (let i = 0; i < products.length; i++) products[i] = minus[pairs[2 * i]] + plus[pairs[2 * i + 1]];
    return products;
  }

  /** Adds up what the derivative in `gram(pairs)` says of the tables. */
  add(pairs, slopes) {
    const { sumMinus, sumPlus } = this;
    for (let i = 0; i < slopes.length; i++) {
      sumMinus[pairs[2 * i]] += slopes[i];
      sumPlus[pairs[2 * i + 1]] += slopes[i];
    }
  }

  /** The derivative in the squared weights (d,) that all sums amount to; they are empty then. */
  collect() {
    const { minus, plus } = this.waves;
    minus.fill(0);
    plus.fill(0);
    this.#rows([this.sumMinus, this.sumPlus], this.#unwind);
    const slopes = new Float64Array(this.nFeatures);
    for (let j = 0; j < slopes.length; j++) {
      const k = (j + 1) >> 1;
      slopes[j] = j % 2 ? minus[k] - plus[k] : (minus[k] + plus[k]) / (j ? 1 : 2);
    }
    return slopes;
  }

  #unwind(re, im, turn) {
    const { length, cos, sin, waves: { minus, plus } } = this;
    this.fourier.transform(re, im);
    for (let k = 0; k <= length / 2; k++) {
      const m = length - k, n = m % length;
      const minusRe = (re[k] + re[n]) / 2, minusIm = (im[k] - im[n]) / 2;
      const plusRe = (im[k] + im[n]) / 2, plusIm = (re[n] - re[k]) / 2;
      minus[k] += cos[turn + k] * minusRe - sin[turn + k] * minusIm;
      plus[k] += cos[turn + k] * plusRe - sin[turn + k] * plusIm;
      if (m === k) continue;
      minus[m] += cos[turn + m] * minusRe + sin[turn + m] * minusIm;
      plus[m] += cos[turn + m] * plusRe + sin[turn + m] * plusIm;
    }
    re.fill(0);
    im.fill(0);
  }
}

/** A task seen at places of the circle: { places, labels, waves }, the last at its true features, row after row. */
export function observeAt(nFeatures, support, coefficients, { nPoints, design = "random", noise = 0 }, random) {
  const nPlaces = denseSize(nFeatures);
  const places = drawRows(nPlaces, nPoints, design, random);
  const waves = Array.from(places, (place) => support.map((j) => wave((2 * place) / nPlaces - 1, j)));
  const labels = Float64Array.from(waves, (row) => dot(row, coefficients) + (noise && noise * random.normal()));
  return { places, labels, waves };
}

// ------------------------------------------------------------------------------------------------ inner loops

export const times = (matrix, vector) => {
  const n = vector.length;
  return new Float64Array(matrix.length / n).map((_, i) => dotRow(matrix, i * n, vector, n));
};

/** Adds factor * left right^T to a matrix. */
function addOuter(matrix, factor, left, right) {
  for (let i = 0, pair = 0; i < left.length; i++) {
    const scaled = factor * left[i];
    for (let j = 0; j < right.length; j++, pair++) matrix[pair] += scaled * right[j];
  }
  return matrix;
}

export const outer = (left, right) => addOuter(new Float64Array(left.length * right.length), 1, left, right);

/** Puts the inverse of a positive definite matrix (n, n) in its place; returns the logarithm of its determinant. */
export function invert(matrix, n) {
  let logarithm = 0;
  for (let k = 0; k < n; k++) {
    const pivot = matrix[k * n + k];
    logarithm += Math.log(pivot);
    matrix[k * n + k] = 1;
    for (let j = 0; j < n; j++) matrix[k * n + j] /= pivot;
    for (let i = 0; i < n; i++) {
      const factor = matrix[i * n + k];
      if (i === k || factor === 0) continue;
      matrix[i * n + k] = 0;
      for (let j = 0; j < n; j++) matrix[i * n + j] -= factor * matrix[k * n + j];
    }
  }
  return logarithm;
}

/** A task's validation loss, its derivative in the values there, and in the dual coefficients. */
function validate(others, targets, dual) {
  const missed = times(others, dual).map((value, i) => value - targets[i]);
  const fall = missed.map((value) => (2 * value) / targets.length);
  const back = new Float64Array(dual.length);
  others.forEach((value, pair) => { back[pair % back.length] += fall[Math.floor(pair / back.length)] * value; });
  return { loss: dot(missed, missed) / targets.length, fall, back };
}

/**
 * Inner loops are functions (gram, labels, others, targets) => { loss, inner, outer }, the derivatives of the loss in
 * the two matrices. This one takes K steps of descent, and goes back through all of them.
 */
export const throughSteps = (innerSteps, innerRate) => (gram, labels, others, targets) => {
  const step = (2 * innerRate) / labels.length;
  const dual = new Float64Array(labels.length);
  const residuals = [];
  for (let k = 0; k < innerSteps; k++) {
    const residual = times(gram, dual).map((value, i) => value - labels[i]);
    residual.forEach((value, i) => { dual[i] -= step * value; });
    residuals.push(residual);
  }
  const { loss, fall, back } = validate(others, targets, dual);
  const inner = new Float64Array(gram.length);
  const adjoint = new Float64Array(labels.length);
  for (const residual of residuals.reverse()) {
    addOuter(inner, -step, adjoint, residual);
    times(gram, adjoint).forEach((value, i) => { adjoint[i] -= step * (back[i] + value); });
  }
  return { loss, inner, outer: outer(fall, dual) };
};

/** Ridge regression inside, solved exactly. */
export const throughRidge = (penalty) => (gram, labels, others, targets) => {
  const n = labels.length;
  const inverse = gram.map((value, pair) => value + (pair % (n + 1) ? 0 : n * penalty));
  invert(inverse, n);
  const dual = times(inverse, labels);
  const { loss, fall, back } = validate(others, targets, dual);
  const adjoint = times(inverse, back).map((value) => -value);
  return { loss, inner: outer(adjoint, dual), outer: outer(fall, dual) };
};

/** Adds what one task, { places, labels } to train and to validate on, says to the tables; returns its loss. */
export function kernelTask(tables, train, validation, through) {
  const [own, other] = [train, validation].map(({ places }) => tables.pairs(places, train.places));
  const { loss, inner, outer } = through(tables.gram(own), train.labels, tables.gram(other), validation.labels);
  tables.add(own, inner);
  tables.add(other, outer);
  return loss;
}
