"""TLS reports on their way: when, to whom, how often."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gevent.event import Event
from pydantic import ValidationError

from postroom.clients.https import is_public
from postroom.log import get as get_log
from postroom.provided import Outgoing
from postroom.store.database import Database
from postroom.store.tls_results import TlsResultStore, TlsWay
from postroom.testing import FakeResolver, Miniature
from postroom.tls_policy.posting import NotRouted, poster
from postroom.tls_policy.report import Reporter, TlsReport
from postroom.tls_policy.reporting import ReportSettings, TlsReporting, TlsReportMail, is_report
from tests.authority import issue
from tests.core.tls_policy.web import Web, serving

DAY = 20_000
MORNING = (DAY + 1) * 86_400 + 5 * 3600.0  # of the next day, when everybody's turn has come
REPORTER = Reporter("Sender", "postmaster@sender.test", "tls@sender.test", "mx.sender.test")
WAY = TlsWay(DAY, "site.test", "no-policy-found", "site.test", (), (), "", "", "", "", "")


class World:
    """The clock, the mail that was sent, and whether sending works."""

    now = MORNING
    broken = False

    def __init__(self) -> None:
        self.sent: list[TlsReportMail] = []

    def __call__(self) -> float:
        return self.now

    def send(self, mail: TlsReportMail) -> None:
        if self.broken:
            raise OSError("disk full")
        self.sent.append(mail)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serving(issue("elsewhere.test").write(tmp_path)) as web:
        yield web


def reporting(db: Database, world: World, *uris: str, temporary: tuple[str, ...] = (), **more: Any) -> TlsReporting:
    more = {"may": lambda address: True, **more}  # the web server of these tests is on this machine
    record = {"_smtp._tls.site.test": ["v=TLSRPTv1; rua=" + ",".join(uris)]} if uris else {}
    resolver = FakeResolver({"web.test": ["127.0.0.1"]}, temporary, txt=record)
    return TlsReporting(db, resolver, world.send, REPORTER, log=get_log(), clock=world, **more)


def noted(db: Database, *ways: TlsWay) -> TlsResultStore:
    store = TlsResultStore(db)
    store.add(dict.fromkeys(ways or (WAY,), (3, "")))
    return store


def test_a_day_that_is_over_is_reported_by_mail_once(db: Database, world: World) -> None:
    store = noted(db)
    job = reporting(db, world, "mailto:tls@site.test")
    job.run()
    job.run()
    assert [(mail.sender, mail.recipient) for mail in world.sent] == [("tls@sender.test", "tls@site.test")]
    assert world.sent[0].content == TlsReport(REPORTER, "site.test", DAY, tuple(noted(db).of(DAY, "site.test"))).mail(
        "tls@site.test", MORNING
    )
    assert store.due(DAY) == []


def test_the_day_that_lasts_is_not_reported(db: Database, world: World) -> None:
    noted(db)
    world.now = (DAY + 1) * 86_400 - 1.0
    reporting(db, world, "mailto:tls@site.test").run()
    assert world.sent == []


def test_reports_are_spread_over_four_hours_after_midnight(db: Database, world: World) -> None:
    names = [f"d{number}.test" for number in range(20)]
    noted(db, *(TlsWay(DAY, name, *("",) * 2, (), (), *("",) * 5) for name in names))
    resolver = FakeResolver(txt={f"_smtp._tls.{name}": ["v=TLSRPTv1; rua=mailto:tls@site.test"] for name in names})
    job = TlsReporting(db, resolver, world.send, REPORTER, log=get_log(), clock=world)
    counts = []
    for hours in (0, 2, 4):
        world.now = (DAY + 1) * 86_400.0 + hours * 3600
        job.run()
        counts.append(len(world.sent))
    assert 0 <= counts[0] < counts[1] < counts[2] == 20


def test_no_report_is_made_before_all_workers_have_written_down_the_day(db: Database, world: World) -> None:
    names = [f"site{number}.test" for number in range(300)]
    noted(db, *(replace(WAY, domain=name) for name in names))
    resolver = FakeResolver(txt={f"_smtp._tls.{name}": ["v=TLSRPTv1; rua=mailto:tls@site.test"] for name in names})
    world.now = (DAY + 1) * 86_400 + 299
    TlsReporting(db, resolver, world.send, REPORTER, log=get_log(), clock=world).run()
    assert world.sent == []


def test_a_destination_that_is_slow_does_not_hold_up_other_domains(db: Database, world: World) -> None:
    noted(db, replace(WAY, domain="a.test"), replace(WAY, domain="b.test"))
    resolver = FakeResolver(txt={f"_smtp._tls.{name}.test": [f"v=TLSRPTv1; rua=mailto:tls@{name}.test"] for name in "ab"})
    other = Event()

    def send(mail: TlsReportMail) -> None:
        if mail.recipient == "tls@b.test":
            other.set()
        assert other.wait(20)
        world.send(mail)

    TlsReporting(db, resolver, send, REPORTER, log=get_log(), clock=world).run()
    assert len(world.sent) == 2


def test_a_report_may_go_by_https_even_to_a_broken_certificate(db: Database, world: World, web: Web) -> None:
    """RFC 8460 section 3: the certificate may be what the report is about."""
    store = noted(db)
    reporting(db, world, f"https://web.test:{web.port}/tls?x=1").run()
    method, path, headers, body = web.asked[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/tls?x=1", "application/tlsrpt+gzip")
    assert json.loads(gzip.decompress(body))["policies"][0]["summary"]["total-successful-session-count"] == 3
    assert store.due(DAY + 1) == []


def test_strangers_cannot_have_reports_sent_into_our_network(db: Database, world: World, web: Web) -> None:
    noted(db)
    reporting(db, world, f"https://web.test:{web.port}/", f"https://127.0.0.1:{web.port}/", may=is_public).run()
    assert web.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *[("127.0.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("::ffff:10.0.0.1", False)],
        *[("fd00::1", False), ("fe80::1%1", False), ("9.9.9.9", True), ("2620:fe::fe", True)],
    ],
)
def test_addresses_of_networks_behind_this_server_are_not_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_what_could_not_be_sent_is_tried_again_for_two_days(db: Database, world: World, web: Web) -> None:
    store = noted(db)
    web.status = 500
    world.broken = True
    job = reporting(db, world, f"https://web.test:{web.port}/", "mailto:tls@site.test")
    for hours in (0, 1, 24):
        world.now = MORNING + hours * 3600
        job.run()
    assert (len(web.asked), len(store.due(DAY + 1))) == (3, 1)
    world.now += 86_400
    job.run()
    assert (len(web.asked), store.due(DAY + 1)) == (3, [])


def test_one_destination_that_takes_it_is_enough(db: Database, world: World, web: Web) -> None:
    store = noted(db)
    world.broken = True
    reporting(db, world, "mailto:tls@site.test", f"https://web.test:{web.port}/").run()
    assert (len(web.asked), store.due(DAY + 1)) == (1, [])


def test_when_nobody_wants_it_any_more_it_is_forgotten(db: Database, world: World) -> None:
    store = noted(db)
    reporting(db, world).run()
    assert (world.sent, store.due(DAY + 1)) == ([], [])


def test_when_nobody_can_tell_who_wants_it_it_waits(db: Database, world: World) -> None:
    store = noted(db)
    reporting(db, world, temporary=("_smtp._tls.site.test",)).run()
    assert (world.sent, len(store.due(DAY + 1))) == ([], 1)


# --- settings and the queue


def test_who_reports_is_settable_and_has_defaults() -> None:
    assert ReportSettings().reporter("mx.sender.test", "sender.test") == Reporter(
        "mx.sender.test", "postmaster@sender.test", "postmaster@sender.test", "mx.sender.test"
    )
    settings = ReportSettings(sender="tls@sender.test", organization="Sender")
    assert settings.reporter("mx.sender.test", "x") == Reporter("Sender", "tls@sender.test", "tls@sender.test", "mx.sender.test")
    with pytest.raises(ValidationError, match="a mail address is expected"):
        ReportSettings(sender="nobody")


CONTENT = TlsReport(REPORTER, "site.test", DAY, ()).mail("tls@site.test", 1.0)


def outgoing(content: bytes = CONTENT, sender: str = "tls@sender.test", **facts: Any) -> Outgoing:
    return Outgoing("t", sender, len(content), (), lambda: iter((content,)), **facts)


def test_a_report_of_our_own_is_known() -> None:
    assert is_report(outgoing())
    assert not is_report(outgoing(b"Subject: x\r\n\r\n"))


@pytest.mark.parametrize(
    "facts",
    [
        {"client_address": "192.0.2.1"},
        {"user": "ann"},
        {"local_origin": False},  # a stranger's mail that goes on from here without a client: collected, or out of a list
        {"sender": ""},  # bounces and answers of this server, which quote what strangers have written
    ],
)
def test_nobody_else_can_make_a_message_a_report_by_its_header(facts: dict[str, Any]) -> None:
    assert not is_report(outgoing(**facts))


def test_a_report_enters_the_queue_like_any_mail(tmp_path: Path) -> None:
    with Miniature(tmp_path) as mini:
        context = mini.context
        post = poster(context.ask, context.blobs, context.queue, "mx.sender.test")
        post(TlsReportMail("tls@sender.test", "tls@site.test", CONTENT))
        mini.wait_for(1)
        [sent] = mini.outbox.sent
        assert (sent.sender, sent.recipient, sent.data.endswith(CONTENT)) == ("tls@sender.test", "tls@site.test", True)
        with pytest.raises(NotRouted):
            post(TlsReportMail("tls@sender.test", "nobody@example.test", CONTENT))
