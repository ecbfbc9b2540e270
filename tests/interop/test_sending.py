"""What leaves by smtp_relay arrives at a real Postfix, at smtp-sink and at a catcher, and a real Postfix sends to us."""

from __future__ import annotations

import json
import re
import smtplib

import pytest

from bench import postfix
from tests.house import House
from tests.interop.programs import BODIES, message, run, subject, wait_until, with_lf
from tests.interop.test_messages import client, greeted, reply

needs_postfix = pytest.mark.skipif(not postfix.available(), reason="Postfix is not installed, or we are not root")


def submit(house: House, mail: bytes, *recipients: str, options: tuple[str, ...] = ()) -> str:
    """Hand a message in as Bob; the trace id."""
    with client(house, "Submission") as smtp:
        smtp.ehlo()
        smtp.login("bob", "secret")
        smtp.mail("bob@example.test", options)
        for recipient in recipients:
            assert smtp.rcpt(recipient)[0] == 250
        code, words = smtp.data(mail)
        assert code == 250
        return words.decode().split()[-1]


def wait_for(house: House, trace: str, event: str) -> None:
    """Wait until the log has this event of a message."""
    found = re.compile(rf'^{{.*"trace": "{trace}".*"event": "{event}"', re.MULTILINE)
    wait_until(lambda: found.search(house.server.log), lambda: house.server.log[-3000:])


@pytest.mark.parametrize("kind", BODIES)
def test_the_relay_sends_every_byte(house: House, kind: str) -> None:
    mail = message(BODIES[kind])
    submit(house, mail, "someone@catch.test", options=("BODY=8BITMIME",))
    taken = wait_until(lambda: next((each for each in house.catcher.messages if subject(mail) in each.content), None))
    assert taken.content.endswith(mail)
    assert taken.content.removesuffix(mail).startswith(b"Received: from client.example ")
    assert (taken.sender, taken.recipients) == ("bob@example.test", ["someone@catch.test"])


@needs_postfix
@pytest.mark.parametrize("kind", ["dots", "8 bit", "long lines"])
def test_a_real_postfix_receives(house: House, kind: str) -> None:
    mail = message(BODIES[kind], to="user@postfix.test")
    submit(house, mail, "user@postfix.test", options=("BODY=8BITMIME",))
    found = wait_until(lambda: next((each for each in house.postfix_mail if subject(mail) in each), None), lambda: house.server.log[-3000:])
    assert found.endswith(with_lf(mail))


@needs_postfix
def test_a_real_postfix_receives_internationalized_addresses(house: House) -> None:
    mail = message(b"x\r\n", sender="jörg@münchen.test", to="jürgen@postfix.test")
    with client(house, "Submission") as smtp:
        smtp.ehlo()
        smtp.login("bob", "secret")
        smtp.sendmail("jörg@münchen.test", ["jürgen@postfix.test"], mail, ["SMTPUTF8", "BODY=8BITMIME"])
    found = wait_until(lambda: next((each for each in house.postfix_mail if subject(mail) in each), None), lambda: house.server.log[-3000:])
    assert "Delivered-To: jürgen@postfix.test\n".encode() in found
    assert found.endswith(with_lf(mail))


@needs_postfix
def test_smtp_sink_receives(house: House) -> None:
    mail = message(BODIES["dots"])
    submit(house, mail, "someone@sink.test", "another@sink.test")
    found = wait_until(
        lambda: next((each for each in house.sunk if subject(mail).decode() in each), None), lambda: house.server.log[-3000:]
    )
    assert found.rstrip("\n").endswith(with_lf(mail).decode().rstrip("\n"))
    assert "<someone@sink.test>" in found
    assert "<another@sink.test>" in found


@needs_postfix
@pytest.mark.parametrize("kind", ["dots", "8 bit", "long lines"])
def test_a_real_postfix_sends_to_us(house: House, kind: str) -> None:
    assert house.postfix is not None
    house.server.empty("erin")
    mail = message(BODIES[kind], to="erin@example.test")
    with smtplib.SMTP("127.0.0.1", house.postfix, timeout=20) as smtp:
        smtp.sendmail("anna@client.example", ["erin@example.test"], mail, ["BODY=8BITMIME"])
    [stored] = house.server.wait_for_mail("erin")
    assert stored.endswith(mail)
    assert b"with ESMTPS " in stored  # Postfix takes STARTTLS where it is offered


@needs_postfix
def test_postfix_bounces_come_back_to_us(house: House) -> None:
    """A null sender's report for a user of ours, about one who is not."""
    assert house.postfix is not None
    house.server.empty("erin")
    with smtplib.SMTP("127.0.0.1", house.postfix, timeout=20) as smtp:
        smtp.sendmail("erin@example.test", ["nobody@example.test"], message())
    [report] = house.server.wait_for_mail("erin")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"550 5.1.1" in report


@pytest.mark.houses("sqlite-1", "postgresql-3")
def test_trace_tells_the_life_of_a_message_while_the_server_runs(house: House) -> None:
    mail = message()
    trace = submit(house, mail, "someone@catch.test", "frank@example.test")
    wait_until(lambda: next((each for each in house.catcher.messages if subject(mail) in each.content), None))
    wait_for(house, trace, "queue.delivered")
    assert "delivered" in house.server.run("trace", trace).stdout
    house.server.empty("frank")


@pytest.mark.houses("sqlite-1")
def test_explain_tells_where_mail_would_go(house: House) -> None:
    assert "bob" in house.server.run("explain", "jörg@münchen.test").stdout
    assert "Sink is near" in house.server.run("explain", "someone@sink.test").stdout


@pytest.mark.houses("sqlite-1", "postgresql-3")
def test_what_no_server_takes_waits_in_the_queue_and_can_be_removed(house: House) -> None:
    house.catcher.refusing = True
    try:
        mail = message()
        trace = submit(house, mail, "someone@catch.test")
        wait_for(house, trace, "queue.deferred")
        assert "451" in house.server.run("queue", "show", trace).stdout
        assert trace in house.server.run("queue", "list", "--all").stdout  # the sender that the plugin chose has a queue of its own
        assert json.loads(house.server.run("--json", "queue", "list", "--channel", "Catch").stdout)
    finally:
        house.catcher.refusing = False
    house.server.run("queue", "retry", trace)
    wait_until(lambda: next((each for each in house.catcher.messages if subject(mail) in each.content), None))


def test_a_failed_delivery_is_reported_to_its_sender(house: House) -> None:
    house.server.empty("bob")
    submit(house, message(), "refused@catch.test")
    [report] = house.server.wait_for_mail("bob")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"multipart/report" in report
    assert b"550 5.1.1 no such user here" in report


def test_no_word_of_a_pipelining_client_is_lost(house: House) -> None:
    """A whole session in one write, as only the boldest clients do it."""
    import socket

    with socket.create_connection(("127.0.0.1", house.port("SMTP")), 20) as sock:
        lines = greeted(sock)
        sock.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        assert [reply(lines)[:3] for _ in range(5)] == [b"250", b"550", b"250", b"250", b"221"]
        lines.close()
    run("true")
