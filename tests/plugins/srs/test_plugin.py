"""Forwarded mail has a return path of ours, and reports to it find the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.mail.delivery import Refuse, Route, ToQueue
from postroom.mail.envelope import Envelope
from postroom.provided import Outgoing
from postroom.testing.miniature import Miniature
from postroom_srs.plugin import Plugin, Settings

DAY = 86_400
NEW, OLD = "a new secret of words", "an old secret of words"
MAIL = Outgoing("t", "joe@far.example", 1, (), lambda: iter((b"",)), local_origin=False)
REPORT = Envelope("")


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Miniature]:
    with Miniature(tmp_path, {"srs": getattr(request, "param", {})}) as made:
        yield made


@pytest.fixture
def srs(server: Miniature) -> Plugin:
    plugin: Plugin = server.plugin("srs")
    return plugin


def rewritten(srs: Plugin, path: str = "joe@far.example") -> str:
    made = srs.return_path(path, MAIL)
    assert made is not None
    return made


def routed(server: Miniature, address: str, envelope: Envelope = REPORT) -> Route:
    route: Route = server.context.ask.first("route", address=address, envelope=envelope)
    return route


def test_a_stranger_gets_a_return_path_of_ours(srs: Plugin) -> None:
    made = rewritten(srs)
    assert made.startswith("SRS0=")
    assert made.endswith("=far.example=joe@example.test")


@pytest.mark.parametrize("path", ["", "ann@example.test", "x" * 60 + "@far.example"])
def test_reports_our_own_and_what_is_too_long_stay_as_they_are(srs: Plugin, path: str) -> None:
    assert srs.return_path(path, MAIL) is None


def test_mail_from_here_stays_as_it_is(srs: Plugin) -> None:
    assert srs.return_path("ann@elsewhere.example", replace(MAIL, local_origin=True)) is None


def test_a_report_goes_back_to_the_stranger_and_anybody_may_hand_it_in(server: Miniature, srs: Plugin) -> None:
    route = routed(server, rewritten(srs))
    assert route.targets == (ToQueue("joe@far.example"),)
    assert route.local
    assert "stands for joe@far.example (SRS)" in route.reasons[0]


def test_by_SMTP_a_report_comes_in_and_goes_out(server: Miniature, srs: Plugin) -> None:
    assert server.send("", rewritten(srs).lower()).startswith("250")
    server.wait_for(1)
    assert [one.recipient for one in server.outbox.sent] == ["joe@far.example"]


@pytest.mark.parametrize("server", [{"channels": ["LAN"]}], indirect=True)
def test_only_the_queues_of_the_settings_get_it(srs: Plugin) -> None:
    assert srs.return_path("joe@far.example", MAIL) is None
    assert srs.return_path("joe@far.example", replace(MAIL, channel="LAN"))


def test_local_delivery_may_stand_before_it(tmp_path: Path) -> None:
    with Miniature(tmp_path, {"local_delivery": {}, "srs": {}}) as server:
        assert server.send("", rewritten(server.plugin("srs"))).startswith("250")


def test_a_forged_one_is_refused(server: Miniature) -> None:
    assert server.send("", "SRS0=aaaaaa=bb=far.example=joe@example.test").startswith("550")


def test_an_old_one_is_refused_in_words(server: Miniature, srs: Plugin) -> None:
    made = rewritten(srs)
    now = srs.clock()
    srs.clock = lambda: now + 30 * DAY
    target = routed(server, made).targets[0]
    assert isinstance(target, Refuse)
    assert target.reply.text == "This return path has expired"


def test_only_reports_are_taken(server: Miniature, srs: Plugin) -> None:
    assert server.send("spam@far.example", rewritten(srs)).startswith("550")


@pytest.mark.parametrize("server", [{"bounces_only": False}], indirect=True)
def test_other_mail_is_taken_where_that_is_wished(server: Miniature, srs: Plugin) -> None:
    assert server.send("joe@far.example", rewritten(srs)).startswith("250")


@pytest.mark.parametrize("server", [{"secret": NEW, "old_secrets": [OLD]}], indirect=True)
def test_a_secret_can_be_changed(server: Miniature, srs: Plugin) -> None:
    from postroom.mail.srs import Srs

    made = Srs("example.test", [OLD.encode()]).encode("joe@far.example", srs.clock())
    assert made is not None
    assert routed(server, made).targets == (ToQueue("joe@far.example"),)


def test_an_address_of_the_scheme_elsewhere_is_none_of_ours(srs: Plugin) -> None:
    assert srs.route("SRS0=aaaaaa=bb=far.example=joe@other.example", REPORT) is None


@pytest.mark.parametrize("secret", ["", "short", " " * 20])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 16 characters"):
        Settings.model_validate({"secret": secret})
