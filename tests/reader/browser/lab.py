"""A real JupyterLab on a free port, and one notebook of it in a real browser, run to the end."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
EXTENSIONS = NOTEBOOKS.parent / "tools" / "lab"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, seen or not
}
DARK = {"apputils-extension/themes": {"theme": "JupyterLab Dark"}}
SLOW = 180_000  # milliseconds that a notebook may take on a busy machine


class Lab:
    """A server that knows nothing of the user's own configuration; it serves a copy of the notebooks."""

    def __init__(self, folder, settings):
        self.folder, self.token = folder, secrets.token_hex(16)
        shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns("_*", ".ipynb_checkpoints"))
        for name, values in settings.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        self.address = f"http://127.0.0.1:{free_port()}"
        with open(folder / "server.log", "w") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), stdout=log, stderr=log)

    def command(self):
        port = self.address.rsplit(":", 1)[1]
        return [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.folder / 'notebooks'}"),
            *("--ServerApp.port_retries=0", f"--LabApp.extra_labextensions_path={EXTENSIONS}"),
        ]

    def environment(self):
        own = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        folders = {name if name.startswith("JUPYTERLAB") else f"JUPYTER_{name}": self.folder / name for name in own}
        folders["JUPYTERLAB_SETTINGS_DIR"] = self.folder / "settings"
        folders["IPYTHONDIR"] = self.folder / "ipython"
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return os.environ | {name: str(path) for name, path in folders.items()} | threads

    def wait(self, seconds=60):
        """Wait until the server answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
                return
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab did not start:\n{(self.folder / 'server.log').read_text()}")

    def kernel_memory(self):
        """Resident memory of the one kernel, in bytes."""
        (kernel,) = [
            child for child in psutil.Process(self.process.pid).children(recursive=True)
            if "ipykernel_launcher" in " ".join(child.cmdline())
        ]  # fmt: skip
        return kernel.memory_info().rss

    def stop_kernels(self):
        """End every kernel, so that the next notebook has the machine, and `kernel_memory`, to itself."""
        for kernel in self.ask("GET", "kernels"):
            self.ask("DELETE", f"kernels/{kernel['id']}")

    def ask(self, method, path):
        """Call the server's own interface."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def close(self):
        """End the server; it ends its kernels."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def store(path, *sources):
    """Write a notebook of these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(notebook, path)


def open_notebook(context, lab, name):
    """Open a notebook and return its page; `page.complaints` holds the browser's errors."""
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{lab.address}/lab/tree/{name}?reset&token={lab.token}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=SLOW)
    page.wait_for_selector(".jp-StatusBar-TextItem:has-text('| Idle')", timeout=SLOW)
    return page


def choose(page, menu, item):
    """Choose an item of the menu bar."""
    page.click(f".lm-MenuBar-itemLabel:text-is('{menu}')")
    page.click(f".lm-Menu-itemLabel:text-is('{item}')")


def run_all(page):
    """Run all cells, and wait for the last."""
    choose(page, "Run", "Run All Cells")
    page.wait_for_function(ALL_RAN, timeout=SLOW)


ALL_RAN = """() => [...document.querySelectorAll('.jp-CodeCell')].every((cell) => {
  const code = cell.querySelector('.cm-content')?.textContent.trim();
  return !code || /\\[\\d+\\]/.test(cell.querySelector('.jp-InputPrompt').textContent);
})"""
