"""Keys for SEARCH, SORT and THREAD (RFC 5256, RFC 5957) and the folding of text (RFC 5051)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.folding import fold
from postroom.mail.structure import heading, thread
from postroom.mail.structure.dates import DAY, parse
from postroom.mail.structure.subject import base_subject
from tests.core.mail.structure.corpus import MESSAGES


@pytest.mark.parametrize(
    ("subject", "base", "reply"),
    [
        ("hello", "hello", False),
        ("Re: hello", "hello", True),
        ("RE :  Fwd:\tFW: hello", "hello", True),
        ("Re[2]: hello", "hello", True),
        ("[list] Re: [list] hello", "hello", True),
        ("[list] hello", "hello", False),
        ("[only]", "[only]", False),
        ("[a] [b]", "[b]", False),
        ("hello (fwd) (FWD)", "hello", True),
        ("[Fwd: Re: hello]", "hello", True),
        ("[fwd: hello] (fwd)", "hello", True),
        ("Re: ", "", True),
        ("Re", "Re", False),
        ("reply: hello", "reply: hello", False),
        ("a\r\n  b", "a b", False),
        ("Fwd: [fwd: x", "[fwd: x", True),
    ],
)
def test_base_subjects_lose_what_replies_add(subject: str, base: str, reply: bool) -> None:
    assert base_subject(subject) == (base, reply)


@pytest.mark.parametrize("piece", ["[a]", "re:", "(fwd)", "[fwd:", "[", " ", "re[x]:"])
def test_hostile_subjects_cost_little(piece: str) -> None:
    begin = time.process_time()
    base_subject(piece * 50_000)
    assert time.process_time() - begin < 0.5


AT = 20_759 * DAY * 1000  # Monday, 2 November 2026


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        ("Mon, 2 Nov 2026 10:11:12 +0000", AT + 36_672_000, 20_759),
        ("2 Nov 26 10:11", AT + 36_660_000, 20_759),
        ("Mon,  2 Nov 2026 00:30:00 +0100", AT - 1_800_000, 20_759),
        ("Mon, 2 Nov 2026 23:30:00 EST (comment)", AT + (28 * 3600 + 1800) * 1000, 20_759),
        ("Mon, 2 November 2026 10:00:00 nowhere", AT + 36_000_000, 20_759),
        ("Mon, 2 Nov 2026 99:99:99 +0100", AT, 20_759),
        ("2-Nov-2026", AT, 20_759),
        ("1 Jan 1960 00:00:00 +0000", -3653 * DAY * 1000, -3653),
    ],
)
def test_dates_are_read(text: str, moment: int, day: int) -> None:
    assert parse(text) == (moment, day)


@pytest.mark.parametrize("text", ["", "yesterday", "31 Feb 2026", "2 Foo 2026", "2 Nov", "0 Nov 2026", "Mon, " * 100, " " * 500])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_heading_has_the_texts_and_keys() -> None:
    found = heading(
        b"Date: Mon, 2 Nov 2026 10:11:12 +0000\r\nSubject: Re: =?utf-8?q?=C3=BCber?=\r\nFrom: =?utf-8?q?J=C3=B6rg?= <jo@b.c>\r\n"
        b"To: x@y, z@w\r\nTo: v@u\r\nMessage-ID: <a@b>\r\nReferences: <1@x>\r\n <2@\r\n x> junk\r\nIn-Reply-To: <3@x>\r\n\r\n"
    )
    assert (found.sent_at, found.sent_day) == (AT + 36_672_000, 20_759)
    assert (found.subject, found.base_subject, found.is_reply) == ("Re: über", fold("über"), True)
    assert (found.from_, found.to, found.cc) == ("Jörg <jo@b.c>", "x@y, z@w\nv@u", "")
    assert (found.from_key, found.to_key, found.display_from, found.display_to) == ("JO", "X", fold("Jörg"), "X@Y")
    assert (found.message_id, found.references) == ("<a@b>", ("<1@x>", "<2@x>"))


def test_without_references_the_first_of_in_reply_to_counts() -> None:
    assert heading(b"In-Reply-To: your mail <a@b> of <c@d>\r\n").references == ("<a@b>",)


def test_of_very_many_references_the_first_and_the_last_are_kept() -> None:
    found = heading(b"References: " + b" ".join(b"<%d@x>" % number for number in range(300)) + b"\r\n").references
    assert (found[:2], found[-1], len(found)) == (("<0@x>", "<101@x>"), "<299@x>", 200)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (b"Message-ID: <C@x>\r\nReferences: <a@x> <B@x>\r\nIn-Reply-To: <B@x>\r\n", "<a@x>"),
        (b"Message-ID: <C@x>\r\nReferences: none\r\nIn-Reply-To: <B@x> <d@x>\r\n", "<B@x>"),
        (b"Message-ID: <C@x>\r\n", "<C@x>"),
        (b"Message-ID: C\r\n", ""),
        (b"References: " + b" ".join(b"<%d@x>" % number for number in range(300)), "<0@x>"),
    ],
)
def test_a_message_names_the_one_that_its_thread_began_with(header: bytes, named: str) -> None:
    assert thread(header) == named


def test_a_group_sorts_by_its_name() -> None:
    assert heading(b"To: Friends: a@b;\r\n").to_key == "FRIENDS"


@given(MESSAGES)
def test_no_header_makes_it_raise(header: bytes) -> None:
    found = heading(header)
    assert "\0" not in found.subject + found.from_ + found.from_key + found.display_from


@given(st.text(), st.text())
def test_folding_twice_changes_nothing(one: str, other: str) -> None:
    assert fold(fold(one)) == fold(one)
    assert (fold(one) == fold(other)) == (fold(fold(one)) == fold(fold(other)))


@pytest.mark.parametrize(("one", "other"), [("straße", "STRASSE"), ("ﬁ", "FI"), ("Ä", "a\u0308"), ("Σ", "ς"), ("ＡＢ", "ab"), ("é", "É")])
def test_folded_texts_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_accents_make_a_difference() -> None:
    assert fold("é") not in fold("e")
