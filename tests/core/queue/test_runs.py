"""Runs of connections in a whole server without ports: dialling, sending, collecting, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from postroom.config.connections import ConnectionSettings
from postroom.mail.sending import SessionBounds
from postroom.queue import marks, timetable
from postroom.queue.runs import collectors_of
from postroom.sending.filtering import Filter
from postroom.testing import Miniature
from tests.core.queue.office import FakeLog

PATIENCE = 20.0
COLLECTORS = """
from postroom import hookimpl
from postroom.config.schema import PluginSettings


class Settings(PluginSettings):
    def collector_names(self):
        return ["Fetch", "Broken"]


class Collector:
    def __init__(self, name, steps):
        self.name, self.steps = name, steps

    def collect(self, logged_in):
        self.steps(self.name, logged_in)


class Plugin:
    def __init__(self, context, settings):
        self.steps = lambda name, logged_in: None

    @hookimpl
    def register_collectors(self):
        return [Collector(name, lambda name, logged_in: self.steps(name, logged_in)) for name in ("Fetch", "Broken")]
"""


def until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(PATIENCE, AssertionError("it did not happen in time")):
        while not condition():
            gevent.sleep(0.005)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Miniature]]:
    """A miniature with these connections, all by the outbox."""
    made: list[Miniature] = []
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "fetching.py").write_text(COLLECTORS)

    def server(*connections: dict[str, Any]) -> Miniature:
        settings = {
            "plugin_dirs": [str(tmp_path / "plugins")],
            "connections": [{"sender": "Outbox", "default": True, **connection} for connection in connections],
        }
        made.append(Miniature(tmp_path, {"fetching": {}}, settings))
        return made[-1]

    yield server
    for each in made:
        each.close()


def connect(server: Miniature, *names: str) -> None:
    server.app.runs.wish(list(names), "a test")


def runs_over(server: Miniature) -> bool:
    return not server.context.db.read(marks.wishes)


def script(tmp_path: Path, word: str, status: int = 0) -> str:
    """A command that notes a word."""
    return f"{sys.executable} -c \"open('{tmp_path}/notes', 'a').write('{word} '); raise SystemExit({status})\""


def notes(tmp_path: Path) -> list[str]:
    return (tmp_path / "notes").read_text().split() if (tmp_path / "notes").exists() else []


def test_mail_waits_for_the_connection_and_then_leaves(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line"})
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    assert not server.outbox.sent
    connect(server, "Line")
    until(lambda: len(server.outbox.sent) == 1)
    until(lambda: runs_over(server))


def test_a_run_that_leaves_the_rest_ends_and_the_next_goes_on(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line"})
    server.outbox.bounds = SessionBounds(1, 100, 100, leave_rest=True)
    for name in ("joe", "jane"):
        server.send("ann@example.test", f"{name}@far.test", address="127.0.0.1", no_auth=True)
    for sent in (1, 2):
        connect(server, "Line")
        until(lambda: runs_over(server))
        assert len(server.outbox.sent) == sent


def test_commands_run_before_and_after(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make({"name": "Line", "before": script(tmp_path, "dial"), "after": script(tmp_path, "hang-up")})
    connect(server, "Line")
    until(lambda: runs_over(server))
    assert notes(tmp_path) == ["dial", "hang-up"]


def test_nothing_is_sent_when_dialling_fails(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make({"name": "Line", "before": script(tmp_path, "dial", 1), "after": script(tmp_path, "hang-up"), "dial_retries": 0})
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    connect(server, "Line")
    until(lambda: runs_over(server))
    assert (notes(tmp_path), server.outbox.sent) == (["dial"], [])


def test_connections_run_one_after_the_other(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make(*({"name": name, "before": script(tmp_path, f"+{name}"), "after": script(tmp_path, f"-{name}")} for name in "AB"))
    connect(server, "A", "B")
    until(lambda: runs_over(server))
    assert notes(tmp_path) == ["+A", "-A", "+B", "-B"]


def test_collectors_run_in_order_and_a_broken_one_does_not_stop_the_others(make: Callable[..., Miniature]) -> None:
    server, seen = make({"name": "Line", "collectors": ["Broken", "Fetch"]}), list[str]()

    def steps(name: str, logged_in: Callable[[], None]) -> None:
        seen.append(name)
        if name == "Broken":
            raise OSError("no answer")

    server.plugin("fetching").steps = steps
    connect(server, "Line")
    until(lambda: runs_over(server))
    assert seen == ["Broken", "Fetch"]


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_collector_that_hangs_is_broken_off_and_the_next_one_runs(make: Callable[..., Miniature], *, stubborn: bool) -> None:
    server, seen, go_on = make({"name": "Line", "collectors": ["Broken", "Fetch"], "collect_timeout": "50ms"}), list[str](), Event()

    def steps(name: str, logged_in: Callable[[], None]) -> None:
        while name == "Broken" and not go_on.is_set():
            with suppress(BaseException) if stubborn else nullcontext():
                go_on.wait()
        seen.append(name)

    server.plugin("fetching").steps = steps
    server.app.runs.log = log = FakeLog()
    connect(server, "Line")
    until(lambda: runs_over(server))
    go_on.set()
    assert seen[:1] == ["Fetch"]
    reason = "took more than 0.05 seconds (collect_timeout) and was broken off"
    assert ("collector.failed", {"collector": "Broken", "connection": "Line", "reason": reason}) in log.lines


def test_the_connection_after_one_whose_collector_hangs_runs(make: Callable[..., Miniature], tmp_path: Path) -> None:
    hanging = {"name": "A", "collectors": ["Fetch"], "collect_timeout": "50ms"}
    server = make(hanging, {"name": "B", "before": script(tmp_path, "B")})
    server.plugin("fetching").steps = lambda name, logged_in: Event().wait()
    connect(server, "A", "B")
    until(lambda: runs_over(server))
    assert notes(tmp_path) == ["B"]


def test_sending_does_not_wait_for_collecting(make: Callable[..., Miniature]) -> None:
    server, go_on = make({"name": "Line", "collectors": ["Fetch"]}), Event()
    server.plugin("fetching").steps = lambda name, logged_in: go_on.wait()
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    connect(server, "Line")
    until(lambda: len(server.outbox.sent) == 1)
    go_on.set()
    until(lambda: runs_over(server))


def test_POP3_before_SMTP_waits_for_the_login(make: Callable[..., Miniature]) -> None:
    server, go_on = make({"name": "Line", "collectors": ["Fetch"]}), Event()
    server.outbox.rules = type(server.outbox.rules)(wait_for_login=True)

    def steps(name: str, logged_in: Callable[[], None]) -> None:
        go_on.wait()
        assert not server.outbox.sent
        logged_in()

    server.plugin("fetching").steps = steps
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    connect(server, "Line")
    go_on.set()
    until(lambda: len(server.outbox.sent) == 1)
    until(lambda: runs_over(server))


def test_POP3_before_SMTP_sends_nothing_when_no_collector_gets_in(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line", "collectors": ["Fetch"]})
    server.outbox.rules = type(server.outbox.rules)(wait_for_login=True)
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    connect(server, "Line")
    until(lambda: runs_over(server))
    assert not server.outbox.sent


def test_enough_waiting_messages_start_a_connection(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line", "when_queued": 2})
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    gevent.sleep(0.05)
    assert not server.outbox.sent
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    until(lambda: len(server.outbox.sent) == 2)


def test_messages_that_a_run_has_left_do_not_start_it_again_and_again(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make({"name": "Line", "when_queued": 1, "before": script(tmp_path, "dial")})
    server.outbox.rules = type(server.outbox.rules)(takes=Filter.parse("Attempt: Recipient: *@near.test"))
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    until(lambda: len(notes(tmp_path)) == 1 and runs_over(server))
    server.app.runs._count()
    until(lambda: runs_over(server))
    assert notes(tmp_path) == ["dial"]
    server.later(1)
    server.send("ann@example.test", "joe@near.test", address="127.0.0.1", no_auth=True)
    until(lambda: len(server.outbox.sent) == 1)


def test_an_urgent_message_starts_a_connection(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line", "when_urgent": True})
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    gevent.sleep(0.05)
    assert not server.outbox.sent
    server.context.news.publish("queue", channel="out", urgent=server.app.runs.desk.now())
    until(lambda: len(server.outbox.sent) == 1)


def test_an_urgent_message_of_which_every_worker_hears_starts_one_run(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make({"name": "Line", "when_urgent": True, "before": script(tmp_path, "dial")})
    runs = server.app.runs
    facts = {"channel": "out", "urgent": runs.desk.now()}
    for _ in range(3):  # one after the other, as busy workers do
        runs._on_queue(facts)
        until(lambda: notes(tmp_path) != [] and runs_over(server))
    assert notes(tmp_path) == ["dial"]
    server.later(1)
    runs._on_queue({"channel": "out", "urgent": runs.desk.now()})
    until(lambda: len(notes(tmp_path)) == 2)


def test_an_urgent_message_of_another_queue_starts_no_run(make: Callable[..., Miniature]) -> None:
    server = make({"name": "Line", "when_urgent": True})
    server.app.runs._on_queue({"channel": "LAN", "urgent": server.app.runs.desk.now()})
    assert runs_over(server)


def test_while_the_schedule_is_paused_no_trigger_starts_a_connection(make: Callable[..., Miniature], tmp_path: Path) -> None:
    server = make({"name": "Line", "when_queued": 1, "when_urgent": True, "before": script(tmp_path, "dial")})
    server.context.db.write(lambda tx: timetable.pause(tx, 1))
    server.send("ann@example.test", "joe@far.test", address="127.0.0.1", no_auth=True)
    server.app.runs._on_queue({"channel": "out", "urgent": server.app.runs.desk.now()})
    server.app.runs._count()
    assert runs_over(server)
    connect(server, "Line")
    until(lambda: len(server.outbox.sent) == 1)
    assert notes(tmp_path) == ["dial"]


def test_a_connection_with_an_unknown_collector_stops_the_start() -> None:
    with pytest.raises(ValueError, match="no collector 'Fetch'"):
        collectors_of([ConnectionSettings(name="A", collectors=["Fetch"])], [])
