"""The engine of the published explorers, run by node, against the package on the same recorded inputs.

`make test-browser` runs the same cases inside the built page, whatever is installed besides.
"""

import json
import re
import shutil
import subprocess

import engine_cases
import numpy as np
import pytest

from fourier_meta import TaskFamily, maml_gradient

NODE = shutil.which("node")


def run_in_node(script, tmp_path, stdin=""):
    path = tmp_path / "run.mjs"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([NODE, str(path)], input=stdin, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed; make test-browser runs the same cases")


@needs_node
def test_the_engine_agrees_with_the_package(tmp_path):
    output = run_in_node(engine_cases.as_module(), tmp_path, json.dumps(engine_cases.cases()))
    assert engine_cases.disagreements(json.loads(output)) == []


def test_the_comparison_sees_a_wrong_engine():
    """What is expected passes; with one first-order gradient in the place of MAML's, or off by 1e-8, it does not."""
    right = [engine_cases.expected(case) for case in engine_cases.cases()]
    assert engine_cases.disagreements(right) == []
    wrong = [*right[:-1], right[-1] | {"maml": right[-1]["fomaml"]}]
    assert any("maml, gradient" in line for line in engine_cases.disagreements(wrong))
    off = right[1]["reptile"] | {"weights": right[1]["reptile"]["weights"] * (1 + 1e-8)}
    assert engine_cases.disagreements([right[0], right[1] | {"reptile": off}, *right[2:]]) != []


RUNS = """
import { Trainer } from "TRAINING.mjs";
const base = { nFeatures: 65, support: [0, 1, 2], noise: 0, design: "random", nPoints: 24, nTasks: 15, steps: 200,
  innerSteps: 5, innerRate: 0.02, outerRate: 0.05, stepSize: 1, seed: 1, start: "ones", scale: 1, nUnseen: 4 };
const train = (settings) => {
  const trainer = new Trainer({ ...base, ...settings });
  while (!trainer.done) trainer.advance(7);
  const { step, status, weights, risk, stableRate } = trainer.snapshot();
  return { step, status, weights: [...weights], risk, stableRate };
};
process.stdout.write(JSON.stringify({
  maml: train({ method: "maml" }), again: train({ method: "maml" }), fomaml: train({ method: "fomaml" }),
  reptile: train({ method: "reptile", innerSteps: 20 }), hot: train({ method: "maml", innerRate: 0.6 }),
  small: train({ method: "reptile", innerSteps: 20, scale: 0.01 }),
  none: train({ method: "maml", heldOut: false }),
  amplified: train({ method: "maml", heldOut: false, optimiser: "descent", scale: 0.01 }),
  tables: train({ method: "maml by tables" }), hotTables: train({ method: "maml by tables", innerRate: 0.6 }),
  ridge: train({ method: "ridge by tables", penalty: 0.1 }),
  grid: train({ method: "maml", design: "grid" }), other: train({ method: "maml", support: [7, 30] }),
}));
"""


def with_modules(script):
    return re.sub(r"[A-Z]+\.mjs", lambda name: (engine_cases.STATIC / name[0].lower()).as_uri(), script)


@needs_node
def test_training_runs_do_what_the_book_says(tmp_path):
    runs = json.loads(run_in_node(with_modules(RUNS), tmp_path))
    maml, reptile = (sorted(map(abs, runs[name]["weights"]), reverse=True) for name in ("maml", "reptile"))
    assert runs["maml"] == runs["again"]
    assert maml[:3] == sorted(map(abs, runs["maml"]["weights"][:3]), reverse=True)
    assert maml[3] < 0.1
    assert runs["maml"]["risk"] < 1e-3 < runs["reptile"]["risk"]
    assert min(reptile) > 1, "Reptile shrank a weight"
    assert sorted(runs["other"]["weights"], key=abs)[-2:] == sorted([runs["other"]["weights"][j] for j in (7, 30)])
    # From a small start amplifying is enough; with nothing held out it needs one common scale.
    assert runs["small"]["risk"] < 1e-3
    assert runs["amplified"]["risk"] < 1e-3 < runs["none"]["risk"]
    assert runs["hot"]["status"] == "diverged"
    assert 0.02 < runs["hot"]["stableRate"] < 0.6
    # Through Gram matrices the same steps are made, and the same risk is found; with ridge inside others prune as well.
    tables = runs["tables"]
    np.testing.assert_allclose(tables["weights"], runs["maml"]["weights"], rtol=1e-6, atol=1e-9)
    assert tables["risk"] == pytest.approx(runs["maml"]["risk"], rel=1e-4)
    assert runs["hotTables"]["status"] == "diverged"
    assert runs["hotTables"]["stableRate"] == pytest.approx(runs["hot"]["stableRate"], rel=1e-9)
    assert sorted(map(abs, runs["ridge"]["weights"]))[-4] < 0.1 < min(map(abs, runs["ridge"]["weights"][:3]))
    # On one grid of 24 points only the aliases of the true features are told apart from the rest.
    moved = {j for j, weight in enumerate(runs["grid"]["weights"]) if abs(weight - 1) > 1e-6}
    assert moved == {0, 1, 2, 45, 46, 48, 49, 50}


WIDE = """
import { kernelTask, Tables, throughSteps } from "KERNEL.mjs";
import fs from "node:fs";
const { weights, train, validation, innerSteps, innerRate } = JSON.parse(fs.readFileSync(0, "utf8"));
const tables = new Tables(weights.length);
const through = throughSteps(innerSteps, innerRate);
tables.load(Float64Array.from(weights, (w) => w * w));
const losses = train.map((task, t) => kernelTask(tables, task, validation[t], through));
const gradient = tables.collect().map((slope, j) => (2 * weights[j] * slope) / train.length);
process.stdout.write(JSON.stringify({ loss: losses.reduce((a, b) => a + b) / train.length, gradient: [...gradient] }));
"""


@needs_node
def test_as_many_features_as_chapter_8_trains_have_the_package_s_gradient(tmp_path):
    rng = np.random.default_rng(8)
    d, settings = 65_537, {"inner_steps": 5, "inner_rate": 0.02}
    weights = rng.uniform(0.0005, 0.0015, d)
    weights[:3] = 1
    family = TaskFamily(d)
    train = family.sample(5, 64, rng)
    validation = family.observe(train.coefficients, 64, rng)
    loss, gradient = maml_gradient(weights, train, validation, **settings)

    def recorded(tasks):
        places = family.dense_index(tasks.x)
        return [{"places": p.tolist(), "labels": y.tolist()} for p, y in zip(places, tasks.labels, strict=True)]

    case = {"weights": weights.tolist(), "train": recorded(train), "validation": recorded(validation)}
    case |= {"innerSteps": settings["inner_steps"], "innerRate": settings["inner_rate"]}
    ours = json.loads(run_in_node(with_modules(WIDE), tmp_path, json.dumps(case)))
    slopes = gradient / weights  # of one size, whatever the weights
    error = np.linalg.norm(ours["gradient"] / weights - slopes) / np.linalg.norm(slopes)
    print(f"{d} features: the gradient differs by {error:.1e}, relative")
    assert error < engine_cases.TOLERANCE
    assert ours["loss"] == pytest.approx(loss, rel=engine_cases.TOLERANCE)
