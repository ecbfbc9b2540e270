"""The list itself: addresses and domains, one a line, read again when the file has changed."""

from __future__ import annotations

from pathlib import Path


class Senders:
    """The entries of a file: ``name@domain``, or ``@domain`` for all of a domain; lines that begin with # are remarks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modified = -1
        self._entries: frozenset[str] = frozenset()

    def __contains__(self, sender: str) -> bool:
        """Whether an address is listed. Raises OSError when the file cannot be read."""
        self._refresh()
        address = sender.lower()
        return address in self._entries or "@" + address.rpartition("@")[2] in self._entries

    def _refresh(self) -> None:
        modified = self._path.stat().st_mtime_ns
        if modified != self._modified:
            lines = (line.strip().lower() for line in self._path.read_text("utf-8").splitlines())
            self._entries = frozenset(line for line in lines if line and not line.startswith("#"))
            self._modified = modified
