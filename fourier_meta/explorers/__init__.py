"""Controls that answer while you drag: one function for each notebook that has an explorer.

Each needs a kernel and ipywidgets. Without them it says so; the figure before it in the notebook makes the same point.
"""

from fourier_meta.explorers.overfitting import OverfittingExplorer
from fourier_meta.explorers.showdown import ShowdownExplorer
from fourier_meta.explorers.tasks import TasksExplorer
from fourier_meta.explorers.training import MamlExplorer, ReptileExplorer

__all__ = ["explore_maml", "explore_overfitting", "explore_reptile", "explore_showdown", "explore_tasks"]

open_panels = {}  # the panel of each notebook cell, closed when the cell runs again


def explore_tasks():
    """Notebook 01: true features, coefficients, design of x; the tasks and their labels follow."""
    return open_panel(TasksExplorer())


def explore_overfitting():
    """Notebook 02: points, features, weights and noise; the fit, its alias classes and what survives follow."""
    return open_panel(OverfittingExplorer())


def explore_maml():
    """Notebook 03: family, start and both loops; MAML trains while you watch, and fits an unseen task."""
    return open_panel(MamlExplorer())


def explore_reptile():
    """Notebook 04: the same for Reptile, with MAML beside it on the same tasks and the law of its inner loop."""
    return open_panel(ReptileExplorer())


def explore_showdown():
    """Notebook 05: methods, n and noise; the few-shot curve of these methods follows."""
    return open_panel(ShowdownExplorer())


def open_panel(explorer):
    """Put controls around an explorer; say what is missing if there can be none."""
    try:
        check_widgets()
        from fourier_meta.explorers.panel import Panel
    except ImportError as error:
        print(
            f"{explorer.name}() needs ipywidgets ({error}): run `pip install -U ipywidgets` and restart the kernel. "
            "The figure before this cell makes the same point."
        )
        return None
    place = (explorer.name, current_cell())
    if place in open_panels:
        open_panels.pop(place).close()
    panel = Panel(explorer)
    open_panels[place] = panel
    return panel


def check_widgets():
    """Raise ImportError if ipywidgets is missing or older than 8, whose controls have other names."""
    import ipywidgets

    if int(ipywidgets.__version__.split(".")[0]) < 8:
        raise ImportError(f"8 or newer, this is {ipywidgets.__version__}")


def current_cell():
    """Id of the notebook cell that is running, or None."""
    try:
        from IPython import get_ipython

        return get_ipython().get_parent()["metadata"]["cellId"]
    except (ImportError, AttributeError, KeyError, TypeError):
        return None
