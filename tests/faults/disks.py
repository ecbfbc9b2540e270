"""Disks that get full when a test wants it: a small file system of its own for root, a limit of file sizes for others."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

BLOCK = 65_536


class SmallDisk:
    """A file system in memory. Raises PermissionError where mounting is not allowed."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            raise PermissionError(done.stderr.decode())

    def fill(self) -> None:
        """Leave not a byte to anybody."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            for size in (BLOCK, 512):
                with suppress(OSError):
                    while ballast.write(b"x" * size) == size:
                        pass

    def free(self) -> None:
        """Space again."""
        (self.folder / "ballast").unlink()

    def close(self) -> None:
        """Unmount it, whoever still holds a file there."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class FileLimit:
    """For those who may not mount: no file of these processes may grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.processes: Iterable[int] = ()

    def fill(self) -> None:
        """Writing beyond the smallest file's end fails."""
        for pid in self.processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (BLOCK, resource.RLIM_INFINITY))

    def free(self) -> None:
        """Files may grow again."""
        for pid in self.processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        """Nothing to give back."""


def small_disk(folder: Path, size: str) -> SmallDisk | FileLimit:
    """The best that is possible here."""
    if os.geteuid() == 0:
        with suppress(PermissionError):
            return SmallDisk(folder, size)
    return FileLimit(folder.with_name(folder.name + "-limited"))
