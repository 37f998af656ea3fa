"""The engine of the published explorers, run by node, against the package on the same recorded inputs.

`make test-browser` runs the same cases inside the built page, whatever is installed besides.
"""

import json
import shutil
import subprocess

import engine_cases
import pytest

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
import { Trainer } from "ENGINE";
const base = { nFeatures: 65, support: [0, 1, 2], noise: 0, design: "random", nPoints: 24, nTasks: 15, steps: 200,
  innerSteps: 5, innerRate: 0.02, outerRate: 0.05, stepSize: 1, seed: 1, start: "ones", scale: 1, nUnseen: 4 };
const train = (settings) => {
  const trainer = new Trainer({ ...base, ...settings });
  while (!trainer.done) trainer.advance(7);
  const { step, status, weights, risk, stableRate } = trainer.snapshot();
  return { step, status, weights: [...weights], risk, stableRate, first: [...trainer.unseen[0].x] };
};
process.stdout.write(JSON.stringify({
  maml: train({ method: "maml" }), again: train({ method: "maml" }), fomaml: train({ method: "fomaml" }),
  reptile: train({ method: "reptile", innerSteps: 20 }), hot: train({ method: "maml", innerRate: 0.6 }),
  small: train({ method: "reptile", innerSteps: 20, scale: 0.01 }),
  none: train({ method: "maml", heldOut: false }),
  amplified: train({ method: "maml", heldOut: false, optimiser: "descent", scale: 0.01 }),
  grid: train({ method: "maml", design: "grid" }), other: train({ method: "maml", support: [7, 30] }),
}));
"""


@needs_node
def test_training_runs_do_what_the_book_says(tmp_path):
    runs = json.loads(run_in_node(RUNS.replace("ENGINE", engine_cases.ENGINE.as_uri()), tmp_path))
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
    # On one grid of 24 points only the aliases of the true features are told apart from the rest.
    moved = {j for j, weight in enumerate(runs["grid"]["weights"]) if abs(weight - 1) > 1e-6}
    assert moved == {0, 1, 2, 45, 46, 48, 49, 50}
