"""The page "Use it on your own curves": its code runs as it stands, and learned priors beat the mean curve."""

import re
import subprocess
import sys

import checkout

PAGE = (checkout.ROOT / "notebooks" / "own_curves.md").read_text(encoding="utf-8")


def test_its_code_runs_and_reads_new_curves():
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    command = [sys.executable, "-W", "ignore", "-c", code]  # a Gaussian process may stop before it has converged
    ran = subprocess.run(command, cwd=checkout.ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    errors = {
        name.strip(): float(value) for name, value in re.findall(r"^(.+?)root mean.+? ([\d.]+)$", ran.stdout, re.M)
    }
    assert set(errors) == {"mean curve", "MAML", "empirical Bayes", "Gaussian process", "MAML, polynomials"}
    learned = [errors[name] for name in ("MAML", "empirical Bayes")]
    assert max(learned) < 0.8 * errors["mean curve"]
