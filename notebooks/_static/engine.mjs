// The book's engine in the browser: the same algorithms as the Python package, in float64, on plain arrays.
//
// A "design" stands for a matrix of features (n points, d features): a table of rows and the numbers of the rows that
// are meant, so that drawing fresh points copies nothing. Every function here is a pure function of its arguments,
// except the classes Random, Adam and Descent. tests/reader/test_engine_js.py holds it, and the modules that stand on
// it (kernel.mjs, bayes.mjs, training.mjs), against the Python package.

const SQRT2 = Math.SQRT2;

// ------------------------------------------------------------------------------------------------ features

/** Fourier feature j at x: 1, sqrt2 sin(pi x), sqrt2 cos(pi x), sqrt2 sin(2 pi x), ... */
export function wave(x, j) {
  const angle = x * (Math.PI * ((j + 1) >> 1));
  return j ? SQRT2 * (j % 2 ? Math.sin(angle) : Math.cos(angle)) : 1;
}

/** All of them (n, d), row after row. */
export function fourierFeatures(x, nFeatures) {
  const features = new Float64Array(x.length * nFeatures);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < nFeatures; j++) features[i * nFeatures + j] = wave(x[i], j);
  }
  return features;
}

/** Features of explicit points as a design. */
export function designOf(x, nFeatures) {
  return { table: fourierFeatures(x, nFeatures), rows: Int32Array.from(x, (_, i) => i), d: nFeatures };
}

/** "1", "sin πx", "cos πx", "sin 2πx", ... */
export function featureName(index) {
  if (index === 0) return "1";
  const frequency = (index + 1) >> 1;
  return `${index % 2 ? "sin" : "cos"} ${frequency === 1 ? "" : frequency}πx`;
}

/**
 * Which features coincide on the regular grid of n points: `representative[j]` is the lowest feature of j's class, or -1
 * if j is zero there, and feature j = factor[j] * a vector that its class shares.
 */
export function aliasClasses(nPoints, nFeatures) {
  const representative = new Int32Array(nFeatures);
  const factor = new Float64Array(nFeatures);
  for (let j = 0; j < nFeatures; j++) {
    const frequency = (j + 1) >> 1;
    const residue = frequency % nPoints;
    const mirrored = 2 * residue > nPoints;
    const turns = Math.floor(frequency / nPoints) + (mirrored ? 1 : 0);
    const folded = mirrored ? nPoints - residue : residue;
    const isSine = j % 2 === 1;
    const edge = folded === 0 || 2 * folded === nPoints;
    factor[j] = ((turns * nPoints) % 2 ? -1 : 1) * (mirrored && isSine ? -1 : 1);
    if (edge) factor[j] = isSine ? 0 : SQRT2 * factor[j];
    if (j === 0) factor[j] = 1;
    representative[j] = factor[j] === 0 ? -1 : folded === 0 ? 0 : 2 * folded - (isSine ? 1 : 0);
  }
  return { representative, factor };
}

/** What min-norm makes of noiseless labels on the regular grid of n points, by formula: shares of w^2 in each class. */
export function aliasedMinNorm(effective, weights, nPoints) {
  const { representative, factor } = aliasClasses(nPoints, weights.length);
  const mass = new Map();
  const total = new Map();
  representative.forEach((r, j) => {
    mass.set(r, (mass.get(r) ?? 0) + factor[j] * effective[j]);
    total.set(r, (total.get(r) ?? 0) + (weights[j] * factor[j]) ** 2);
  });
  return Float64Array.from(effective, (_, j) => {
    const r = representative[j];
    return r < 0 || total.get(r) === 0 ? 0 : (mass.get(r) * weights[j] ** 2 * factor[j]) / total.get(r);
  });
}

// ------------------------------------------------------------------------------------------------ random numbers

/** Small fast counter generator (sfc32 of PractRand), seeded by whole numbers: one independent stream for each. */
export class Random {
  constructor(...seeds) {
    [this.a, this.b, this.c, this.counter] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
    for (const seed of seeds) {
      this.a = (this.a ^ Math.imul(seed | 0, 0x85ebca6b)) | 0;
      this.b = (this.b + Math.floor(seed / 4294967296)) | 0;
      for (let i = 0; i < 12; i++) this.bits();
    }
    this.spare = null;
  }

  bits() {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum | 0;
    return sum >>> 0;
  }

  uniform() {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  integer(below) {
    return Math.floor(this.uniform() * below);
  }

  normal() {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    let u, v, square;
    do {
      u = 2 * this.uniform() - 1;
      v = 2 * this.uniform() - 1;
      square = u * u + v * v;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt(-2 * Math.log(square) / square);
    this.spare = v * scale;
    return u * scale;
  }
}

// ------------------------------------------------------------------------------------------------ tasks

/** Size of the dense grid that x is drawn from: at least 8 points for each period of the highest feature. */
export function denseSize(nFeatures) {
  let size = 1024;
  while (size < 4 * nFeatures) size *= 2;
  return size;
}

/** Features over the dense grid. */
export function denseTable(nFeatures) {
  const size = denseSize(nFeatures);
  const x = Float64Array.from({ length: size }, (_, i) => (2 * i) / size - 1);
  return { table: fourierFeatures(x, nFeatures), x, d: nFeatures };
}

/** True coefficients of one task: Gaussian on the support, zero elsewhere. */
export function drawCoefficients(nFeatures, support, random) {
  const effective = new Float64Array(nFeatures);
  for (const j of support) effective[j] = random.normal();
  return effective;
}

/** n different places of the dense grid: independent ("random") or one from each cell of a regular grid ("jittered"). */
export function drawRows(size, nPoints, design, random) {
  if (design === "jittered") {
    return Int32Array.from({ length: nPoints }, (_, i) => Math.floor(((i + random.uniform()) / nPoints) * size));
  }
  // The k-th smallest of n draws moves up by k, so that no row comes twice.
  const draws = Int32Array.from({ length: nPoints }, () => random.integer(size - nPoints + 1));
  const order = Array.from(draws.keys()).sort((i, j) => draws[i] - draws[j]);
  order.forEach((i, k) => { draws[i] += k; });
  return draws;
}

/** A task observed at n points: { design: {table, rows, d}, x, labels }. */
export function observe(dense, effective, nPoints, design, noise, random) {
  // The regular grid need not lie on the dense one, so its features are computed, once for each size.
  const onGrid = design === "grid";
  const grid = onGrid ? regularGrid(dense, nPoints) : null;
  const rows = onGrid ? grid.rows : drawRows(dense.x.length, nPoints, design, random);
  const seen = { table: onGrid ? grid.table : dense.table, rows, d: dense.d };
  const x = onGrid ? grid.x : Float64Array.from(rows, (row) => dense.x[row]);
  const labels = predict(seen, effective);
  if (noise) for (let i = 0; i < nPoints; i++) labels[i] += noise * random.normal();
  return { design: seen, x, labels };
}

function regularGrid(dense, nPoints) {
  dense.grids ??= new Map();
  if (!dense.grids.has(nPoints)) {
    const x = Float64Array.from({ length: nPoints }, (_, i) => -1 + (2 * i) / nPoints);
    dense.grids.set(nPoints, { x, ...designOf(x, dense.d) });
  }
  return dense.grids.get(nPoints);
}

// ------------------------------------------------------------------------------------------------ products

/** features @ effective, shape (n,); coefficients that are zero cost nothing. */
export function predict({ table, rows, d }, effective) {
  const values = new Float64Array(rows.length);
  for (let j = 0; j < d; j++) {
    if (effective[j] === 0) continue;
    for (let i = 0; i < rows.length; i++) values[i] += effective[j] * table[rows[i] * d + j];
  }
  return values;
}

// Four running sums let the processor overlap the additions.
export function dotRow(table, start, vector, d) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, j = 0;
  for (; j + 3 < d; j += 4) {
    s0 += table[start + j] * vector[j];
    s1 += table[start + j + 1] * vector[j + 1];
    s2 += table[start + j + 2] * vector[j + 2];
    s3 += table[start + j + 3] * vector[j + 3];
  }
  for (; j < d; j++) s0 += table[start + j] * vector[j];
  return s0 + s1 + (s2 + s3);
}

/**
 * out = Phi^T (Phi vector - labels); returns |Phi vector - labels|^2.
 *
 * Four rows at a time, each read once while it is in the fastest cache: `vector` and `out` are then touched once for
 * every four rows, which halves the time.
 */
function residualGradient({ table, rows, d }, vector, labels, out) {
  out.fill(0);
  const n = rows.length;
  let squares = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const p0 = rows[i] * d, p1 = rows[i + 1] * d, p2 = rows[i + 2] * d, p3 = rows[i + 3] * d;
    let r0 = 0, r1 = 0, r2 = 0, r3 = 0;
    for (let j = 0; j < d; j++) {
      const v = vector[j];
      r0 += table[p0 + j] * v;
      r1 += table[p1 + j] * v;
      r2 += table[p2 + j] * v;
      r3 += table[p3 + j] * v;
    }
    if (labels) {
      r0 -= labels[i];
      r1 -= labels[i + 1];
      r2 -= labels[i + 2];
      r3 -= labels[i + 3];
    }
    squares += r0 * r0 + r1 * r1 + r2 * r2 + r3 * r3;
    for (let j = 0; j < d; j++) {
      out[j] += r0 * table[p0 + j] + r1 * table[p1 + j] + r2 * table[p2 + j] + r3 * table[p3 + j];
    }
  }
  for (; i < n; i++) {
    const start = rows[i] * d;
    const residual = dotRow(table, start, vector, d) - (labels ? labels[i] : 0);
    squares += residual * residual;
    for (let j = 0; j < d; j++) out[j] += residual * table[start + j];
  }
  return squares;
}

// ------------------------------------------------------------------------------------------------ MAML

/**
 * Adds one task's meta-gradient to `gradient` and returns the task's validation loss.
 *
 * With c = w * alpha and q = w^2 an inner step is c <- c - (2 rate / N) q * Phi^T (Phi c - y), from c = 0; the adjoint
 * of the validation loss runs back through the K steps. firstOrder counts the adapted alpha as a constant instead.
 */
export function mamlTask(weights, train, validation, innerSteps, innerRate, firstOrder, gradient) {
  const d = weights.length;
  const step = (2 * innerRate) / train.labels.length;
  const effective = new Float64Array(d);
  const slopes = [];
  for (let k = 0; k < innerSteps; k++) {
    const slope = new Float64Array(d);
    residualGradient(train.design, effective, train.labels, slope);
    for (let j = 0; j < d; j++) effective[j] -= step * weights[j] * weights[j] * slope[j];
    slopes.push(slope);
  }
  const adjoint = new Float64Array(d);
  const loss = residualGradient(validation.design, effective, validation.labels, adjoint) / validation.labels.length;
  for (let j = 0; j < d; j++) adjoint[j] *= 2 / validation.labels.length;
  if (firstOrder) {
    for (const slope of slopes) for (let j = 0; j < d; j++) gradient[j] -= step * weights[j] * slope[j] * adjoint[j];
    return loss;
  }
  const scaled = new Float64Array(d);
  const product = new Float64Array(d);
  for (let k = innerSteps - 1; k >= 0; k--) {
    const slope = slopes[k];
    for (let j = 0; j < d; j++) gradient[j] -= 2 * step * weights[j] * slope[j] * adjoint[j];
    if (k === 0) break;
    for (let j = 0; j < d; j++) scaled[j] = weights[j] * weights[j] * adjoint[j];
    residualGradient(train.design, scaled, null, product);
    for (let j = 0; j < d; j++) adjoint[j] -= step * product[j];
  }
  return loss;
}

/** Adam with the usual constants; the rate falls to 0 along a cosine over `steps` steps. */
export class Adam {
  constructor(nFeatures, rate, steps) {
    Object.assign(this, { rate, steps, step: 0 });
    this.mean = new Float64Array(nFeatures);
    this.square = new Float64Array(nFeatures);
  }

  /** Moves the weights in place, one step down the gradient. */
  update(weights, gradient) {
    const rate = (this.rate * (1 + Math.cos((Math.PI * this.step) / this.steps))) / 2;
    this.step += 1;
    const meanScale = 1 - 0.9 ** this.step;
    const squareScale = 1 - 0.999 ** this.step;
    for (let j = 0; j < weights.length; j++) {
      this.mean[j] = 0.9 * this.mean[j] + 0.1 * gradient[j];
      this.square[j] = 0.999 * this.square[j] + 0.001 * gradient[j] * gradient[j];
      weights[j] -= (rate * (this.mean[j] / meanScale)) / (Math.sqrt(this.square[j] / squareScale) + 1e-8);
    }
  }
}

/** Descent with momentum and one common scale: the largest entry of the averaged gradient moves by the rate. */
export class Descent {
  constructor(nFeatures, rate, steps) {
    Object.assign(this, { rate, steps, step: 0 });
    this.mean = new Float64Array(nFeatures);
  }

  /** Moves the weights in place, one step down the averaged gradient. */
  update(weights, gradient) {
    const rate = (this.rate * (1 + Math.cos((Math.PI * this.step) / this.steps))) / 2;
    this.step += 1;
    let largest = 0;
    for (let j = 0; j < weights.length; j++) {
      this.mean[j] = 0.9 * this.mean[j] + (1 - 0.9) * gradient[j];
      largest = Math.max(largest, Math.abs(this.mean[j]));
    }
    if (largest > 0) for (let j = 0; j < weights.length; j++) weights[j] -= (rate / largest) * this.mean[j];
  }
}

// ------------------------------------------------------------------------------------------------ Reptile

/** Gradient descent on weights and coefficients at once, from (w, 0): { weights, coefficients, loss } at its end. */
export function jointDescent(task, weights, innerSteps, innerRate) {
  const d = weights.length;
  const step = (2 * innerRate) / task.labels.length;
  const moved = Float64Array.from(weights);
  const coefficients = new Float64Array(d);
  const effective = new Float64Array(d);
  const slope = new Float64Array(d);
  for (let k = 0; k < innerSteps; k++) {
    residualGradient(task.design, effective, task.labels, slope);
    for (let j = 0; j < d; j++) {
      const h = step * slope[j];
      const w = moved[j];
      moved[j] = w - h * coefficients[j];
      coefficients[j] -= h * w;
      effective[j] = moved[j] * coefficients[j];
    }
  }
  const loss = residualGradient(task.design, effective, task.labels, slope) / task.labels.length;
  return { weights: moved, coefficients, loss };
}

// ------------------------------------------------------------------------------------------------ fitting one task

/** Weighted minimum-norm fit of one task; see `interpolator`. */
export function minNorm(design, labels, weights) {
  return interpolator(design, weights)(labels);
}

/**
 * A function from labels to effective coefficients: beta = w * alpha with the smallest |alpha| such that Phi beta = y, or
 * the least-squares fit where no beta reaches y. Rows of Phi diag(w) that depend on others (repeated points, weights
 * that are zero) are dropped by pivoting, so nothing is ever divided by a vanishing number.
 */
export function interpolator({ table, rows, d }, weights) {
  const n = rows.length;
  const scale = weights.reduce((largest, w) => Math.max(largest, Math.abs(w)), 0);
  if (scale === 0 || n === 0) return () => new Float64Array(d);
  const relative = weights.map((w) => w / scale);
  const matrix = [];
  for (let i = 0; i < n; i++) {
    const row = table.slice(rows[i] * d, rows[i] * d + d);
    for (let j = 0; j < d; j++) row[j] *= relative[j];
    matrix.push(row);
  }
  // The answer lies in the span of the rows: alpha = Q^T z with |Phi_w Q^T z - y| least.
  const basis = rowSpace(matrix, Math.max(n, d) * Number.EPSILON);
  const solve = leastSquares(matrix.map((row) => Float64Array.from(basis, (q) => dot(row, q))));
  return (labels) => {
    const z = solve(labels);
    const effective = new Float64Array(d);
    for (let r = 0; r < basis.length; r++) for (let j = 0; j < d; j++) effective[j] += z[r] * basis[r][j];
    for (let j = 0; j < d; j++) effective[j] *= relative[j];
    return effective;
  };
}

export function dot(a, b) {
  return dotRow(a, 0, b, a.length);
}

function subtract(row, factor, direction) {
  for (let j = 0; j < row.length; j++) row[j] -= factor * direction[j];
}

/** Orthonormal basis of the rows, largest remainder first, down to `tolerance` times the largest row. */
function rowSpace(matrix, tolerance) {
  const rest = matrix.map((row) => Float64Array.from(row));
  const basis = [];
  let largest = 0;
  while (rest.length) {
    let pivot = 0;
    const sizes = rest.map((row) => Math.sqrt(dot(row, row)));
    sizes.forEach((size, i) => { if (size > sizes[pivot]) pivot = i; });
    if (basis.length === 0) largest = sizes[pivot];
    if (!(sizes[pivot] > tolerance * largest)) break;
    const [direction] = rest.splice(pivot, 1);
    for (const q of basis) subtract(direction, dot(q, direction), q); // a second time, against rounding
    const size = Math.sqrt(dot(direction, direction));
    for (let j = 0; j < direction.length; j++) direction[j] /= size;
    basis.push(direction);
    for (const row of rest) subtract(row, dot(direction, row), direction);
  }
  return basis;
}

/** Least squares by Householder reflections, as a function of the labels; n rows, r <= n independent columns. */
function leastSquares(matrix) {
  const n = matrix.length;
  const r = matrix[0].length;
  const columns = Array.from({ length: r }, (_, k) => Float64Array.from(matrix, (row) => row[k]));
  const mirrors = columns.map((column, k) => {
    const mirror = new Float64Array(n);
    let norm = 0;
    for (let i = k; i < n; i++) norm += column[i] * column[i];
    mirror.set(column.subarray(k), k);
    mirror[k] += Math.sign(column[k] || 1) * Math.sqrt(norm);
    const square = dot(mirror, mirror);
    if (square > 0) for (let j = k; j < r; j++) subtract(columns[j], (2 * dot(mirror, columns[j])) / square, mirror);
    return { mirror, square };
  });
  return (labels) => {
    const y = Float64Array.from(labels);
    for (const { mirror, square } of mirrors) if (square > 0) subtract(y, (2 * dot(mirror, y)) / square, mirror);
    const z = new Float64Array(r);
    for (let k = r - 1; k >= 0; k--) {
      let sum = y[k];
      for (let j = k + 1; j < r; j++) sum -= columns[j][k] * z[j];
      z[k] = sum / columns[k][k];
    }
    return z;
  };
}

/** K steps of gradient descent with feature weights: the effective coefficients w * alpha. */
export function gradientDescent({ design, labels }, weights, innerSteps, innerRate) {
  const d = weights.length;
  const step = (2 * innerRate) / labels.length;
  const effective = new Float64Array(d);
  const slope = new Float64Array(d);
  for (let k = 0; k < innerSteps; k++) {
    residualGradient(design, effective, labels, slope);
    for (let j = 0; j < d; j++) effective[j] -= step * weights[j] * weights[j] * slope[j];
  }
  return effective;
}

/** Exact expected squared error for x uniform on [-1, 1): the features are orthonormal there. */
export function risk(estimate, truth) {
  let sum = 0;
  for (let j = 0; j < truth.length; j++) sum += (estimate[j] - truth[j]) ** 2;
  return sum;
}

/** Inner rate at which gradient descent on the mean squared error starts to diverge, by power iteration. */
export function largestStableRate(design, weights) {
  let vector = Float64Array.from(weights, (w, j) => w * (1 + 0.1 * Math.sin(j))); // no symmetry to get stuck in
  const squared = weights.map((w) => w * w);
  const product = new Float64Array(weights.length);
  let largest = 0;
  for (let i = 0; i < 1000; i++) {
    // One multiplication by diag(w)^2 Phi^T Phi, whose eigenvalues are those of diag(w) Phi^T Phi diag(w).
    residualGradient(design, vector, null, product);
    const next = Float64Array.from(product, (value, j) => value * squared[j]);
    const size = Math.sqrt(dot(next, next));
    if (size === 0) return Infinity;
    const previous = largest;
    largest = size / Math.sqrt(dot(vector, vector));
    vector = next.map((value) => value / size);
    if (Math.abs(largest - previous) <= 1e-12 * largest) break;
  }
  return design.rows.length / largest;
}
