"""Which server this is among all that share a database."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

FILE = "node"


def node(data_dir: Path) -> str:
    """The machine's name, and a number kept in the data directory from the first start on.

    Machines may have the same name ("localhost"), and two servers with the same name would take each other's work for their own.
    """
    path = data_dir / FILE
    with suppress(FileNotFoundError):
        return _name(path)
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.{os.getpid()}")
    fresh.write_text(secrets.token_hex(4))
    with suppress(FileExistsError):  # another worker was faster
        os.link(fresh, path)
    fresh.unlink()
    return _name(path)


def _name(path: Path) -> str:
    return f"{socket.gethostname()}:{path.read_text().strip()}"
