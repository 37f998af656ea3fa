"""The page "Use it on your own curves": its code runs as it stands, and learned priors beat the mean curve."""

import re
import subprocess
import sys

import checkout
import pytest

TABLE = "notebooks/data/elnino_months.csv"
PAGE = (checkout.ROOT / "notebooks" / "own_curves.md").read_text(encoding="utf-8")


BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_its_code_runs_and_reads_new_curves():
    code = "\n".join(BLOCKS)
    command = [sys.executable, "-W", "ignore", "-c", code]  # a Gaussian process may stop before it has converged
    ran = subprocess.run(command, cwd=checkout.ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    errors = {
        name.strip(): float(value) for name, value in re.findall(r"^(.+?)root mean.+? ([\d.]+)$", ran.stdout, re.M)
    }
    assert set(errors) == {"mean curve", "MAML", "empirical Bayes", "Gaussian process", "MAML, polynomials"}
    learned = [errors[name] for name in ("MAML", "empirical Bayes")]
    assert max(learned) < 0.8 * errors["mean curve"]


@pytest.mark.parametrize(("gaps", "complete"), [(0, 61), (2, 59)])
def test_a_curve_with_a_gap_is_left_out(gaps, complete, tmp_path, capsys):
    lines = (checkout.ROOT / TABLE).read_text().splitlines(keepends=True)
    for row in range(1, 1 + gaps):
        lines[row] = re.sub(r",[^,]*,", ",,", lines[row], count=1)
    (tmp_path / "mine.csv").write_text("".join(lines))
    assert TABLE in BLOCKS[0]
    exec(BLOCKS[0].replace(TABLE, str(tmp_path / "mine.csv")), {})
    assert capsys.readouterr().out == f"61 curves, {complete} of them without a gap\n"
