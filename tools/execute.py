"""Execute the notebooks' sources and store them, outputs included, as .ipynb files.

Usage: python tools/execute.py [NAME ...], as `make notebooks` does; a NAME is, for example, 03_maml, or 03.

A notebook that was edited since its source was saved is not overwritten: the program stops and says what to type.

What is stored depends on the source and on its outputs only: a second run changes no byte. Three things would
differ from run to run and are settled here:

- Cell ids are derived from the cells' sources, so inserting a cell does not touch the others.
- A cell tagged "wall-clock" keeps the output that is stored already, as long as its source is unchanged.
  To measure again, delete the .ipynb file first.
- Widgets are stored as a line of text: their state belongs to a kernel that is gone.

Cells whose tags say that a reader may skip them (FOLDED) are stored folded for JupyterLab, too.
"""

import hashlib
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from fourier_meta import files

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_TIMEOUT = 300  # seconds; no cell takes 15 s on a machine that is free, so this only ends what hangs

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # No version: it would change with the interpreter, and nothing reads it.
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}

FOLDED = {"hide-input", "colab", "solution"}

WIDGET_STATE = "application/vnd.jupyter.widget-view+json"
WIDGET_REPR = re.compile(r"\w+\(.*\)", re.DOTALL)  # VBox(children=(IntSlider(...
WIDGET_TEXT = "An explorer: run this cell in JupyterLab to use its controls."


class NotebookError(Exception):
    """A notebook that could not be executed; the message says where and why."""


def main(names: list[str]) -> None:
    for source in sources(names):
        try:
            changed = store(source)
        except NotebookError as error:
            sys.exit(f"{error}\n\n{source.with_suffix('.ipynb').name} was left as it was.")
        except ValueError as error:
            sys.exit(f"{source.name}: {error}")
        except KeyboardInterrupt:
            sys.exit(f"\nInterrupted: {source.with_suffix('.ipynb').name} was left as it was.")
        print(f"{source.stem}: {'stored' if changed else 'unchanged'}")


def sources(names: list[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """The .py sources of the named notebooks (03_maml, or 03), or of all; conf.py beside them is not one."""
    found = sorted(folder.glob("[0-9A-Z]*_*.py"))
    wanted = [Path(name).stem for name in names] or [""]
    missing = [name for name in wanted if not any(path.stem.startswith(name) for path in found)]
    if missing:
        known = ", ".join(path.stem for path in found) or "none"
        sys.exit(f"No notebook source {', '.join(missing) or 'at all'} in {folder.name}/: there is {known}.")
    return [path for path in found if path.stem.startswith(tuple(wanted))]


def store(source: Path) -> bool:
    """Execute one source and write its notebook; True if that changed the file."""
    target = source.with_suffix(".ipynb")
    old = target.read_text(encoding="utf-8") if target.exists() else None
    stored = nbformat.reads(old, as_version=4) if old else None
    notebook = jupytext.read(source)
    if stored and was_edited(target, stored, source, notebook):
        raise NotebookError(advice(source))
    executed(notebook, source)
    normalise(notebook, stored)
    new = nbformat.writes(notebook) + "\n"
    if new == old:
        return False
    files.replace(target, new)
    return True


def was_edited(target: Path, stored: NotebookNode, source: Path, notebook: NotebookNode) -> bool:
    """True if the .ipynb half holds other cells than the .py half and was saved later: somebody's work."""
    return target.stat().st_mtime > source.stat().st_mtime and contents(stored) != contents(notebook)


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def contents(notebook: NotebookNode) -> list[tuple]:
    """What both halves of a pair hold: type, text and tags of each cell."""
    return [(cell.cell_type, cell.source.rstrip(), tags(cell)) for cell in notebook.cells]


def advice(source: Path) -> str:
    """What to type when the halves of a pair differ: the half that was saved last wins."""
    notebook = source.with_suffix(".ipynb")
    if notebook.stat().st_mtime > source.stat().st_mtime:
        return (
            f"{notebook.name} was edited after {source.name}, which knows nothing of it. To keep the edit:\n"
            f"  .venv/bin/jupytext --sync notebooks/{notebook.name}\n"
            f"To drop it: touch notebooks/{source.name}. Then run make notebooks ONLY={source.stem} again."
        )
    return f"{source.name} was edited after {notebook.name}: run make notebooks ONLY={source.stem}"


def executed(notebook: NotebookNode, source: Path) -> NotebookNode:
    """The notebook itself with its outputs, run in a fresh kernel in its own folder."""
    client = NotebookClient(
        notebook,
        km=this_interpreters_kernel(),
        timeout=CELL_TIMEOUT,
        record_timing=False,
        # The kernel's log warns about local sockets, and prints tracebacks of its own when it is interrupted.
        extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        return client.execute(cleanup_kc=True)  # the kernel ends with the notebook, not with this program
    except CellExecutionError:
        raise NotebookError(describe_failure(notebook, source)) from None
    except CellTimeoutError as error:
        raise NotebookError(f"{source.name}: {error}") from None
    except DeadKernelError:
        raise NotebookError(f"{source.name}: the kernel ended early: interrupted, killed or out of memory.") from None


def this_interpreters_kernel() -> AsyncKernelManager:
    """A kernel of the interpreter that runs this file, whatever kernels the user has installed.

    Without kernel folders, the only kernel left is ipykernel's own, which starts sys.executable.
    """
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))


def describe_failure(notebook: NotebookNode, source: Path) -> str:
    """Which cell raised, its source, and the traceback."""
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"{source.name}, cell {number} raised:\n\n{cell.source}\n\n" + "\n".join(output.traceback)
    return f"{source.name} raised, but no cell holds the traceback."


def normalise(notebook: NotebookNode, old: NotebookNode | None) -> None:
    """Remove from an executed notebook, in place, all that changes from run to run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    give_fixed_ids(notebook)
    stored = {cell.id: cell for cell in old.cells} if old else {}
    for cell in notebook.cells:
        cell.metadata.pop("jupyter", None)
        if cell.cell_type == "code":
            if FOLDED & set(tags(cell)):
                cell.metadata["jupyter"] = {"source_hidden": True}
            cell.metadata.pop("execution", None)
            cell.outputs = [text_for_widget(output) for output in merged_streams(cell.outputs)]
            if "wall-clock" in tags(cell) and cell.id in stored:
                cell.outputs = stored[cell.id].outputs or cell.outputs


def give_fixed_ids(notebook: NotebookNode) -> None:
    """An id per cell, from its type and source; equal cells are told apart by a count."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: where a kernel cuts them is a matter of timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def text_for_widget(output: NotebookNode) -> NotebookNode:
    """Drop a widget's model id, and its repr; a description that the notebook gives itself stays."""
    if WIDGET_STATE in output.get("data", {}):
        del output.data[WIDGET_STATE]
        if WIDGET_REPR.fullmatch(output.data.get("text/plain", "()").strip()):
            output.data["text/plain"] = WIDGET_TEXT
    return output


if __name__ == "__main__":
    main(sys.argv[1:])
