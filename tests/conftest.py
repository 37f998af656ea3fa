"""Makes nbval compare pictures too, and puts every kernel that the tests start under guard (guard/sitecustomize.py).

By itself nbval skips image/png, so a swapped or dropped figure would pass.
"""

import os
import signal
from pathlib import Path

from nbval.plugin import IPyNbCell
from pictures import picture_problem, pictures

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start as well;
# the tests of interruptions need it to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

GUARD = Path(__file__).parent / "guard"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))

compare_all_but_pictures = IPyNbCell.compare_outputs


def compare_outputs(cell, new, stored, skip_compare=None):
    if not compare_all_but_pictures(cell, new, stored, skip_compare):
        return False
    problem = picture_problem(pictures(new), pictures(stored))
    if problem:
        cell.comparison_traceback.append(problem)
    return not problem


IPyNbCell.compare_outputs = compare_outputs
