"""One generation of workers: what a configuration asks for, and what each worker is born with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from .binding import Address
from .tally import Tally


@dataclass(frozen=True)
class Plan:
    """What a configuration asks for. ``prepare`` and ``work`` run in children and return an exit status."""

    workers: int
    addresses: tuple[Address, ...]
    names: Mapping[Address, str]  # how each is announced: "SMTP (service 1)"
    base: Path  # what relative Unix socket paths are relative to
    stop_timeout: float  # seconds that a worker has to finish after TERM
    prepare: Callable[[], int]  # database, administrator, certificate
    work: Callable[[Start], int]
    drop_privileges: Callable[[], None]


@dataclass(frozen=True)
class Start:
    """What a worker is born with."""

    slot: int
    sockets: Mapping[Address, socket]
    tally: Tally
    ready: Callable[[], None]  # call when listening
    lifeline: int  # a pipe end that reads end-of-file when the supervisor is gone
