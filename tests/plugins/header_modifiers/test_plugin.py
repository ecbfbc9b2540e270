"""Rules for header fields: what they change, when they hold, and which are refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.message import Message
from postroom_header_modifiers.plugin import Plugin, Settings

HEADER = b"Received: one\r\nFrom: ann@example.test\r\nSubject: Hello\r\n world\r\nX-Internal-Id: 7\r\nX-Internal-Who: ann\r\n"
BODY = b"\r\nSubject: not a field\r\n"
ANN = Envelope("ann@example.test", [Recipient("joe@far.example")], user="ann", local_origin=True)


def changed(*rules: dict[str, Any], envelope: Envelope = ANN, outgoing: bool = True, header: bytes = HEADER) -> bytes:
    context: Any = SimpleNamespace(offload=lambda fn, *arguments: fn(*arguments))
    message = Message.whole(header + BODY)
    made = Plugin(context, Settings.model_validate({"rules": rules})).rewrite_message(message, envelope, outgoing)
    whole = b"".join((made or message).chunks())
    assert whole.endswith(BODY)
    return whole.removesuffix(BODY)


def rule(action: str, field: str, value: str = "", **more: Any) -> dict[str, Any]:
    return {"action": action, "field": field, "value": value, **more}


def test_a_field_is_added_on_top() -> None:
    assert changed(rule("add", "X-Mailer", "Postroom")) == b"X-Mailer: Postroom\r\n" + HEADER


def test_a_field_that_exists_once_is_not_added_twice() -> None:
    assert changed(rule("add", "Subject", "x")) == HEADER
    assert changed(rule("add", "Reply-To", "a@example.test")).startswith(b"Reply-To: a@example.test\r\n")


def test_fields_are_removed_by_name_or_pattern() -> None:
    assert changed(rule("remove", "x-internal-*")) == HEADER[: HEADER.index(b"X-Internal")]
    assert changed(rule("remove", "Received")) == HEADER[HEADER.index(b"From") :]


def test_a_pattern_removes_nothing_that_a_message_needs() -> None:
    assert changed(rule("remove", "*")) == b"From: ann@example.test\r\n"


def test_a_field_is_replaced_in_its_place() -> None:
    assert changed(rule("replace", "Subject", "Bye")) == HEADER.replace(b"Hello\r\n world", b"Bye")


def test_a_field_gets_something_in_front_once() -> None:
    once = changed(rule("prefix", "Subject", "[Ann] "))
    assert once == HEADER.replace(b"Subject: Hello", b"Subject: [Ann] Hello")
    assert changed(rule("prefix", "Subject", "[Ann] "), header=once) == once
    assert changed(rule("prefix", "X-Missing", "a")) == HEADER


def test_other_characters_become_encoded_words() -> None:
    made = changed(rule("prefix", "Subject", "[Grüße] "), rule("add", "Comments", "Ärger"))
    message = Message.whole(made + BODY)
    assert made.isascii()
    assert message.header("Subject") == "[Grüße] Hello world"
    assert message.header("Comments") == "Ärger"


def test_in_front_of_an_encoded_word_the_space_is_kept() -> None:
    made = changed(rule("prefix", "Subject", "[Grüße] "), header=b"Subject: =?utf-8?q?=C3=84rger?=\r\n")
    assert Message.whole(made + BODY).header("Subject") == "[Grüße] Ärger"


def test_each_rule_sees_what_those_before_it_have_made() -> None:
    assert changed(rule("add", "X-A", "1"), rule("remove", "X-A")) == HEADER


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"sender": "*@example.test"}, True),
        ({"sender": ["bob@*", "ANN@Example.Test"]}, True),
        ({"sender": "bob@*"}, False),
        ({"recipient": "*@far.example"}, True),
        ({"recipient": "*@near.example"}, False),
        ({"header": {"subject": "hello*"}}, True),
        ({"header": {"Subject": "hello*", "X-Internal-Id": "8"}}, False),
        ({"header": {"X-Missing": "*"}}, False),
        ({"sender": "ann@*", "recipient": "joe@*", "header": {"X-Internal-Id": "?"}}, True),
    ],
)
def test_conditions_all_have_to_hold(when: dict[str, Any], holds: bool) -> None:
    assert (changed(rule("add", "X-Is", "1", when=when)) != HEADER) is holds


@pytest.mark.parametrize(
    ("more", "outgoing", "holds"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"mail": "internal"}, False, True),
        ({"mail": "internal"}, True, False),
        ({"mail": "any"}, False, True),
    ],
)
def test_a_rule_is_for_what_leaves_unless_it_says_otherwise(more: dict[str, Any], outgoing: bool, holds: bool) -> None:
    assert (changed(rule("add", "X-Is", "1", **more), outgoing=outgoing) != HEADER) is holds


def test_mail_of_others_that_goes_on_from_here_stays_as_it_is_unless_a_rule_says_otherwise() -> None:
    stranger = Envelope("joe@far.example")
    assert changed(rule("add", "X-Is", "1"), envelope=stranger) == HEADER
    assert changed(rule("add", "X-Is", "1", origin="any"), envelope=stranger) != HEADER
    assert changed(rule("add", "X-Is", "1", origin="forwarded"), envelope=stranger) != HEADER


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (rule("add", "X-A", "a\r\nBcc: b@c.example"), "a value is one line without control characters"),
        (rule("add", "X-A"), "add needs a value"),
        (rule("remove", "From"), "every message needs From"),
        (rule("remove", "X-A", "b"), "goes with add, replace and prefix"),
        (rule("replace", "X-*", "b"), "* and ? go with remove"),
        (rule("replace", "Content-Type", "b"), "Content-Type cannot be changed by a rule"),
        (rule("add", "Received", "b"), "Received cannot be changed by a rule"),
        (rule("replace", "Reply-To", "Jörg <a@b.example>"), "addresses are written in ASCII"),
    ],
)
def test_rules_that_make_no_valid_message_are_refused(wrong: dict[str, Any], reason: str) -> None:
    (checked,) = Settings.model_validate({"rules": [wrong]}).rules
    assert reason in [message for _, message in checked.checks()]


@pytest.mark.parametrize("name", ["X A", "X:A", "", "X\r\nY", "Ü"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="field"):
        Settings.model_validate({"rules": [rule("add", name, "x")]})


@pytest.mark.parametrize("value", ["[Ann] ", "x" * 899 + " ", "Grüße " * 100])
def test_no_line_becomes_longer_than_a_line_may_be(value: str) -> None:
    subject = b"y" * 950
    made = changed(rule("prefix", "Subject", value), header=b"Subject: " + subject + b"\r\n more\r\n")
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert Message.whole(made + BODY).header("Subject") == value + subject.decode() + " more"


def test_a_header_whose_end_is_out_of_sight_stays_as_it_is() -> None:
    header = b"X-Internal-Id: " + b"x " * 140_000 + b"\r\n"
    message = Message(header[: 256 * 1024], len(header + BODY), lambda: iter((header + BODY,)))
    settings = Settings.model_validate({"rules": [rule("remove", "X-*"), rule("add", "X-A", "1")]})
    context: Any = SimpleNamespace(offload=None)
    assert Plugin(context, settings).rewrite_message(message, ANN, True) is None


def test_a_pattern_with_many_stars_takes_no_time() -> None:
    header = b"Subject: " + b"a" * 1900 + b"\r\n"
    when = {"header": {"Subject": "*a*a*a*a*a*a*a*a*b"}}
    assert changed(rule("add", "X-A", "1", when=when), header=header) == header
