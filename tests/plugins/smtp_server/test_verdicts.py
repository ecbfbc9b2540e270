"""What the hooks' verdicts do to a session."""

from __future__ import annotations

from typing import Any

import pytest

from postroom import Discard, Verdict, hookimpl
from postroom.mail.verdict import strictest
from postroom.wire.answer import Answer, Then
from tests.peers import SessionPeer
from tests.plugins.smtp_server.desk import Office

STAGES = ["client_connected", "client_helo", "check_sender", "check_recipient", "check_data", "check_message"]


class Checks:
    """Answers each hook with what ``verdicts`` has for it, and remembers what was asked."""

    def __init__(self, **verdicts: Any) -> None:
        self.verdicts = verdicts
        self.asked: list[str] = []

    def _answer(self, stage: str) -> Verdict | None:
        self.asked.append(stage)
        verdict: Verdict | None = self.verdicts.get(stage)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    @hookimpl
    def client_connected(self, client: Any) -> Verdict | None:
        return self._answer("client_connected")

    @hookimpl
    def client_helo(self, client: Any, name: str) -> Verdict | None:
        return self._answer("client_helo")

    @hookimpl
    def check_sender(self, envelope: Any) -> Verdict | None:
        return self._answer("check_sender")

    @hookimpl
    def check_recipient(self, recipient: Any) -> Verdict | None:
        return self._answer("check_recipient")

    @hookimpl
    def check_data(self, envelope: Any) -> Verdict | None:
        return self._answer("check_data")

    @hookimpl
    def check_message(self, message: Any) -> Verdict | None:
        assert message.header("subject") == "x"
        return self._answer("check_message")


def deliver(office: Office, chunking: bool = False) -> list[str]:
    """The replies to a whole delivery (the first line of each)."""
    peer = SessionPeer(office.session())
    replies = [peer.line()]
    body = "Subject: x\r\n\r\nx\r\n"
    end = [f"BDAT {len(body)} LAST\r\n{body}"] if chunking else ["DATA\r\n", f"{body}.\r\n"]
    for command in ("HELO client.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<bob@example.test>\r\n", *end):
        if replies[-1] is None or not replies[-1].startswith(("2", "3")):
            break
        peer.send(command.encode())
        replies.append(peer.line())
    return [reply or "" for reply in replies]


def test_every_stage_is_asked_once_in_order() -> None:
    checks = Checks()
    deliver(Office(checks))
    assert checks.asked == STAGES


def test_every_stage_is_asked_with_chunks_too() -> None:
    checks = Checks()
    deliver(Office(checks), chunking=True)
    assert checks.asked == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_rejection_is_the_answer_of_its_stage(stage: str) -> None:
    checks = Checks(**{stage: Verdict.reject("Go away")})
    office = Office(checks)
    assert deliver(office)[-1] == "550 5.7.1 Go away"
    assert checks.asked[-1] == stage
    assert not office.queue.taken


@pytest.mark.parametrize("stage", STAGES)
def test_a_failing_check_is_a_temporary_refusal(stage: str) -> None:
    office = Office(Checks(**{stage: RuntimeError("bug")}))
    assert deliver(office)[-1].startswith("451 4.3.0")
    assert office.faults == [("Checks", stage)]


def test_a_refusal_may_close_the_connection() -> None:
    session = Office(Checks(check_sender=Verdict.defer("Later", disconnect=True))).session()
    session.greet()
    session.handle(b"HELO x")
    assert session.handle(b"MAIL FROM:<a@b.example>") == Answer(b"451 4.7.1 Later\r\n", Then.CLOSE)


def test_a_refused_connection_is_closed() -> None:
    answer = Office(Checks(client_connected=Verdict.defer("Later"))).session().greet()
    assert answer.then is Then.CLOSE


@pytest.mark.parametrize("stage", STAGES)
def test_headers_are_put_on_top_of_the_message(stage: str) -> None:
    office = Office(Checks(**{stage: Verdict.accept(b"X-Check: seen")}))
    deliver(office)
    assert b"\r\nX-Check: seen\r\nSubject: x\r\n" in office.queue.content


def test_headers_of_connect_are_put_on_every_message() -> None:
    office = Office(Checks(client_connected=Verdict.accept(b"X-Check: seen")))
    peer = SessionPeer(office.session())
    for _ in range(2):
        peer.send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n")
    assert [one.envelope.headers for one in office.queue.taken] == [[b"X-Check: seen"]] * 2


def test_headers_of_helo_are_put_on_once_however_often_it_is_said() -> None:
    office = Office(Checks(client_helo=Verdict.accept(b"X-Check: seen")))
    SessionPeer(office.session()).send(
        b"EHLO x\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"
    )
    assert office.queue.taken[0].envelope.headers == [b"X-Check: seen"]


@pytest.mark.parametrize("stage", STAGES)
def test_quarantine_marks_the_envelope(stage: str) -> None:
    office = Office(Checks(**{stage: Verdict.quarantine("spam")}))
    deliver(office)
    assert office.queue.taken[0].envelope.quarantine


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check_recipient"])
def test_discard_looks_like_success_and_marks_the_envelope(stage: str) -> None:
    office = Office(Checks(**{stage: Verdict.discard("virus")}))
    assert deliver(office)[-1].startswith("250 2.0.0 Ok: queued as")
    assert office.queue.taken[0].envelope.discard


def test_discard_of_a_recipient_concerns_that_recipient_only() -> None:
    office = Office(Checks(check_recipient=Verdict.discard("unwanted")))
    deliver(office)
    envelope = office.queue.taken[0].envelope
    assert not envelope.discard
    assert envelope.recipients[0].route is not None
    assert envelope.recipients[0].route.targets == (Discard(),)


def test_a_router_that_fails_is_a_temporary_refusal() -> None:
    class Broken:
        @hookimpl(tryfirst=True)
        def route(self, address: str) -> None:
            raise RuntimeError("bug")

    assert deliver(Office(Broken()))[-1] == "451 4.3.0 Temporary problem, try again later"


@pytest.mark.parametrize(
    ("lines", "event"),
    [
        (b"RCPT TO:<nobody@example.test>", ("bad-recipient", "nobody@example.test")),
        (b"RCPT TO:<charlie@example.test>", ("bad-recipient", "charlie@example.test")),
        (b"RCPT TO:<x@remote.example>", ("relay-denied", "x@remote.example")),
        (b"RCPT TO:<x%y@example.test>", ("relay-denied", "x%y@example.test")),
        (b"FOO bar", ("syntax-error", "FOO")),
        (b"AGJvYgBnZWhlaW0xMg==", ("syntax-error", "")),  # a password, out of step: nothing for the log
        (b"GET / HTTP/1.0", ("syntax-error", "HTTP request")),
        (b"NOOP\rNOOP", ("syntax-error", "bare-newline")),
        (b"RCPT TO:<bob@example.test>\r\nDATA\r\na\nb\r\n.", ("bad-data", "bare-lf")),
    ],
)
def test_misbehaviour_is_told(lines: bytes, event: tuple[str, str]) -> None:
    office = Office()
    SessionPeer(office.session()).send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\n" + lines + b"\r\n")
    assert office.witness.events == [event]


def test_a_full_mailbox_is_nobodys_fault() -> None:
    office = Office()
    peer = SessionPeer(office.session())
    peer.send(b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<full@example.test>\r\n")
    assert [peer.line() for _ in range(4)][-1] == "452 4.2.2 Mailbox full"
    assert office.witness.events == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_suspicion_about_the_sender_stays_with_the_message(stage: str) -> None:
    office = Office(Checks(**{stage: Verdict.accept(suspect="SPF fail")}))
    assert deliver(office)[-1].startswith("250")
    assert office.queue.taken[0].envelope.suspect == "SPF fail"


def test_the_suspicions_of_several_checks_are_all_told() -> None:
    verdicts = Verdict.accept(suspect="SPF fail"), None, Verdict.quarantine("bad", suspect="DMARC fail"), Verdict.accept(suspect="SPF fail")
    assert (strictest(verdicts) or Verdict.accept()).suspect == "SPF fail; DMARC fail"
