"""Signatures below messages: in each form, charset and encoding, and never where they would break something."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom import hookimpl
from postroom.asking import Asker
from postroom.config.core_sections import DomainSettings
from postroom.hookspecs import new_manager
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.mail.structure.mime import describe
from postroom_signature.plugin import Plugin, Settings

ANN = Envelope("ann@example.test", user="ann", local_origin=True)
GREETINGS = "-- \nViele Grüße 🎈"


def plugin(*others: object, **wanted: Any) -> Plugin:
    domains = DomainSettings(default="example.test", local=["example.test"])
    manager = new_manager()
    for other in others:
        manager.register(other)
    context: Any = SimpleNamespace(
        config=SimpleNamespace(domains=domains),
        offload=lambda fn, *args: fn(*args),
        ask=Asker(manager.hook, lambda: 0.0, Mock()),
        log=Mock(),
    )
    return Plugin(context, Settings.model_validate(wanted))


def below(data: bytes, wanted: dict[str, Any], envelope: Envelope = ANN, *others: object, outgoing: bool = True) -> bytes:
    message = Message.whole(data)
    made = plugin(*others, **wanted).rewrite_message(message, envelope, outgoing)
    if made is None:
        return data
    whole = b"".join(made.chunks())
    assert made.size == len(whole)
    return whole


def text(data: bytes, kind: str = "plain") -> str:
    parsed = email.message_from_bytes(data, policy=email.policy.SMTP)
    body = parsed.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


def plain(charset: str, encoding: str, body: bytes) -> bytes:
    kind = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return b"From: ann@example.test\r\nMIME-Version: 1.0\r\n" + kind.encode() + b"\r\n" + body


OUT = {"outgoing": {"text": "-- \nAnn"}}
SIMPLE = b"From: ann@example.test\r\nSubject: x\r\n\r\nHello\r\n"


def test_a_plain_message_gets_it_at_its_end_and_nothing_else_changes() -> None:
    assert below(SIMPLE, OUT) == SIMPLE + b"-- \r\nAnn\r\n"


@pytest.mark.parametrize(
    ("charset", "encoding", "body"),
    [
        ("utf-8", "8bit", "Grüß\r\n".encode()),
        ("utf-8", "quoted-printable", b"Gr=C3=BC=\r\n=C3=9F\r\n"),
        ("utf-8", "base64", b"R3LDvMOf\r\nCg==\r\n"),
        ("iso-8859-1", "8bit", "Grüß\r\n".encode("latin-1")),
        ("iso-8859-1", "quoted-printable", b"Gr=FC=DF\r\n"),
        ("windows-1252", "base64", b"R3L83wo=\r\n"),
        ("utf-8", "7bit", b"Hallo\r\n"),
        ("us-ascii", "7bit", b"Hallo\r\n"),
        ("iso-2022-jp", "7bit", "日本\r\n".encode("iso-2022-jp")),
    ],
)
def test_it_is_readable_in_every_charset_and_encoding(charset: str, encoding: str, body: bytes) -> None:
    before = plain(charset, encoding, body)
    made = text(below(before, {"outgoing": {"text": GREETINGS}}))
    assert made.rstrip("\n") == text(before).rstrip("\n") + "\n" + GREETINGS


def test_a_message_without_MIME_becomes_one_when_the_signature_needs_it() -> None:
    made = below(SIMPLE, {"outgoing": {"text": GREETINGS}})
    assert text(made) == f"Hello\n{GREETINGS}\n"
    assert made.isascii()
    assert made.lower().count(b"mime-version: 1.0") == 1


@pytest.mark.parametrize("end", ["\r\n", "\r\n\r\n"])
def test_a_message_that_is_only_a_header_gets_a_body(end: str) -> None:
    made = below(f"From: ann@example.test\r\nSubject: x{end}".encode(), {"outgoing": {"text": "-- \nAnn"}})
    assert made == b"From: ann@example.test\r\nSubject: x\r\n\r\n-- \r\nAnn\r\n"


def test_a_part_that_is_only_a_header_gets_a_body() -> None:
    before = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n--b--\r\n"
    assert text(below(before, {"outgoing": {"text": "-- \nAnn"}})).rstrip("\n") == "-- \nAnn"


def test_in_a_charset_that_has_all_characters_the_header_stays() -> None:
    before = plain("iso-8859-1", "8bit", b"Hallo\r\n")
    assert below(before, {"outgoing": {"text": "Grüße"}}) == before + "Grüße\r\n".encode("latin-1")


def both(attachment: bytes = b"") -> bytes:
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"] = "ann@example.test"
    made.set_content("Hello")
    made.add_alternative("<html><body><p>Hello</p></BODY ></html>", subtype="html")
    if attachment:
        made.add_attachment(attachment, maintype="text", subtype="plain", filename="a.txt")
    return made.as_bytes()


def test_both_alternatives_get_their_form() -> None:
    made = below(both(), {"outgoing": {"text": "-- \nAnn & Co", "html": "<hr>Ann"}})
    assert text(made) == "Hello\n-- \nAnn & Co\n"
    assert "<p>Hello</p><hr>Ann\n</BODY >" in text(made, "html")


def test_without_HTML_in_the_settings_it_is_made_of_the_text() -> None:
    made = below(both(), {"outgoing": {"text": "Ann & Co\n<a>"}})
    assert "<div>Ann &amp; Co<br>\n&lt;a&gt;</div>\n</BODY >" in text(made, "html")


def test_characters_that_the_charset_of_HTML_has_not_are_entities() -> None:
    before = b"From: ann@example.test\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<b>x</b>\r\n"
    assert below(before, {"outgoing": {"html": "<i>ü</i>"}}) == before + b"<i>&#252;</i>\r\n"


def test_a_long_text_gets_it_too() -> None:
    before = plain("utf-8", "quoted-printable", b"a line of text =3D\r\n" * 10_000)
    assert text(below(before, OUT)) == text(before) + "-- \nAnn\n"


def test_attachments_are_left_alone() -> None:
    before = both(b"attached\n")
    made = email.message_from_bytes(below(before, OUT), policy=email.policy.SMTP)
    parts = [part.get_content() for part in made.iter_attachments()]
    assert [part.replace("\r\n", "\n") for part in parts] == ["attached\n"]
    assert below(before, OUT).split(b"filename=")[1] == before.split(b"filename=")[1]


SIGNED = (
    b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    "data",
    [
        SIGNED,
        b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n",
        b"Content-Type: application/pkcs7-mime\r\n\r\nAAAA\r\n",
        b"Subject: x\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nHello\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + SIGNED + b"--a--\r\n",
        b"Content-Type: text/plain; charset=utf-16\r\n\r\nx\r\n",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nx\r\n",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n",
        b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n",
        b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nx\r\n",
    ],
)
def test_what_is_signed_encrypted_or_strange_stays_as_it_is(data: bytes) -> None:
    assert below(b"From: ann@example.test\r\n" + data, OUT) == b"From: ann@example.test\r\n" + data


LEVELS = {
    "outgoing": {"text": "all"},
    "internal": {"text": "inside"},
    "domains": {"sales.test": {"outgoing": {"text": "sales"}}, "quiet.test": {"outgoing": {"text": "<blank>"}}},
    "users": {"ann": {"outgoing": {"text": "Ann"}}, "bob": {"internal": {"text": "<blank>"}}},
}


@pytest.mark.parametrize(
    ("sender", "user", "outgoing", "signature"),
    [
        ("ann@sales.test", "ann", True, "Ann"),
        ("ann@sales.test", "ann", False, "inside"),
        ("bob@sales.test", "bob", True, "sales"),
        ("bob@sales.test", "bob", False, None),
        ("cy@example.test", "cy", True, "all"),
        ("cy@quiet.test", "cy", True, None),
        ("", "cy", True, None),
        ("joe@far.example", None, True, None),
    ],
)
def test_the_nearest_place_decides(sender: str, user: str | None, outgoing: bool, signature: str | None) -> None:
    made = below(SIMPLE, LEVELS, Envelope(sender, user=user), outgoing=outgoing)
    assert made == SIMPLE + (f"{signature}\r\n".encode() if signature else b"")


def test_in_flowed_text_its_lines_stay_lines() -> None:
    before = b"Content-Type: text/plain; format=flowed\r\n\r\nHello\r\n"
    assert below(before, {"outgoing": {"text": "-- \nAnn  \n > Co\nFrom here"}}) == before + b"-- \r\nAnn\r\n  > Co\r\n From here\r\n"


@settings(max_examples=100, deadline=None)
@given(body=st.text(max_size=200).map(lambda one: one.replace("\r", "")), encoding=st.sampled_from(["quoted-printable", "base64", "8bit"]))
def test_the_text_above_stays_the_same(body: str, encoding: str) -> None:
    made = EmailMessage(policy=email.policy.SMTP)
    made.set_content(body, cte=encoding)
    before = made.as_bytes()
    after = text(below(before, OUT))
    assert after == text(before) + "-- \nAnn\n"


@pytest.mark.parametrize("wanted", [{"outgoing": {"text": "x" * 401}}, {"outgoing": {"html": "a\x00"}}])
def test_what_could_not_be_sent_is_refused_in_the_settings(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"more than 400 characters|control character"):
        plugin(**wanted)


HEAD = b"From: ann@example.test\r\nMIME-Version: 1.0\r\n"
UMLAUTS = {"outgoing": {"text": GREETINGS}}


@pytest.mark.parametrize(
    "kind",
    [
        b'text/plain; charset=us-ascii; name="' + b"x" * 950 + b'"',
        b'text/plain; name="\xe4\xfc"; charset="us-ascii"',
        b'text/plain;\r\n charset=us-ascii;\r\n\tname="a;b"',
        b"text/plain;\x07 charset=us-ascii;",
        b"text/plain",
    ],
)
def test_a_new_charset_leaves_the_other_parameters_as_they_are(kind: bytes) -> None:
    made = below(HEAD + b"Content-Type: " + kind + b"\r\n\r\nHello\r\n", UMLAUTS)
    assert describe(made).parameter(b"charset") == b"utf-8"
    assert describe(made).parameter(b"name") == describe(b"Content-Type: " + kind + b"\r\n").parameter(b"name")
    assert text(made) == f"Hello\n{GREETINGS}\n"


@pytest.mark.parametrize("kind", [b"text/plain (x; charset=foo); charset=us-ascii", b"text/plain; charset*=us-ascii''us-ascii"])
def test_a_type_that_cannot_be_changed_safely_stays(kind: bytes) -> None:
    before = HEAD + b"Content-Type: " + kind + b"\r\n\r\nHello\r\n"
    assert below(before, UMLAUTS) == before


@pytest.mark.parametrize("end", [b"there \r\n", b"there  \r\n", b"there "])
def test_in_flowed_text_the_signature_is_a_paragraph_of_its_own(end: bytes) -> None:
    before = b"Content-Type: text/plain; format=flowed\r\n\r\nHello \r\n"
    assert below(before + end, {"outgoing": {"text": "Private\r\n"}}).rstrip() == before + b"there\r\nPrivate"


def test_line_ends_of_other_systems_in_the_settings_do_no_harm() -> None:
    before = b"Content-Type: text/plain; format=flowed\r\n\r\nHello\r\n"
    assert below(before, {"outgoing": {"text": "a \r\nb \rc"}}) == before + b"a\r\nb\r\nc\r\n"


@pytest.mark.parametrize("field", [b"DKIM-Signature: v=1; d=far.example", b"ARC-Seal: i=1", b"Resent-From: ann@example.test"])
def test_what_others_have_written_or_signed_is_passed_on_as_it_is(field: bytes) -> None:
    assert below(field + b"\r\n" + SIMPLE, OUT) == field + b"\r\n" + SIMPLE


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nRead\r\n--b--\r\n",
        b"Content-Type: text/plain\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n\r\nHello\r\n",
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + b"<p>x</p>\r\n" * 120_000
        + b"--b--\r\n",
    ],
    ids=["a receipt", "a checksum", "one form too large"],
)
def test_what_would_be_false_or_half_a_signature_is_left_out(data: bytes) -> None:
    assert below(HEAD + data, OUT) == HEAD + data


@pytest.mark.parametrize(
    "signature", [{"text": "\U0001f388" * 400}, {"text": "x", "html": "<b>" + "y" * 390 + "</b>"}, {"text": "&" * 400}]
)
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_no_line_becomes_longer_than_a_line_may_be(signature: dict[str, str], kind: str) -> None:
    content = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<body>{'x' * 900}</body>\r\n"
    made = below(HEAD + content.encode(), {"outgoing": signature})
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert text(made, kind).replace("\n", "").count("x") >= 900


def test_line_ends_without_a_carriage_return_stay_line_ends() -> None:
    made = below(b"From: ann@example.test\n\nHello\nagain\n", UMLAUTS)
    assert made.endswith(b"Hello\r\nagain\r\n--=20\r\nViele Gr=C3=BC=C3=9Fe =F0=9F=8E=88\r\n")


class Script:
    """A plugin that answers each question for a signature by a word, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[str, str, bool]]()

    @hookimpl
    def message_signature(self, text: str, form: str, envelope: Envelope, outgoing: bool) -> Any:
        self.asked.append((text, form, outgoing))
        return self.answer


def test_a_plugin_is_asked_for_each_form_that_the_message_has() -> None:
    script = Script("mine")
    made = below(both(), OUT, ANN, script)
    assert sorted(script.asked) == [("-- \nAnn", "plain", True), ("<div>-- <br>\nAnn</div>", "html", True)]
    assert text(made) == "Hello\nmine\n"
    assert "<p>Hello</p>mine\n</BODY >" in text(made, "html")


@pytest.mark.parametrize(("answer", "signature"), [("mine", "mine\r\n"), (None, "-- \r\nAnn\r\n"), ("", ""), ("<blank>", "")])
def test_the_answer_of_a_plugin_stands_in_the_place_of_the_settings(answer: str | None, signature: str) -> None:
    assert below(SIMPLE, OUT, ANN, Script(answer)) == SIMPLE + signature.encode()


def test_a_plugin_may_give_a_signature_where_the_settings_have_none() -> None:
    assert below(SIMPLE, {}, ANN, Script("mine"), outgoing=False) == SIMPLE + b"mine\r\n"


@pytest.mark.parametrize("answer", ["a\x00b", "x" * 401, 7])
def test_what_cannot_be_a_signature_is_not_used(answer: Any) -> None:
    assert below(SIMPLE, OUT, ANN, Script(answer)) == SIMPLE + b"-- \r\nAnn\r\n"


@pytest.mark.parametrize("envelope", [Envelope("bob@x.test", user="bob"), Envelope("joe@far.example"), Envelope("", local_origin=True)])
def test_no_plugin_is_asked_for_users_who_want_none_nor_for_the_mail_of_others(envelope: Envelope) -> None:
    script = Script("mine")
    assert below(SIMPLE, LEVELS, envelope, script, outgoing=False) == SIMPLE
    assert script.asked == []
