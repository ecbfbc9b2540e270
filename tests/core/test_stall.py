"""The stall monitor: who held the hub, and for how long."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.stall import LIMIT, StallMonitor, culprit
from tests.server import serving

Report = tuple[float, str, str]


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def counted() -> list[str]:
    return []


@pytest.fixture
def monitor(reports: list[Report], counted: list[str]) -> Iterator[StallMonitor]:
    def spawn(function: object) -> None:
        threading.Thread(target=function, daemon=True).start()  # type: ignore[arg-type]

    one = StallMonitor(lambda *report: reports.append(report), spawn, time.sleep, counted.append, threading.get_ident())
    one.start()
    yield one
    one.stop()


def busy(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_who_holds_the_hub_for_long_is_reported_once(monitor: StallMonitor, reports: list[Report]) -> None:
    monitor.beat()
    busy(6 * LIMIT)
    assert len(reports) == 1
    seconds, _, stack = reports[0]
    assert seconds > LIMIT
    assert "busy" in stack


def test_a_stall_is_counted_by_the_hub_itself_when_it_goes_on(monitor: StallMonitor, counted: list[str]) -> None:
    """A count from another thread would set a timer there that never fires, and no count of this worker would be seen again."""
    monitor.beat()
    busy(4 * LIMIT)
    assert counted == []
    monitor.beat()
    assert len(counted) == 1


def test_a_hub_that_beats_is_left_alone(monitor: StallMonitor, reports: list[Report]) -> None:
    for _ in range(15):
        monitor.beat()
        busy(0.01)
    assert reports == []


def test_the_culprit_is_the_nearest_function_of_ours() -> None:
    import sys

    frame = None

    def outside() -> None:
        nonlocal frame
        frame = sys._getframe()

    namespace = {"__name__": "postroom_some_plugin.rules", "outside": outside}
    exec("def check():\n    outside()\n", namespace)
    namespace["check"]()  # type: ignore[operator]
    assert culprit(frame) == "postroom_some_plugin.rules.check"
    assert culprit(None) == "unknown"


BUSY = """
import time

from postroom import hookimpl
from postroom.config.schema import PluginSettings as Settings


class Plugin:
    def __init__(self, context, settings):
        pass

    @hookimpl
    def client_helo(self):
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
"""


def test_a_worker_names_the_plugin_that_holds_its_hub(tmp_path: Path) -> None:
    """gevent gives greenlets for threads: only a real worker shows whether the monitor finds the hub's."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "busybody.py").write_text(BUSY)
    changes = {"plugin_dirs": [str(tmp_path / "plugins")], "plugins": {"busybody": {}}}
    with serving(tmp_path / "server", changes) as server, smtplib.SMTP("127.0.0.1", server.ports["SMTP"]) as client:
        client.ehlo()
        stalls = [line for line in server.log.splitlines() if "hub.stalled" in line]
    assert len(stalls) == 1
    assert "busybody.client_helo" in stalls[0]
