"""The reports that the queue makes: what RET, NOTIFY, ENVID and ORCPT ask for (RFC 3461), and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from postroom.mail.delivery import Delivered, Failed, Route, ToQueue
from postroom.mail.envelope import Recipient
from postroom.mail.reply import Reply
from postroom.mail.report import Fate, Kind
from postroom.mail.report_texts import ReportTexts
from postroom.queue.bounce import DEMANDED, RETURNED, Made, Reports, status_in, status_of, wanted
from postroom.queue.letter import Letter
from postroom.store.blobs import Blobs
from postroom.store.database import Database
from postroom.testing.miniature import Miniature
from tests.core.queue.office import START, FakeAsk, Office

FATE = Fate("joe@far.test", "joe@far.test", "failed", "5.1.1", "550 5.1.1 No such user", "mx.far.test[192.0.2.1]:25")
HEAD = b"Subject: Hi\r\n\r\n"
LAST = b"the very last line\r\n"

Make = Callable[..., bytes]


def letter(size: int, **more: Any) -> Letter:
    """A message of ann's of so many bytes."""
    facts: dict[str, Any] = {"body": "8BITMIME", "smtputf8": False, "requiretls": False, "ret": "", "envid": ""} | more
    return Letter(5, 1, b"", size, "ann@our.test", None, queued_at=int(START * 1000), **facts)


def reports(db: Database, texts: ReportTexts | None = None) -> Reports:
    ask: Any = FakeAsk()
    ask.routes["ann@our.test"] = Route((ToQueue("ann@our.test"),))
    words = {"texts": texts} if texts else {}
    return Reports(ask, Blobs(db), hostname="mail.our.test", domain="our.test", give_up=86_400.0, clock=lambda: START + 60, **words)


def content(made: Made) -> bytes:
    assert made.submission is not None, made.note
    return b"".join(made.submission.draft.chunks())


@pytest.fixture
def make(db: Database) -> Make:
    """The report on a message of ``size`` bytes."""

    def work(kind: Kind, size: int = 1000, *, gone: bool = False, give_up: float | None = None, **more: Any) -> bytes:
        body = b"x" * (size - len(HEAD) - len(LAST)) + LAST

        def chunks() -> Iterator[bytes]:
            yield HEAD
            if gone:
                raise KeyError(1)
            yield from (body[start : start + 50_000] for start in range(0, len(body), 50_000))

        return content(reports(db).make(kind, letter(size, **more), [FATE], chunks, give_up))

    return work


@pytest.mark.parametrize(
    ("size", "ret", "whole"),
    [
        (RETURNED, "", True),
        (RETURNED + 1, "", False),
        (RETURNED + 1, "FULL", True),
        (DEMANDED, "FULL", True),
        (DEMANDED + 1, "FULL", False),
        (1000, "HDRS", False),
    ],
)
def test_a_failed_message_goes_back_whole_unless_it_is_large_or_only_its_header_is_wanted(
    make: Make, size: int, ret: str, whole: bool
) -> None:
    data = make("failure", size, ret=ret)
    assert (LAST in data, b"Content-Type: message/rfc822\r\n" in data) == (whole, whole)
    assert (b"Content-Type: text/rfc822-headers\r\n" in data) is not whole
    assert HEAD in data


@pytest.mark.parametrize("kind", ["delay", "success"])
def test_a_report_that_is_not_of_a_failure_has_only_the_header_whatever_was_asked(make: Make, kind: Kind) -> None:
    assert LAST not in make(kind, ret="FULL")


def test_binary_content_does_not_go_back(make: Make) -> None:
    assert LAST not in make("failure", body="BINARYMIME")


def test_a_report_on_a_protected_message_is_protected_and_has_only_its_header(make: Make, db: Database) -> None:
    """RFC 8689 section 5."""
    assert LAST not in make("failure", requiretls=True, ret="FULL")
    made = reports(db).make("failure", letter(100, requiretls=True), [FATE], lambda: iter((HEAD, LAST)))
    assert made.submission is not None and made.submission.envelope.requiretls


def test_eight_bit_text_that_could_not_leave_does_not_go_back(db: Database) -> None:
    fate = replace(FATE, status="5.6.3")
    data = content(reports(db).make("failure", letter(len(HEAD + LAST)), [fate], lambda: iter((HEAD, LAST))))
    assert LAST not in data


def test_a_message_whose_bytes_are_gone_is_reported_without_them(make: Make) -> None:
    data = make("failure", gone=True)
    assert b"Content-Type: text/rfc822-headers\r\n" in data
    assert HEAD in data


def test_the_envelope_id_goes_back_decoded(make: Make) -> None:
    assert b"\r\nOriginal-Envelope-Id: QQ+314\r\n" in make("failure", envid="QQ+2B314")
    assert b"Original-Envelope-Id" not in make("failure")


def test_a_delay_names_the_end_of_the_senders_own_time(make: Make) -> None:
    for given, seconds in ((None, 86_400.0), (3600.0, 3600.0)):
        assert f"\r\nWill-Retry-Until: {formatdate(START + seconds, localtime=True)}\r\n".encode() in make("delay", give_up=given)


def test_a_report_has_the_null_sender_and_wants_no_report_itself(db: Database) -> None:
    made = reports(db).make("failure", letter(len(HEAD), ret="FULL"), [FATE], lambda: iter((HEAD,)))
    assert made.submission is not None
    envelope = made.submission.envelope
    assert (envelope.sender, envelope.ret, [one.notify for one in envelope.recipients]) == ("", "", ["NEVER"])  # RFC 3461 6.1


def test_a_translation_is_what_senders_read(db: Database) -> None:
    words = ReportTexts({"subject.failure": "Unzustellbar", "remedies.1.1.advice": "Fragen Sie nach."})
    data = content(reports(db, words).make("failure", letter(len(HEAD)), [FATE], lambda: iter((HEAD,))))
    assert b"\r\nSubject: Unzustellbar: Hi\r\n" in data
    assert b"What you can do: Fragen Sie nach." in data


def test_the_words_of_the_file_in_the_configuration_are_what_senders_read(tmp_path: Path) -> None:
    (tmp_path / "german.yaml").write_text("subject: {failure: Nicht zugestellt}\nopening: {failure: '{message} kam nicht an.'}\n")
    with Miniature(tmp_path, settings={"reports": {"templates": "german.yaml"}}) as server:
        server.add_user("ann")
        server.outbox.answers["joe@far.example"] = [Failed(Reply(550, "5.1.1", "No such user"), "mx.far.example[192.0.2.1]:25")]
        server.send("ann@example.test", "joe@far.example", user="ann", no_auth=True)
        server.wait_for(1)
        (report,) = server.mailbox("ann")
    assert b"\r\nSubject: Nicht zugestellt: Hello\r\n" in report
    assert b'Your message "Hello" kam nicht an.\r\n' in report


@pytest.mark.parametrize(
    ("notify", "kinds"),
    [
        ("", {"failure", "delay"}),
        ("NEVER", set()),
        ("SUCCESS", {"success"}),
        ("failure", {"failure"}),
        ("DELAY,SUCCESS", {"delay", "success"}),
    ],
)
def test_only_the_reports_are_made_that_the_sender_wants(notify: str, kinds: set[str]) -> None:
    assert {kind for kind in ("failure", "delay", "success") if wanted(notify, kind)} == kinds


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (Reply(550, "5.7.1", "No"), "failure", "5.7.1"),
        (Reply(550, "", "5.2.2 Full"), "failure", "5.2.2"),
        (Reply(550, "", "No"), "failure", "5.0.0"),
        (Reply(550, "2.0.0", "No"), "failure", "5.0.0"),
        (Reply(451, "4.3.2", "Later"), "delay", "4.3.2"),
        (Reply(451, "5.3.2", "Later"), "delay", "4.0.0"),
    ],
)
def test_the_status_is_the_servers_own_when_it_fits_what_happened(reply: Reply, kind: Kind, status: str) -> None:
    assert status_of(reply, kind) == status


@pytest.mark.parametrize(
    ("words", "status"), [("250 2.1.5 Taken", "2.1.5"), ("250 Taken as 2.0.1", "2.0.0"), ("250 5.0.0 ?", "2.0.0"), ("", "2.0.0")]
)
def test_the_status_of_a_success_is_found_in_the_words_of_the_server(words: str, status: str) -> None:
    assert status_in(words, "success") == status


def test_mail_that_the_administrator_returns_is_not_said_to_have_been_tried(office: Office) -> None:
    ann = office.user("ann")
    number = office.put("ann@our.test", "joe@far.test")
    office.out.remove(number, office.now, bounce=True)
    office.work()
    (report,) = office.inbox(ann)
    assert b"Tried" not in report
    assert b"Last-Attempt-Date" not in report


def test_a_relayed_message_has_the_status_of_the_servers_reply(office: Office) -> None:
    ann = office.user("ann")
    office.sender.script["joe@far.test"] = [Delivered("250 2.1.5 Taken", "mx.test[192.0.2.1]:25")]
    office.put("ann@our.test", Recipient("joe@far.test", notify="SUCCESS"))
    office.work()
    assert b"Action: relayed\r\nStatus: 2.1.5\r\n" in office.inbox(ann)[0]
