"""With everything switched on that routes mail elsewhere, a stranger still makes this server send nothing where nobody has asked it to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.mail.batv import Batv
from postroom.mail.delivery import Failed
from postroom.mail.reply import Reply
from postroom.mail.srs import Srs
from postroom.testing.miniature import Miniature

# Nobody listens there; what a rule for all the world takes must be taken from users only
SERVER = "127.0.0.1:9"
EVERYTHING: dict[str, Any] = {
    "lan_forwarding": {},
    "srs": {},
    "batv": {},
    "local_delivery": {"unrecognised_to_outgoing": True},
}
RULES_FOR_ALL_THE_WORLD = EVERYTHING | {
    "lan_forwarding": {"rules": [{"addresses": "*@*\n*@*.*\n?*@?*\n~@*\n*", "server": SERVER}], "bare_names": True}
}
DAY = 86_400


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Miniature]:
    with Miniature(tmp_path, getattr(request, "param", EVERYTHING)) as made:
        made.add_user("bob")
        made.context.accounts.add_mapping("far@example.test", ["SMTP:joe@far.example@fred:geheim@127.0.0.1:9"])
        made.context.accounts.add_mapping("away@example.test", ["*REMOTE"])
        made.context.directory.refresh()
        yield made


def queued(server: Miniature) -> int:
    row = server.context.db.read(lambda tx: tx.one("SELECT count(*) FROM outgoing"))
    assert row is not None
    return int(row[0])


RECIPIENTS = [
    "zoe@elsewhere.example",
    "SMTP:zoe@elsewhere.example",
    '"SMTP:zoe@elsewhere.example"@example.test',
    '"SMTP:zoe@elsewhere.example@127.0.0.1:9"@example.test',
    '"SMTP:zoe@elsewhere.example@127.0.0.1:9"@elsewhere.example',
    '"bob+SMTP:zoe@elsewhere.example@127.0.0.1:9"@example.test',
    "SMTP:zoe@example.test",
    "away@example.test",
    "*REMOTE@example.test",
    "SRS0=aaaaaa=bb=elsewhere.example=zoe@example.test",
    "SRS0+aaaaaa=bb=elsewhere.example=zoe@example.test",
    "SRS1=aaaaaa=elsewhere.example==aaaaaa=bb=third.example=zoe@example.test",
    '"SRS0=aaaaaa=bb=elsewhere.example=zoe w"@example.test',
    "SRS0=aaaaaa=bb=elsewhere.example=zoe@elsewhere.example",
    "prvs=0123abcdef=zoe@elsewhere.example",
    "prvs=0123abcdef=SRS0=aaaaaa=bb=elsewhere.example=zoe@example.test",
    "prvs=0123abcdef=away@example.test",
    '"prvs=0123abcdef=zoe@elsewhere.example"@example.test',
    "prvs=0123abcdef=prvs=0123abcdef=bob@example.test",
]


OUTSIDE = [one for one in RECIPIENTS if not one.endswith("@example.test")]
SENDERS = ["", "bob@example.test", "eve@far.example"]


@pytest.mark.parametrize("sender", SENDERS)
def test_no_spelling_makes_it_relay_for_a_stranger(server: Miniature, sender: str) -> None:
    taken = [one for one in RECIPIENTS if not server.send(sender, one).startswith("5")]
    assert (taken, queued(server)) == ([], 0)


@pytest.mark.parametrize("server", [RULES_FOR_ALL_THE_WORLD], indirect=True)
@pytest.mark.parametrize("sender", SENDERS)
def test_no_rule_without_a_domain_makes_it_relay_for_a_stranger(server: Miniature, sender: str) -> None:
    taken = [one for one in OUTSIDE if not server.send(sender, one).startswith("5")]
    assert (taken, queued(server)) == ([], 0)


def test_the_same_stranger_reaches_what_leads_elsewhere_by_the_wish_of_the_administrator(server: Miniature) -> None:
    """The tables above would prove nothing of a server that refuses everything."""
    assert server.send("eve@far.example", "bob@example.test", "far@example.test").startswith("250")
    assert queued(server) == 1


def rewritten(server: Miniature, address: str = "zoe@elsewhere.example", **facts: Any) -> str:
    srs: Srs = replace(server.plugin("srs").srs, **facts)
    made = srs.encode(address, server.plugin("srs").clock())
    assert made is not None
    return made


def test_a_return_path_is_no_way_out_for_mail_with_a_sender(server: Miniature) -> None:
    for sender in SENDERS[1:]:
        assert server.send(sender, rewritten(server)).startswith("550")
    assert queued(server) == 0


def test_a_return_path_of_another_secret_or_server_or_in_another_place_is_void(server: Miniature) -> None:
    made = rewritten(server)
    void = [
        rewritten(server, secrets=[b"another"]),
        made.replace("zoe", "eve"),
        made.replace("elsewhere", "anywhere"),
        made.replace("SRS0", "SRS1"),
        made.replace("=elsewhere.example=zoe", "=example=zoe=elsewhere"),
    ]
    assert [server.send("", one)[:3] for one in void] == ["550"] * len(void)
    assert server.send("", made).startswith("250")
    server.wait_for(1)
    assert [one.recipient for one in server.outbox.sent] == ["zoe@elsewhere.example"]


def test_an_expired_return_path_is_void_in_any_case_of_letters(server: Miniature) -> None:
    made, now = rewritten(server), server.plugin("srs").clock()
    server.plugin("srs").clock = lambda: now + 23 * DAY
    assert [server.send("", one)[:3] for one in (made, made.lower(), made.upper())] == ["550"] * 3


def test_a_tag_around_a_return_path_opens_nothing(server: Miniature) -> None:
    batv: Batv = server.plugin("batv").batv
    tagged = batv.tag(rewritten(server, "z@e.example"), server.plugin("batv").clock())
    assert tagged is not None
    assert server.send("eve@far.example", tagged).startswith("550")


@pytest.mark.parametrize("sender", ["SRS0=aaaaaa=bb=victim.example=zoe@example.test", "prvs=0123abcdef=bob@example.test"])
def test_a_forged_sender_with_our_name_gets_no_report(server: Miniature, sender: str) -> None:
    server.context.accounts.add_mapping("out@example.test", ["joe@far.example"])
    server.context.directory.refresh()
    server.outbox.answers["joe@far.example"] = [Failed(Reply(550, "5.1.1", "No such user"))]
    trace = server.send(sender, "out@example.test").rpartition(" ")[2]
    server.wait_for(1)
    assert [one.sender for one in server.outbox.sent] == []
    assert (server.events(trace)[-1], queued(server), server.mailbox("bob")) == ("reported", 0, [])
