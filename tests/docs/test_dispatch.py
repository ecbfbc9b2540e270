"""The example ``dispatch``: it answers each hook of sending, in a miniature and in a real server."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gevent
import pytest

from postroom import TryLater
from postroom.mail.reply import Reply
from postroom.testing import FakeResolver, Miniature
from tests.catcher import Catcher
from tests.docs.pages import ROOT
from tests.server import serving

FOLDER = str(ROOT / "docs" / "examples" / "dispatch")
NEWS = "Precedence: bulk\nSubject: News\n\nNews.\n"
EVENING = 8 * 3600  # a miniature's clock begins at 14:13 UTC
DAY = 24 * 3600
PATIENCE = 30.0

Make = Callable[..., Miniature]


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    catcher = Catcher()
    yield catcher
    catcher.close()


@pytest.fixture
def miniature(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as running:
        yield lambda *arguments, **options: running.enter_context(Miniature(tmp_path, *arguments, **options))


@pytest.fixture
def newsroom(miniature: Make) -> Callable[..., Miniature]:
    """A miniature with the plugin, whose mail leaves through the outbox."""
    settings = {"plugin_dirs": [FOLDER], "server": {"hostname": "mail.example.test", "data_dir": "./data", "time_zone": "UTC"}}
    return lambda **section: miniature({"dispatch": section}, settings)


@pytest.fixture
def town(miniature: Make, catcher: Catcher) -> Callable[..., Miniature]:
    """A miniature with the plugin, which sends directly to the servers of far.test."""
    resolver = FakeResolver({"mx.far.test": ["127.0.0.1"]}, mx={"far.test": [(10, "mx.far.test")]})
    connections = [{"name": "Line", "sender": "Direct", "default": True, "immediate": True}]
    return lambda **section: miniature(
        {"dispatch": section, "smtp_direct": {"port": catcher.port}},
        {"plugin_dirs": [FOLDER], "connections": connections},
        resolver=resolver,
    )


def send(server: Miniature, *recipients: str, text: str = "Subject: Hi\n\nHi.\n") -> str:
    """Send as a machine of the house; the trace id."""
    reply = server.send("ann@example.test", *recipients, text=text, address="127.0.0.1", no_auth=True)
    assert reply.startswith("250 ")
    return reply.split()[-1]


def soon(true: Callable[[], Any]) -> None:
    with gevent.Timeout(PATIENCE):
        while not true():
            gevent.sleep(0.01)


def test_a_newsletter_waits_for_the_night_and_names_itself_in_the_return_path(newsroom: Make) -> None:
    server = newsroom()
    trace = send(server, "joe@far.test", text=NEWS)
    send(server, "joe@far.test")
    server.wait_for(1)
    assert [one.sender for one in server.outbox.sent] == ["ann@example.test"]
    server.later(EVENING)
    server.wait_for(2)
    assert server.outbox.sent[1].sender == f"ann+{trace}@example.test"


def test_an_old_newsletter_leaves_the_queue(newsroom: Make) -> None:
    server = newsroom(newsletter_life="1h")
    trace = send(server, "joe@far.test", text=NEWS)
    server.later(EVENING)
    soon(lambda: server.events(trace)[-1] == "removed")
    assert server.outbox.sent == []


def test_a_newsletter_that_is_tried_by_day_waits_for_the_next_night(newsroom: Make) -> None:
    server = newsroom()
    server.outbox.answers["joe@far.test"] = [TryLater(Reply(451, "4.7.1", "Come back"))]
    trace = send(server, "joe@far.test", text=NEWS)
    server.later(EVENING)
    soon(lambda: "deferred" in server.events(trace))
    server.later(DAY / 2)
    soon(lambda: server.events(trace)[-1] == "left")


def test_a_newsletter_is_tried_so_often_at_most(newsroom: Make) -> None:
    server = newsroom(tries=1)
    server.outbox.answers["joe@far.test"] = [TryLater(Reply(451, "4.7.1", "Come back"))]
    trace = send(server, "joe@far.test", text=NEWS)
    server.later(EVENING)
    soon(lambda: "failed" in server.events(trace))


def test_a_domain_goes_to_the_server_that_the_plugin_names(town: Make, catcher: Catcher) -> None:
    send(town(servers={"unknown.test": f"mx.far.test:{catcher.port}"}), "joe@unknown.test")
    soon(lambda: catcher.messages)
    assert catcher.messages[0].recipients == ["joe@unknown.test"]


def test_a_server_that_is_to_be_avoided_gets_nothing(town: Make, catcher: Catcher) -> None:
    server = town(avoid=["mx.far.test"])
    trace = send(server, "joe@far.test")
    soon(lambda: server.events(trace)[-1] == "left")
    assert catcher.messages == []
    server.plugin("dispatch").settings.avoid.clear()
    server.later(1799)
    assert server.context.db.read(lambda tx: tx.execute("SELECT attempts FROM outgoing_recipient")) == [(0,)]
    server.later(2)
    soon(lambda: catcher.messages)


def test_words_can_make_a_refusal_final(town: Make, catcher: Catcher) -> None:
    catcher.refusing = True
    server = town(final=["no room"])
    trace = send(server, "joe@far.test")
    soon(lambda: "failed" in server.events(trace))


def test_a_careful_sender_logs_off_after_each_message(town: Make, catcher: Catcher) -> None:
    server = town(careful={"Direct": 1})
    for name in "abc":
        send(server, f"{name}@far.test")
    soon(lambda: len(catcher.messages) == 3)
    assert len({message.session for message in catcher.messages}) == 3
    assert b"dispatch_connections" in server.context.metrics.render()


@pytest.mark.parametrize(("server", "wanted"), [("old.test", "none"), ("mx.far.test", "starttls-if-available")])
def test_a_server_whose_tls_does_not_work_is_spoken_to_without(town: Make, server: str, wanted: str) -> None:
    ask = town(no_tls=["old.test"]).context.ask
    assert ask.transform("server_tls", "encryption", "starttls-if-available", domain="far.test", server=server, outgoing=None) == wanted


def test_a_real_server_runs_it(tmp_path: Path, catcher: Catcher) -> None:
    changes = {
        "plugin_dirs": [FOLDER],
        "plugins": {
            "dispatch": {"servers": {"far.test": f"127.0.0.1:{catcher.port}"}, "night": [0, 24]},
            "smtp_direct": {},
            "pop3_server": None,
            "imap4_server": None,
        },
        "connections": [{"name": "Line", "sender": "Direct", "default": True, "immediate": True}],
    }
    with serving(tmp_path, changes) as server, smtplib.SMTP("127.0.0.1", server.ports["SMTP"], "client.test", timeout=20) as client:
        client.sendmail("ann@example.test", ["joe@far.test"], NEWS)
        soon(lambda: catcher.messages)
    assert catcher.messages[0].sender.startswith("ann+")
