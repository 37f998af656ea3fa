"""The tracker example of the appendix shows a run in TensorBoard while the run goes on."""

import re

import checkout
import numpy as np
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext

from fourier_meta import TaskFamily, maml_steps

EXAMPLE = re.search(
    r"^# ```python\n(# from tensorboard.*?)^# ```",
    (checkout.NOTEBOOKS / "A_report.py").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)[1]


def board(folder):
    """What TensorBoard's server would show of the run `maml` now: tag -> points with a step and a value."""
    runs = EventMultiplexer()
    runs.AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = MultiplexerDataProvider(runs, str(folder))
    return provider.read_scalars(RequestContext(), experiment_id="", plugin_name="scalars", downsample=1000)["maml"]


def test_the_example_shows_a_run_while_it_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen_half_way = []

    def watched(family, *, steps):
        """Train as the example asks, and look half way at what the board shows."""
        for run in maml_steps(family, steps=20, n_points=16, n_validation=16, inner_rate=0.005):
            if run.step == 11:
                seen_half_way.extend(point.step for point in board("runs")["loss"])
            yield run

    namespace = {"random": TaskFamily(33), "support": (0, 1, 2), "maml_steps": watched, "np": np}
    exec(re.sub(r"^# ?", "", EXAMPLE, flags=re.MULTILINE), namespace)
    assert seen_half_way == list(range(1, 11))
    run, shown = namespace["run"], board("runs")
    assert run.status == "finished"
    np.testing.assert_allclose([point.value for point in shown["loss"]], run.history["loss"], rtol=1e-6)
    last = shown["largest other weight"][-1].value
    np.testing.assert_allclose(last, np.abs(run.weights[3:]).max(), rtol=1e-5)
