"""Write a file so that an interruption leaves the old one or the new one, never half of one."""

import contextlib
import os
from pathlib import Path


def replace(path, content):
    """Write `content` (bytes, or text as UTF-8) beside `path`, then rename; folders are made as needed.

    Raises ValueError if the file cannot be written there.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError as error:
        reason = f"path {str(path)!r} cannot be written ({error.strerror})"
        raise ValueError(f"{reason}; pass a path in a folder that you may write to") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
