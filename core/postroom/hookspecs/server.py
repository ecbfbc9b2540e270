"""Hooks of a worker: its start and its stop, what plugins provide then, and their faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ..provided import Collector, Job, Sender, Service


# --- start and stop -------------------------------------------------------------------------------------------------


@hookspec
def register_services() -> Sequence[Service]:
    """Provider: the listening services of this plugin, asked once in each worker after the store is open."""
    raise NotImplementedError


@hookspec
def register_senders() -> Sequence[Sender]:
    """Provider: the ways out; a connection in ``config.yaml`` names one by its ``name``."""
    raise NotImplementedError


@hookspec
def register_collectors() -> Sequence[Collector]:
    """Provider: the ways in by which mail is fetched; a connection in ``config.yaml`` names them, in order."""
    raise NotImplementedError


@hookspec
def register_jobs() -> Sequence[Job]:
    """Provider: regular work that one worker of all does at a time, under a lease of the job's name."""
    raise NotImplementedError


@hookspec
def worker_started() -> None:
    """Event: this worker is about to accept connections."""


@hookspec
def worker_stopping() -> None:
    """Event: this worker accepts nothing more; give back what is claimed, within the drain time."""


# --- faults ---------------------------------------------------------------------------------------------------------


@hookspec
def circuit_opened(plugin: str, hook: str, reason: str) -> None:
    """Event: a plugin has failed so often in a hook that it is left out of it for a while."""
