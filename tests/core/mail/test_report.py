"""Delivery reports: right for programs (RFC 3464, RFC 6533), plain for people."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.message import Message as Parsed

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.remedies import REMEDIES
from postroom.mail.report import Fate, Report, build
from postroom.mail.report_texts import BUILT_IN, ReportTexts

ORIGINAL = b"From: ann@our.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <m1@our.test>\r\n\r\nHello\r\n"
FATE = Fate(
    "joe@far.test",
    "joe@far.test",
    "failed",
    "5.1.1",
    "550 5.1.1 No such user",
    "mx.far.test[192.0.2.1]:25",
    attempts=1,
    last_try=1_700_000_100.0,
)
REPORT = Report(
    "failure", "ann@our.test", (FATE,), ORIGINAL, True, "0trace", "0report", "mail.our.test", "our.test", 1_700_000_200.0, 1_700_000_000.0,
    1_700_432_000.0,
)  # fmt: skip


def parsed(report: Report) -> tuple[Parsed, list[Parsed]]:
    message = email.message_from_bytes(build(report))
    parts = message.get_payload()
    assert isinstance(parts, list)
    return message, parts  # type: ignore[return-value]


def text(report: Report) -> str:
    _, (first, *_) = parsed(report)
    payload = first.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_a_report_is_a_multipart_of_words_status_and_the_message() -> None:
    message, parts = parsed(REPORT)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in parts] == ["text/plain", "message/delivery-status", "message/rfc822"]
    assert build(REPORT).count(ORIGINAL) == 1


def test_it_comes_from_the_mailer_daemon_and_nobody_answers_it() -> None:
    message, _ = parsed(REPORT)
    assert message["From"] == "Mail Delivery System <Mailer_Daemon@our.test>"
    assert (message["To"], message["Auto-Submitted"], message["In-Reply-To"]) == ("<ann@our.test>", "auto-replied", "<m1@our.test>")
    assert str(email.message_from_bytes(build(REPORT), policy=email.policy.default)["Subject"]) == "Not delivered: Grüße"


def test_the_words_say_who_refused_what_it_means_and_what_to_do() -> None:
    words = text(REPORT)
    for piece in (
        "Grüße",
        "joe@far.test",
        "mx.far.test[192.0.2.1]:25 answered",
        "550 5.1.1 No such user",
        "no mailbox of that name",
        "Check the part",
    ):
        assert piece in words
    assert "Tried once" in words
    assert "0trace" in words


def test_the_status_part_has_the_fields_of_rfc_3464() -> None:
    status = build(replace(REPORT, envid="a+2Bb"))
    for field in (
        b"Original-Envelope-Id: a+b\r\nReporting-MTA: dns; mail.our.test\r\nArrival-Date: ",
        b"\r\n\r\nFinal-Recipient: rfc822; joe@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.far.test\r\n",
        b"Diagnostic-Code: smtp; 550 5.1.1 No such user\r\nLast-Attempt-Date: ",
    ):
        assert field in status


def test_what_was_never_tried_is_not_said_to_have_been() -> None:
    report = replace(REPORT, fates=(replace(FATE, attempts=0, last_try=0.0), replace(FATE, attempts=3, last_try=0.0)))
    assert "Tried" not in text(report)
    assert b"Last-Attempt-Date" not in build(report)


def test_an_alias_is_named_with_where_it_leads() -> None:
    report = replace(REPORT, fates=(replace(FATE, original="info@our.test"),))
    assert "info@our.test\r\n    which leads to joe@far.test" in text(report)


def test_the_final_recipient_is_the_address_that_was_accepted() -> None:
    fate = replace(FATE, original="info@our.test")
    built = build(replace(REPORT, fates=(fate,)))
    assert b"Final-Recipient: rfc822; info@our.test\r\n" in built
    assert b"SMTP-Remote-Recipient: joe@far.test\r\n" in built


def test_the_address_behind_an_alias_is_a_field_only_where_a_server_was_told_it() -> None:
    assert b"SMTP-Remote-Recipient" not in build(REPORT)
    assert b"SMTP-Remote-Recipient" not in build(replace(REPORT, fates=(replace(FATE, original="info@our.test", server=""),)))


def test_an_answer_to_a_report_reaches_the_postmaster() -> None:
    assert parsed(REPORT)[0]["Reply-To"] == "<postmaster@our.test>"


def test_without_an_orcpt_there_is_no_original_recipient() -> None:
    assert b"Original-Recipient:" not in build(replace(REPORT, fates=(replace(FATE, original="info@our.test"),)))


def test_the_original_recipient_is_what_the_sender_gave() -> None:
    report = replace(REPORT, fates=(replace(FATE, orcpt="rfc822;Joe+2BSales@Far.test"),))
    assert b"Original-Recipient: rfc822; Joe+Sales@Far.test\r\n" in build(report)


def test_our_own_words_are_not_called_smtp() -> None:
    report = replace(REPORT, fates=(replace(FATE, server="", words="451 4.4.1 No answer"),))
    assert b"Diagnostic-Code: x-postroom; 451 4.4.1 No answer\r\n" in build(report)
    assert b"Remote-MTA" not in build(report)


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("mx.far.test[192.0.2.1]:25", b"mx.far.test"),
        ("mx.far.test:25", b"mx.far.test"),
        ("192.0.2.1:25", b"[192.0.2.1]"),
        ("[2001:db8::1]:25", b"[IPv6:2001:db8::1]"),
        ("mx.far.test[2001:db8::1]:25", b"mx.far.test"),
    ],
)
def test_the_remote_server_is_a_name_or_an_address_in_brackets(server: str, name: bytes) -> None:
    assert b"Remote-MTA: dns; " + name + b"\r\n" in build(replace(REPORT, fates=(replace(FATE, server=server),)))


def test_no_line_of_the_status_part_is_longer_than_a_line_may_be() -> None:
    fate = replace(FATE, address="jörg@far.test", words="550 " + "Überlänge " * 200)
    lines = build(replace(REPORT, fates=(fate,), utf8=True)).split(b"\r\n")
    assert any(line.startswith(b"Diagnostic-Code: smtp; 550 \xc3\x9c") for line in lines)
    assert max(map(len, lines)) <= 998


def test_only_the_header_goes_back_when_the_message_must_not() -> None:
    _, parts = parsed(replace(REPORT, whole=False))
    assert parts[2].get_content_type() == "text/rfc822-headers"
    assert b"Hello" not in build(replace(REPORT, whole=False))


def test_a_delay_says_until_when_we_try() -> None:
    report = replace(REPORT, kind="delay", fates=(replace(FATE, action="delayed", status="4.4.1"),), whole=False)
    assert "still waiting" in text(report)
    assert "You need not send it again" in text(report)
    assert b"Will-Retry-Until: Sun, 19 Nov 2023" in build(report)


def test_a_relayed_success_says_that_no_more_will_be_known() -> None:
    report = replace(REPORT, kind="success", fates=(replace(FATE, action="relayed", status="2.0.0", words="250 2.0.0 taken"),), whole=False)
    assert "cannot report back" in text(report)
    assert "What it means" not in text(report)


def test_an_internationalized_message_gets_the_global_forms() -> None:
    report = replace(REPORT, fates=(replace(FATE, address="jörg@far.test", original="jörg@far.test"),), utf8=True)
    message, parts = parsed(report)
    assert message.get_param("report-type") == "global-delivery-status"
    assert [part.get_content_type() for part in parts[1:]] == ["message/global-delivery-status", "message/global"]
    assert "Final-Recipient: utf-8; jörg@far.test\r\n".encode() in build(report)
    assert report.global_form


def test_a_sender_without_smtputf8_gets_such_an_address_in_ascii() -> None:
    report = replace(REPORT, fates=(replace(FATE, address="jörg@far.test", original="j@our.test"),))
    assert b"SMTP-Remote-Recipient: j\\x{F6}rg@far.test\r\n" in build(report)
    known = replace(REPORT, fates=(replace(FATE, address="jörg@far.test", original="jörg@far.test"),))
    assert b"Final-Recipient: utf-8; j\\x{F6}rg@far.test\r\n" in build(known)
    assert b"message/delivery-status" in build(report)
    assert build(report).isascii()


def test_a_returned_message_with_eight_bits_is_declared_so() -> None:
    report = replace(REPORT, original=b"Subject: x\r\n\r\nGr\xfc\xdfe")
    assert b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: x\r\n\r\nGr\xfc\xdfe\r\n" in build(report)


def test_xtext_cannot_smuggle_lines_into_the_report() -> None:
    evil = "+0D+0ABcc: x@y.test+0D+0A"
    report = replace(REPORT, envid=evil, fates=(replace(FATE, orcpt="rfc822;" + evil, words="550 a\r\nBcc: x", server="mx\r\nBcc: y"),))
    assert b"\nBcc:" not in build(report)


def test_a_translation_stands_in_for_the_words_and_not_for_what_programs_read() -> None:
    texts = ReportTexts(
        {
            "from": "Postamt, Zustellung",
            "date": "%d.%m.%Y",
            "subject.failure": "Unzustellbar für",
            "opening.failure": "{message} vom {date}\nkonnte nicht zugestellt werden.",
            "recipient.answered": "{server} meldet:\n(wörtlich)",
            "remedies.1.1.meaning": "Kein Postfach {{dort}}.",
        }
    )
    report = replace(REPORT, texts=texts)
    message, (_, status, _) = parsed(report)
    decoded = email.message_from_bytes(build(report), policy=email.policy.default)
    assert (str(decoded["From"]), str(decoded["Subject"])) == ('"Postamt, Zustellung" <Mailer_Daemon@our.test>', "Unzustellbar für: Grüße")
    words = text(report)
    assert 'Your message "Grüße" vom 14.11.2023\r\nkonnte nicht zugestellt werden.' in words
    assert "    mx.far.test[192.0.2.1]:25 meldet:\r\n    (wörtlich)\r\n      550 5.1.1 No such user\r\n" in words
    assert "What it means: Kein Postfach {dort}." in words
    assert "Status: 5.1.1" in str(status)
    assert message.get_content_type() == "multipart/report"


WORD = st.text(max_size=30)


@given(WORD, WORD, WORD, WORD, WORD, st.binary(max_size=200), st.booleans())
def test_no_strangers_text_breaks_the_form(
    address: str, original: str, words: str, orcpt: str, envid: str, data: bytes, utf8: bool
) -> None:
    fate = replace(FATE, address=address, original=original, words=words, orcpt=orcpt, server=words)
    report = replace(REPORT, fates=(fate,), original=b"Subject: " + data, whole=False, envid=envid, utf8=utf8, sender=original)
    built = build(report)
    head, _, rest = built.partition(b"\r\n\r\n")
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", head) is None
    status = rest.split(b"delivery-status\r\n", 1)[1].split(b"\r\n--=_", 1)[0]
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", status) is None
    assert len(re.findall(rb"(?m)^Final-Recipient:", status)) == 1


@pytest.mark.parametrize(
    ("status", "piece"), [("5.1.1", "no mailbox"), ("5.1.99", "not accepted"), ("5.9.9", ""), ("", ""), ("4.2.2", "full")]
)
def test_the_remedy_is_found_by_detail_then_by_subject(status: str, piece: str) -> None:
    meaning, advice = BUILT_IN.remedy(status)
    assert piece in meaning
    assert advice
    assert all(text.endswith(".") for pair in REMEDIES.values() for text in pair)
