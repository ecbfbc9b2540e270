"""LAN forwarding hands mail to a real Postfix, with a login and without, and to smtp-sink; nothing of it is in the outgoing queue."""

from __future__ import annotations

import pytest

from tests.interop.programs import BODIES, message, subject, wait_until, with_lf
from tests.interop.ways import Ways, recipients


@pytest.mark.parametrize("kind", ["dots", "8 bit", "long lines"])
def test_a_real_postfix_gets_every_byte_of_mail_for_a_wildcard(ways: Ways, kind: str) -> None:
    mail = message(BODIES[kind])
    found, told = ways.delivered(mail, "sales-1@north.branch.test")
    assert found.endswith(with_lf(mail))
    assert b"Delivered-To: sales-1@north.branch.test\n" in found
    assert (told["server"], told["how"][:7]) == (f"127.0.0.1:{ways.ports.postfix}", "TLSv1.3")


def test_a_rule_gives_the_other_server_a_new_domain(ways: Ways) -> None:
    mail = message()
    assert b"Delivered-To: jim.b+x@new.test\n" in ways.delivered(mail, "jim.b+x@old.test")[0]


def test_a_real_postfix_accepts_the_login_of_a_rule(ways: Ways) -> None:
    found, _ = ways.delivered(message(), "jim@guarded.test")
    assert b"(Authenticated sender: fred)" in found


def test_mail_whose_password_is_wrong_waits_in_the_queue_of_lan_forwarding(ways: Ways) -> None:
    trace = ways.send(message(), "jim@locked.test")
    assert "535 5.7.8" in ways.told(trace, "deferred")["reply"]
    assert trace in (shown := ways.server.run("queue", "list", "--channel", "LAN").stdout)
    assert trace not in ways.server.run("queue", "list").stdout
    assert "geheim" not in shown + ways.server.log


def test_smtp_sink_gets_all_recipients_of_a_message_in_one_transaction(ways: Ways) -> None:
    mail, people = message(BODIES["dots"]), [f"u{number}@sunk.test" for number in range(30)]
    ways.send(mail, *people)
    found = ways.sunk(mail)
    assert recipients(found) == people
    assert found.rstrip("\n").endswith(with_lf(mail).decode().rstrip("\n"))


def test_the_last_resort_takes_those_whom_nobody_else_has(ways: Ways) -> None:
    mail = message()
    ways.send(mail, "bob@example.test", "stranger@example.test")
    assert recipients(ways.sunk(mail)) == ["stranger@example.test"]
    assert [one for one in ways.server.wait_for_mail("bob") if mail in one]


def test_the_targets_of_a_mapping_are_servers_with_and_without_a_login(ways: Ways) -> None:
    mail = message()
    found, _ = ways.delivered(mail, "mapped@example.test")
    assert b"Delivered-To: mapped@far.test\n" in found and b"(Authenticated sender: fred)" in found
    assert recipients(ways.sunk(mail)) == ["second@far.test"]


def test_a_member_of_a_list_is_at_a_server_with_a_login(ways: Ways) -> None:
    mail = message()
    found, _ = ways.delivered(mail, "staff@example.test")
    assert b"Delivered-To: member@far.test\n" in found and b"(Authenticated sender: fred)" in found
    wait_until(lambda: [one for one in ways.server.inbox("bob") if subject(mail) in one])


def test_a_user_forwards_to_a_server_with_a_login(ways: Ways) -> None:
    found, told = ways.delivered(message(), "joe@example.test")
    assert b"Delivered-To: joe@far.test\n" in found and b"(Authenticated sender: fred)" in found
    assert told["rcpt"] == "joe@far.test"


def test_what_postfix_refuses_comes_back_to_the_sender(ways: Ways) -> None:
    """It says in EHLO how much it takes."""
    ways.server.empty("bob")
    ways.send(message(b"x" * 70 + b"\r\n" * 100_000), "sales@a.branch.test")
    [report] = wait_until(lambda: ways.server.inbox("bob"))
    assert b"multipart/report" in report and b"5.3.4" in report
