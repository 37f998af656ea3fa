"""Watches the kernels of the tests: a notebook that reaches for the network or writes outside the tree fails.

Python imports a module of this name at its start when PYTHONPATH leads here, which conftest.py sees to. Only kernels
are watched. What the kernel itself needs stays allowed: the loopback address, and Jupyter's and IPython's own folders.
"""

import ipaddress
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
NETWORK = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}
NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request", "http.client.connect"}
WRITES = {"os.mkdir": 0, "os.rename": 1, "os.symlink": 1, "os.link": 1, "os.truncate": 0, "os.remove": 0, "os.rmdir": 0}
PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}


def allowed_folders():
    folders = [ROOT, tempfile.gettempdir(), "/dev", "/proc"]
    variables = ("IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR", "XDG_RUNTIME_DIR")
    folders += [os.environ[name] for name in variables if os.environ.get(name)]
    home = os.path.expanduser("~")  # where a kernel keeps its connection file and its history unless told otherwise
    folders += [os.path.join(home, name) for name in (".ipython", ".local/share/jupyter", "Library/Jupyter")]
    return tuple(os.path.realpath(folder) for folder in folders)


def is_outside(path):
    if isinstance(path, int):
        return False
    real = os.path.realpath(os.fsdecode(path))
    return not any(real == folder or real.startswith(folder + os.sep) for folder in ALLOWED)


def is_remote(address):
    if not isinstance(address, tuple):
        return False  # a socket of this machine's own file system
    try:
        return not ipaddress.ip_address(address[0] or "127.0.0.1").is_loopback
    except ValueError:
        return address[0] not in ("localhost", "")


def watch(event, arguments):
    if event in NETWORK and is_remote(arguments[1]):
        raise PermissionError(f"a notebook may not use the network: {event} {arguments[1]}")
    if event in NAMES and arguments[0] not in ("localhost", "127.0.0.1", "::1", None, b"127.0.0.1", ""):
        raise PermissionError(f"a notebook may not use the network: {event} {arguments[0]}")
    if event in PROCESSES:
        raise PermissionError(f"a notebook may not start a program: {event} {arguments[0]}")
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR) if flags and not mode else mode and set(str(mode)) & set("wax+")
        if path is not None and writes and is_outside(path):
            raise PermissionError(f"a notebook may not write outside the tree: {path}")
    if event in WRITES and is_outside(arguments[WRITES[event]]):
        raise PermissionError(f"a notebook may not write outside the tree: {event} {arguments[WRITES[event]]}")


if any("ipykernel" in argument for argument in sys.orig_argv):
    ALLOWED = allowed_folders()
    sys.addaudithook(watch)
