"""Recorded inputs for the engine of the site's figures, and what the Python package makes of them.

They run in node (reader/test_engine_js.py) and in the page of the built site (reader/browser/test_site_page.py).
"""

from functools import partial
from pathlib import Path

import numpy as np

from fourier_meta import (
    Tasks,
    alias_classes,
    aliased_min_norm,
    few_steps,
    fomaml_gradient,
    fourier_features,
    joint_descent,
    largest_stable_rate,
    maml_gradient,
    min_norm,
    ridge_gradient,
    risk,
)
from fourier_meta.bayes import empirical_bayes
from fourier_meta.tasks import dense_size
from fourier_meta.training import Adam, Descent

STATIC = Path(__file__).resolve().parents[1] / "notebooks" / "_static"
CONFIGURATIONS = 24
STEPS = 100
BATCHES = 4  # recorded batches of tasks, used in turn
BAYES_STEPS = 20
TOLERANCE = 1e-9

# What SCRIPT takes from the modules of the engine.
NAMES = {
    "engine.mjs": "Adam, Descent, aliasClasses, aliasedMinNorm, designOf, fourierFeatures, gradientDescent, "
    "jointDescent, largestStableRate, mamlTask, minNorm, risk",
    "kernel.mjs": "Tables, kernelTask, throughRidge, throughSteps",
    "bayes.mjs": "EmpiricalBayes",
}

# Runs every case with the engine's functions, which the caller puts in scope, and returns plain numbers.
SCRIPT = """
function mamlGradient(weights, train, validation, ...inner) {
  const gradient = new Float64Array(weights.length);
  const losses = train.map((task, t) => mamlTask(weights, task, validation[t], ...inner, gradient) / train.length);
  return { loss: losses.reduce((sum, loss) => sum + loss), gradient: gradient.map((value) => value / train.length) };
}
function reptileStep(weights, tasks, innerSteps, innerRate, fraction) {
  const runs = tasks.map((task) => jointDescent(task, weights, innerSteps, innerRate));
  const mean = (part) => runs.reduce((sum, run) => sum + part(run) / runs.length, 0);
  const moved = weights.map((w, j) => w + fraction * (mean((run) => run.weights[j]) - w));
  return { loss: mean((run) => run.loss), weights: moved };
}
function run(cases) {
  const task = (d) => ({ x, y }) => ({ design: designOf(x, d), labels: Float64Array.from(y) });
  return cases.map((c) => {
    const d = c.weights.length;
    const batches = c.batches.map(({ train, validation }) => [train.map(task(d)), validation.map(task(d))]);
    const start = Float64Array.from(c.weights);
    const [train, validation] = batches[0];
    const result = {};
    for (const [name, firstOrder] of [["maml", false], ["fomaml", true]]) {
      const { loss, gradient } = mamlGradient(start, train, validation, c.innerSteps, c.innerRate, firstOrder);
      const weights = Float64Array.from(start);
      const adam = new Adam(d, c.outerRate, c.steps);
      for (let step = 0; step < c.steps; step++) {
        const batch = batches[step % batches.length];
        adam.update(weights, mamlGradient(weights, ...batch, c.innerSteps, c.innerRate, firstOrder).gradient);
      }
      result[name] = { loss: [loss], gradient: [...gradient], weights: [...weights] };
    }
    // nothing held out, one common scale
    const scaled = Float64Array.from(start, (w) => 0.1 * w);
    const descent = new Descent(d, c.outerRate, c.steps);
    for (let step = 0; step < c.steps; step++) {
      const tasks = batches[step % batches.length][0];
      descent.update(scaled, mamlGradient(scaled, tasks, tasks, c.innerSteps, c.innerRate, false).gradient);
    }
    result.amplify = { weights: [...scaled] };
    let weights = start;
    for (let step = 0; step < c.steps; step++) {
      const tasks = batches[step % batches.length][0];
      weights = reptileStep(weights, tasks, c.innerSteps, c.innerRate, c.stepSize * (1 - step / c.steps)).weights;
    }
    const first = reptileStep(start, train, c.innerSteps, c.innerRate, 1);
    result.reptile = { loss: [first.loss], gradient: [...first.weights], weights: [...weights] };
    const { design, labels } = train[0];
    const classes = aliasClasses(c.gridPoints, d);
    const fit = minNorm(design, labels, start);
    result.fits = {
      minNorm: [...fit],
      oneHot: [...minNorm(design, labels, Float64Array.from(c.oneHot))],
      descent: [...gradientDescent({ design, labels }, start, c.innerSteps, c.innerRate)],
      stable: [largestStableRate(design, start)],
      representative: [...classes.representative],
      factor: [...classes.factor],
      aliased: [...aliasedMinNorm(fit, start, c.gridPoints)],
      risk: [risk(fit, start)],
      features: [...fourierFeatures(c.batches[0].train[0].x, d)],
    };
    const placed = ({ places, y }) => ({ places: Int32Array.from(places), labels: Float64Array.from(y) });
    const [these, others] = [c.placed.train.map(placed), c.placed.validation.map(placed)];
    const wide = Float64Array.from(c.placed.weights);
    const tables = new Tables(wide.length);
    const inner = { kernelMaml: throughSteps(c.innerSteps, c.innerRate), kernelRidge: throughRidge(c.penalty) };
    for (const [name, through] of Object.entries(inner)) {
      tables.load(wide.map((w) => w * w));
      const loss = these.reduce((sum, task, t) => sum + kernelTask(tables, task, others[t], through), 0) / these.length;
      result[name] = { loss: [loss], gradient: [...tables.collect().map((s, j) => (2 * wide[j] * s) / these.length)] };
    }
    for (const [name, noise] of [["bayes", null], ["bayesKnowing", c.placed.noise]]) {
      const bayes = new EmpiricalBayes(wide.length, these, noise);
      for (let step = 0; step < c.bayesSteps; step++) bayes.advance();
      result[name] = { variances: [...bayes.variances], noise: [bayes.noise], history: bayes.history };
    }
    return result;
  });
}
"""


def draw_case(seed):
    """One random configuration with its recorded batches, as plain numbers."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 48))
    n_points, n_validation, n_tasks = (int(rng.integers(low, high)) for low, high in ((2, 24), (1, 24), (1, 6)))
    support = rng.permutation(d)[: min(d, 3)]

    def observe(effective, n):
        x = rng.uniform(-1, 1, n)
        return {"x": x.tolist(), "y": (fourier_features(x, d) @ effective + 0.1 * rng.standard_normal(n)).tolist()}

    batches = []
    for _ in range(BATCHES):
        effective = np.zeros((n_tasks, d))
        effective[:, support] = rng.standard_normal((n_tasks, len(support)))
        batches.append(
            {
                "train": [observe(row, n_points) for row in effective],
                "validation": [observe(row, n_validation) for row in effective],
            }
        )
    weights = rng.uniform(0.2, 1.2, d)
    one_hot = np.zeros(d)
    one_hot[support] = 1
    x = np.array([task["x"] for batch in batches for task in batch["train"]])
    stable = largest_stable_rate(fourier_features(x, d), weights).min()
    return {
        "weights": weights.tolist(),
        "oneHot": one_hot.tolist(),
        "batches": batches,
        "innerSteps": int(rng.integers(1, 9)),
        # Weights grow while they are trained, so the rate keeps its distance from the limit.
        "innerRate": float(rng.uniform(0.02, 0.2) * stable),
        "outerRate": float(rng.uniform(0.005, 0.02)),
        "stepSize": float(rng.uniform(0.1, 1)),
        "steps": STEPS,
        "gridPoints": int(rng.integers(1, 40)),
        "penalty": float(10 ** rng.uniform(-3, 0)),
        "placed": draw_placed(n_points, n_validation, n_tasks, rng),
        "bayesSteps": BAYES_STEPS,
    }


def draw_placed(n_points, n_validation, n_tasks, rng):
    """Tasks on whole places of the circle, with more features than a case of explicit ones has."""
    d, noise = int(rng.integers(2, 1100)), 0.1
    support = rng.permutation(d)[:3]
    effective = np.zeros((n_tasks, d))
    effective[:, support] = rng.standard_normal((n_tasks, len(support)))

    def observe(row, n):
        places = rng.integers(dense_size(d), size=n)
        labels = fourier_features(_at(places, d), d) @ row + noise * rng.standard_normal(n)
        return {"places": places.tolist(), "y": labels.tolist()}

    parts = {"train": n_points, "validation": n_validation}
    tasks = {name: [observe(row, n) for row in effective] for name, n in parts.items()}
    return tasks | {"weights": (rng.uniform(0.2, 1.2, d) / np.sqrt(d)).tolist(), "noise": noise}


def _at(places, d):
    return np.array(places) * 2 / dense_size(d) - 1


def cases():
    return [draw_case(seed) for seed in range(CONFIGURATIONS)]


def expected(case):
    """The same quantities from the package, under the same names."""
    d = len(case["weights"])
    batches = [[_tasks(batch[part], d) for part in ("train", "validation")] for batch in case["batches"]]
    start, inner = np.array(case["weights"]), (case["innerSteps"], case["innerRate"])
    result = {}
    for name, gradient in (("maml", maml_gradient), ("fomaml", fomaml_gradient)):
        loss, slope = gradient(start, *batches[0], *inner)
        adam, weights, state = Adam(case["outerRate"]), start, None
        for step in range(case["steps"]):
            slopes = gradient(weights, *batches[step % BATCHES], *inner)[1]
            weights, state = adam(weights, slopes, state, step / case["steps"])
        result[name] = {"loss": [loss], "gradient": slope, "weights": weights}
    descent, weights, state = Descent(case["outerRate"]), 0.1 * start, None
    for step in range(case["steps"]):
        train = batches[step % BATCHES][0]
        slopes = maml_gradient(weights, train, train, *inner)[1]
        weights, state = descent(weights, slopes, state, step / case["steps"])
    result["amplify"] = {"weights": weights}
    weights = start
    for step in range(case["steps"]):
        fraction = case["stepSize"] * (1 - step / case["steps"])
        weights = weights + fraction * (_reptile(batches[step % BATCHES][0], weights, inner)[0] - weights)
    moved, loss = _reptile(batches[0][0], start, inner)
    result["reptile"] = {"loss": [loss], "gradient": moved, "weights": weights}
    train = batches[0][0]
    features, labels = train.features[0], train.labels[0]
    classes, fit = alias_classes(case["gridPoints"], d), min_norm(features, labels, start)
    result["fits"] = {
        "minNorm": fit,
        "oneHot": min_norm(features, labels, np.array(case["oneHot"])),
        "descent": few_steps(features, labels, start, *inner),
        "stable": [largest_stable_rate(features, start)],
        "representative": classes.representative,
        "factor": classes.factor,
        "aliased": aliased_min_norm(fit, start, case["gridPoints"]),
        "risk": [risk(fit, start)],
        "features": features.ravel(),
    }
    return result | expected_through_grams(case)


def expected_through_grams(case):
    """What kernel.mjs and bayes.mjs find without features, from features."""
    placed = case["placed"]
    weights = np.array(placed["weights"])
    d = len(weights)
    observed = [
        [{"x": _at(task["places"], d), "y": task["y"]} for task in placed[part]] for part in ("train", "validation")
    ]
    train, validation = (_tasks(part, d) for part in observed)
    result = {}
    for name, gradient in {
        "kernelMaml": partial(maml_gradient, inner_steps=case["innerSteps"], inner_rate=case["innerRate"]),
        "kernelRidge": partial(ridge_gradient, penalty=case["penalty"]),
    }.items():
        loss, slope = gradient(weights, train, validation)
        result[name] = {"loss": [loss], "gradient": slope}
    for name, noise in {"bayes": None, "bayesKnowing": placed["noise"]}.items():
        prior = empirical_bayes(train, noise, steps=BAYES_STEPS, tolerance=1e-12)
        result[name] = {"variances": prior.variances, "noise": [prior.noise], "history": prior.history}
    return result


def _tasks(observed, d):
    x = np.array([task["x"] for task in observed])
    return Tasks(fourier_features(x, d), np.array([task["y"] for task in observed]), x)


def _reptile(tasks, weights, inner):
    """Mean of the adapted weights, and the mean loss of the adapted model on the training points."""
    adapted, coefficients = joint_descent(tasks.features, tasks.labels, weights, *inner)
    fitted = ((adapted * coefficients)[:, None, :] @ tasks.features.mT)[:, 0]
    return adapted.mean(axis=0), np.mean((fitted - tasks.labels) ** 2)


def disagreements(results):
    """A line for every quantity of every case whose relative difference from the package exceeds TOLERANCE."""
    recorded = cases()
    assert len(results) == len(recorded) >= 20
    lines, worst = [], 0.0
    for number, (case, ours) in enumerate(zip(recorded, results, strict=True)):
        theirs = expected(case)
        for method, quantities in theirs.items():
            for name, value in quantities.items():
                difference = _relative(np.array(ours[method][name], float), np.asarray(value, float))
                worst = max(worst, difference)
                if not difference <= TOLERANCE:
                    lines.append(f"case {number}, {method}, {name}: differs by {difference:.1e}, relative")
    print(f"{len(results)} configurations, largest relative difference {worst:.1e}")
    return lines


def _relative(ours, theirs):
    if ours.shape != theirs.shape:
        return np.inf
    return np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-300)


def as_module():
    """A module that reads cases from standard input, for node."""
    imports = [f"import {{ {names} }} from '{STATIC.as_uri()}/{module}';\n" for module, names in NAMES.items()]
    return (
        f"{''.join(imports)}import fs from 'node:fs';\n{SCRIPT}\n"
        "process.stdout.write(JSON.stringify(run(JSON.parse(fs.readFileSync(0, 'utf8')))));\n"
    )
