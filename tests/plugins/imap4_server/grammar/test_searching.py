"""Search programs and what stands before them: each as it is meant, none that takes the reader by surprise."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.commands import esearch, search, sort, thread
from postroom_imap4_server.grammar.numbers import STAR, NumberSet
from postroom_imap4_server.grammar.searching import ALL, Key, Wanted, read_program, read_wanted
from postroom_imap4_server.grammar.sorting import Criterion, read_criteria
from postroom_imap4_server.grammar.sources import Source, read_sources
from postroom_imap4_server.limits import ImapLimits
from postroom_imap4_server.matching import MATCHERS
from postroom_imap4_server.refusals import Bad, No, Refusal

from .source import reader

SEEN, UNSEEN = Key(b"FLAG", (1, True)), Key(b"FLAG", (1, False))
DAY = 20_486  # 2-Feb-2026, counted from 1970

PROGRAMS: list[tuple[bytes, Key]] = [
    (b"ALL", ALL),
    (b"seen Unseen", Key(b"AND", (SEEN, UNSEEN))),
    (b"(seen)", SEEN),
    (b"NOT (SEEN UNSEEN)", Key(b"NOT", (Key(b"AND", (SEEN, UNSEEN)),))),
    (b"OR SEEN NOT UNSEEN", Key(b"OR", (SEEN, Key(b"NOT", (UNSEEN,))))),
    (b"1:3,*", Key(b"SET", (NumberSet(((1, 3), (STAR, STAR))),))),
    (b"$", Key(b"SET", (NumberSet(saved=True),))),
    (b"UID 7", Key(b"UID", (NumberSet(((7, 7),)),))),
    (b"SUBJECT {3}\r\na b", Key(b"SUBJECT", ("a b",))),
    (b'FROM "a \\"b\\""', Key(b"FROM", ('a "b"',))),
    (b"HEADER X-Note: y", Key(b"HEADER", ("X-Note", "y"))),
    (b"KEYWORD $Work", Key(b"KEYWORD", ("$work", True))),
    (b"UNKEYWORD $Work", Key(b"KEYWORD", ("$work", False))),
    (b"BEFORE 2-feb-2026", Key(b"BEFORE", (DAY,))),
    (b'SENTON "2-Feb-2026"', Key(b"SENTON", (DAY,))),
    (b"LARGER 0", Key(b"LARGER", (0,))),
    (b"YOUNGER 5", Key(b"YOUNGER", (5,))),
    (b'MODSEQ "/flags/\\\\Seen" shared 8', Key(b"MODSEQ", (8,))),
    (b"CHARSET iso-8859-1 BODY {1}\r\n\xe4", Key(b"BODY", ("ä",))),
]


@pytest.mark.parametrize(("text", "key"), PROGRAMS)
def test_programs(text: bytes, key: Key) -> None:
    assert read_program(reader(text)).key == key


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"ALL ", b"(ALL", b"()", b"NOT", b"OR ALL", b"1:", b"0", b"SUBJECT", b"HEADER a",
        b"BEFORE 31-Feb-2026", b"BEFORE 2-Foo-2026",
        b"YOUNGER 0", b"LARGER -1", b"KEYWORD \\Seen", b"UID x", b'MODSEQ "/flags/x" mine 8', b"CHARSET utf-8", b"BODY {1}\r\n\xe4",
        b"MODSEQ 18446744073709551616",
    ],
)  # fmt: skip
def test_what_is_no_program(text: bytes) -> None:
    with pytest.raises(Bad):
        read_program(reader(text))


@pytest.mark.parametrize("text", [b"NOT " * 100 + b"ALL", b"(" * 100 + b"ALL" + b")" * 100, b"OR ALL " * 100 + b"ALL"])
def test_keys_are_nested_so_deep_and_no_deeper(text: bytes) -> None:
    with pytest.raises(Bad, match="too deeply"):
        read_program(reader(text))


def test_a_program_has_so_many_keys_and_no_more() -> None:
    most = ImapLimits().search_keys
    read_program(reader(b" ".join([b"ALL"] * most)))
    with pytest.raises(No) as caught:
        read_program(reader(b" ".join([b"ALL"] * (most + 1))))
    assert caught.value.code == "LIMIT"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"ALL", Wanted()),
        (b"RETURN () ", Wanted(True, frozenset({b"ALL"}))),
        (b"return (min COUNT min) ", Wanted(True, frozenset({b"MIN", b"COUNT"}))),
        (b"RETURN (PARTIAL 4:2) ", Wanted(True, frozenset(), (2, 4))),
        (b"RETURN (SAVE PARTIAL -1:-5) ", Wanted(True, frozenset({b"SAVE"}), (-1, -5))),
    ],
)
def test_result_options(text: bytes, wanted: Wanted) -> None:
    assert read_wanted(reader(text)) == wanted


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (b"ALL", (Source(b"SELECTED"),)),
        (b"IN (personal) ", (Source(b"PERSONAL"),)),
        (
            b"IN (inboxes subtree-one (a inbox) MAILBOXES b) ",
            (Source(b"INBOXES"), Source(b"SUBTREE-ONE", ("a", "INBOX")), Source(b"MAILBOXES", ("b",))),
        ),
    ],
)
def test_sources(text: bytes, sources: tuple[Source, ...]) -> None:
    assert read_sources(reader(text)) == sources


def test_criteria() -> None:
    assert read_criteria(reader(b"(reverse DATE subject)")) == (Criterion(b"DATE", reverse=True), Criterion(b"SUBJECT"))
    for wrong in (b"()", b"(REVERSE)", b"(REVERSE REVERSE DATE)", b"(WEIGHT)", b"DATE"):
        with pytest.raises(Bad):
            read_criteria(reader(wrong))


def names(key: Key) -> set[bytes]:
    found = {key.name}
    return found.union(*(names(value) for value in key.values if isinstance(value, Key)))


WORDS = [text.split(b" ", 1)[0] for text, _ in PROGRAMS] + [
    b"(",
    b")",
    b"1:*",
    b'"x"',
    b"{1}\r\nx",
    b"$",
    b"\\",
    b"2-Feb-2026",
    b"\xff",
    b"REVERSE DATE",
]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=12), st.sampled_from([b" ", b""]))
def test_whatever_is_said_is_a_program_that_can_be_answered_or_is_refused(words: list[bytes], between: bytes) -> None:
    text = between.join(words)
    if b"\r" in text.replace(b"{1}\r\n", b"") or b"\n" in text.replace(b"{1}\r\n", b""):
        return
    for parse in (search.parse, sort.parse, thread.parse, esearch.parse):
        with suppress(Refusal):
            arguments: Any = parse(reader(text))
            assert names(arguments.program.key) <= MATCHERS.keys()
