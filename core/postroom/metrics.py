"""Counters, gauges and histograms in Prometheus form, added up over all workers of this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

GATHER_SECONDS = 1.0
FILE_BYTES = 1 << 16  # the size that prometheus-client gives a new file
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is first imported


def prepare(directory: Path) -> None:
    """Before the fork and before prometheus-client is imported: where the workers keep their numbers, emptied."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.db"):
        old.unlink(missing_ok=True)
    os.environ[DIRECTORY] = str(directory)


def forget_process(name: str) -> None:
    """A worker is gone: its gauges count no more (its counters do, and the next of that name counts on)."""
    if DIRECTORY in os.environ:
        for gauge in Path(os.environ[DIRECTORY]).glob(f"gauge_live*_{name}.db"):
            with contextlib.suppress(OSError):
                gauge.unlink()


def occupy(prefix: str, name: str) -> None:
    """Give a process's file of that kind real space before it is mapped: a page that the disk has no room for kills who writes to it.

    Raises OSError when there is no room.
    """
    if DIRECTORY in os.environ:
        with (Path(os.environ[DIRECTORY]) / f"{prefix}_{name}.db").open("ab") as file:
            if file.tell() == 0:
                try:
                    os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
                except OSError:
                    file.truncate(0)
                    raise


class Metrics:
    """Named numbers; a metric comes into being with its first use, and its label names are those of that use.

    Counts are gathered for a second before they go into the shared files: ``later`` (seconds, function) calls ``flush``.
    Without it they go there at once. ``name``: of this process among those that run at the same time. A process id would leave files
    behind with each worker that ends; a worker's slot is used again.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object] | None = None, name: str = "") -> None:
        import prometheus_client  # here, after prepare()
        from prometheus_client import values

        self.later, self.name = later, name or str(os.getpid())
        if DIRECTORY in os.environ:
            values.ValueClass = values.MultiProcessValue(lambda: self.name)  # type: ignore[no-untyped-call]
        self._gathered: dict[tuple[Any, ...], float] = {}
        self._client = prometheus_client
        self._registry = prometheus_client.CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[Any, ...], Any] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add ``amount`` to the counter ``name``."""
        if not self._gathered and self.later is not None:
            self.later(GATHER_SECONDS, self.flush)
        key = (name, *labels.items())
        self._gathered[key] = self._gathered.get(key, 0) + amount
        if self.later is None:
            self.flush()

    def flush(self) -> None:
        """Put what has been gathered where all workers see it; what the disk has no room for is kept for the next time."""
        gathered, self._gathered = self._gathered, {}
        for key, amount in gathered.items():
            name, *labels = key
            try:
                self._child(self._client.Counter, name, dict(labels)).inc(amount)
            except OSError:
                self._gathered[key] = amount
        if self._gathered and self.later is not None:
            self.later(GATHER_SECONDS, self.flush)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Put ``seconds`` into the histogram ``name``; nothing when the disk has no room for its file."""
        with contextlib.suppress(OSError):
            self._child(self._client.Histogram, name, labels).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set the gauge ``name``; the exported value is the sum over all live workers. Nothing when the disk has no room for its file."""
        with contextlib.suppress(OSError):
            self._child(self._client.Gauge, name, labels).set(value)

    def render(self) -> bytes:
        """The numbers of all workers in Prometheus text form."""
        self.flush()
        registry: CollectorRegistry = self._registry
        if DIRECTORY in os.environ:
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = self._client.CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return self._client.generate_latest(registry)

    def _child(self, kind: Any, name: str, labels: dict[str, str]) -> Any:
        key = (name, *labels.items())
        child = self._children.get(key)
        if child is None:
            metric = self._metrics.get(name)
            if metric is None:
                occupy(kind.__name__.lower() + ("_livesum" if kind is self._client.Gauge else ""), self.name)
                extra = {"multiprocess_mode": "livesum"} if kind is self._client.Gauge else {}
                text = name.replace("_", " ").capitalize()
                metric = self._metrics[name] = kind("postroom_" + name, text, list(labels), registry=self._registry, **extra)
            child = self._children[key] = metric.labels(**labels) if labels else metric
        return child
