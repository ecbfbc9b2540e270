"""The scripts on disk: found by name in any case, compiled once, compiled again when their file has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .engine import MAX_SOURCE, Engine
from .faults import ScriptError

SUFFIX = ".lua"
LOOK_SECONDS = 1.0  # between two looks at a file
MAX_NAMES = 1000  # remembered, those of missing scripts too; a script may ask for any name

Stamp = tuple[int, int, int]  # what tells that a file has changed


@dataclass(frozen=True, slots=True)
class Problem:
    """A script that does not compile or cannot be read."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(slots=True)
class Known:
    """One script as it was last seen."""

    code: bytes | None = None  # of the last text that compiled
    stamp: Stamp | None = None  # of the last text that was tried
    looked: float = field(default=float("-inf"))


class Scripts:
    """The scripts of one directory, for one worker. ``on_problem`` is told of each new text that does not compile."""

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        *,
        on_problem: Callable[[Problem], None] = lambda problem: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine, self.directory = engine, directory
        self.on_problem, self.clock = on_problem, clock
        self._known: dict[str, Known] = {}

    def find(self, name: str) -> bytes | None:
        """Bytecode of the newest text of a script that compiles; None when there is no such script, or none that ever compiled.

        ``name`` is taken in any case, with or without ".lua".
        """
        key = name.lower().removesuffix(SUFFIX)
        known = self._known.get(key)
        if known is None:
            if not _is_name(key) or len(self._known) >= MAX_NAMES:
                return None
            known = self._known[key] = Known()
        now = self.clock()
        if now - known.looked >= LOOK_SECONDS:
            known.looked = now
            self._look(key, known)
        return known.code

    def check(self) -> list[Problem]:
        """Every script that does not compile, in the order of names; a directory that is not there has none."""
        return [problem for path in self.files() if (problem := self._compiled(path)[1]) is not None]

    def files(self) -> Iterator[Path]:
        """All scripts, in the order of names."""
        if self.directory.is_dir():
            yield from sorted(
                (path for path in self.directory.iterdir() if path.suffix.lower() == SUFFIX), key=lambda path: path.name.lower()
            )

    def _look(self, key: str, known: Known) -> None:
        path = next((path for path in self.files() if path.name.lower() == key + SUFFIX), None)
        stamp = _stamp(path) if path is not None else None
        if path is None or stamp is None:
            known.code = known.stamp = None  # the script was taken away, and its callbacks with it
        elif stamp != known.stamp:
            known.stamp = stamp
            code, problem = self._compiled(path)
            known.code = code or known.code
            if problem is not None:
                self.on_problem(problem)

    def _compiled(self, path: Path) -> tuple[bytes | None, Problem | None]:
        try:
            with path.open("rb") as file:
                return self.engine.compile(file.read(MAX_SOURCE + 1), path.name), None
        except ScriptError as error:
            return None, Problem(path, error.line or 1, error.text)
        except OSError as error:
            return None, Problem(path, 1, f"cannot be read: {error.strerror}")


def _is_name(key: str) -> bool:
    """A file name of this directory, and nothing that leads out of it."""
    return bool(key) and len(key) <= 100 and os.sep not in key and "\\" not in key and key.isprintable() and not key.startswith(".")


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino  # an editor may keep the time, or make a new file
