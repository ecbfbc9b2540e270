"""Mail from here has tagged return paths, by which its reports are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.provided import Outgoing
from postroom.testing.miniature import Miniature
from postroom_batv.plugin import Plugin, Settings

DAY = 86_400
UNTAGGED = """
from postroom import hookimpl

class Plugin:
    def __init__(self, context, settings):
        pass

    @hookimpl
    def attempt_starting(self, outgoing):
        outgoing.notes["batv"] = False
"""
MAIL = Outgoing("t", "ann@example.test", 1, (), lambda: iter((b"",)))


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Miniature]:
    with Miniature(tmp_path, {"batv": getattr(request, "param", {})}) as made:
        made.add_user("ann")
        yield made


@pytest.fixture
def batv(server: Miniature) -> Plugin:
    plugin: Plugin = server.plugin("batv")
    return plugin


def tagged(batv: Plugin) -> str:
    made = batv.return_path("ann@example.test", MAIL)
    assert made is not None
    return made


def test_a_return_path_of_ours_gets_a_tag(batv: Plugin) -> None:
    assert tagged(batv).startswith("prvs=0")


@pytest.mark.parametrize("path", ["", "joe@far.example", "prvs=0123abcdef=ann@example.test"])
def test_others_do_not(batv: Plugin, path: str) -> None:
    assert batv.return_path(path, MAIL) is None


@pytest.mark.parametrize("server", [{"senders": ["bob@example.test", "sub.example.test"]}], indirect=True)
def test_only_the_senders_of_the_settings_get_one(batv: Plugin) -> None:
    assert batv.return_path("ann@example.test", MAIL) is None
    assert batv.return_path("bob@example.test", MAIL)


@pytest.mark.parametrize("server", [{}, {"require": True}], indirect=True)
def test_a_report_to_a_tagged_address_arrives(server: Miniature, batv: Plugin) -> None:
    assert server.send("", tagged(batv).upper()).startswith("250")
    assert len(server.mailbox("ann")) == 1


@pytest.mark.parametrize("server", [{}, {"senders": ["bob@example.test"]}], indirect=True)
@pytest.mark.parametrize("wish", [True, False])
def test_another_plugin_may_decide_for_one_attempt(batv: Plugin, wish: bool) -> None:
    made = batv.return_path("ann@example.test", replace(MAIL, notes={"batv": wish}))
    assert (made is not None) is wish


@pytest.mark.parametrize("mail", [replace(MAIL, local_origin=False), replace(MAIL, sender="joe@far.example")])
def test_no_wish_tags_what_is_not_ours(batv: Plugin, mail: Outgoing) -> None:
    assert batv.return_path(mail.sender, replace(mail, notes={"batv": True})) is None


def test_a_wish_at_the_start_of_an_attempt_is_known_at_its_return_path(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "untagged.py").write_text(UNTAGGED)
    with Miniature(tmp_path, {"untagged": {}, "batv": {}}, {"plugin_dirs": [str(tmp_path / "plugins")]}) as server:
        server.send("ann@example.test", "x@far.example", address="127.0.0.1", no_auth=True)
        server.wait_for(1)
        assert server.outbox.sent[0].sender == "ann@example.test"


def test_mail_for_the_local_network_gets_none(batv: Plugin) -> None:
    assert batv.return_path("ann@example.test", replace(MAIL, channel="LAN")) is None


def test_a_report_with_a_forged_tag_is_refused(server: Miniature) -> None:
    assert server.send("", "prvs=0123abcdef=ann@example.test").startswith("550")


def test_a_report_with_an_old_tag_is_refused(server: Miniature, batv: Plugin) -> None:
    made, now = tagged(batv), batv.clock()
    batv.clock = lambda: now + 10 * DAY
    assert server.send("", made) == "550 5.7.1 This return path has expired"


def test_other_mail_to_a_tagged_address_arrives_whatever_the_tag(server: Miniature) -> None:
    assert server.send("joe@far.example", "prvs=0123abcdef=ann@example.test").startswith("250")


def test_a_report_without_a_tag_arrives_unless_tags_are_required(server: Miniature) -> None:
    assert server.send("", "ann@example.test").startswith("250")


@pytest.mark.parametrize("server", [{"require": True}], indirect=True)
def test_where_tags_are_required_a_report_without_one_is_refused(server: Miniature) -> None:
    assert server.send("", "ann@example.test").startswith("550 5.7.1 No mail from here has this return path")
    assert server.send("joe@far.example", "ann@example.test").startswith("250")


@pytest.mark.parametrize("server", [{"require": True, "senders": ["bob@example.test"]}], indirect=True)
def test_of_senders_without_tags_none_is_required(server: Miniature) -> None:
    assert server.send("", "ann@example.test").startswith("250")


@pytest.mark.parametrize("server", [{"secret": "a secret of some words", "key": 3, "old_keys": [2]}], indirect=True)
def test_tags_of_old_keys_are_accepted(server: Miniature, batv: Plugin) -> None:
    from postroom.mail.batv import Batv

    assert tagged(batv).startswith("prvs=3")
    old = Batv(batv.batv.keys, 2).tag("ann@example.test", batv.clock())
    assert old is not None
    assert server.send("", old).startswith("250")


@pytest.mark.parametrize("secret", ["", "short", " " * 20])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 16 characters"):
        Settings.model_validate({"secret": secret})
