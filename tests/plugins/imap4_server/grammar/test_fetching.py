"""What FETCH asks for: items, sections, modifiers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.grammar.fetching import Item, Modifiers, Of, Section, read_request
from postroom_imap4_server.grammar.numbers import NumberSet
from postroom_imap4_server.refusals import Bad, Refusal

from .source import reader

PEEK, READ = True, False


@pytest.mark.parametrize(
    ("written", "items"),
    [
        (b"flags", [Item("FLAGS")]),
        (b"(UID Flags uid)", [Item("UID"), Item("FLAGS")]),
        (b"FAST", [Item("FLAGS"), Item("INTERNALDATE"), Item("RFC822.SIZE")]),
        (b"BODY", [Item("BODY")]),
        (b"BODY[]", [Item("BODY", Section(), READ)]),
        (b"BODY.PEEK[]<0.100>", [Item("BODY", Section(), PEEK, 0, 100)]),
        (b"BODY[1.2.mime]", [Item("BODY", Section((1, 2), Of.MIME), READ)]),
        (b"BODY[3.header]", [Item("BODY", Section((3,), Of.HEADER), READ)]),
        (b"BODY[TEXT]", [Item("BODY", Section((), Of.TEXT), READ)]),
        (b"BODY[HEADER.FIELDS (From {2}\r\nTo)]", [Item("BODY", Section((), Of.FIELDS, (b"From", b"To")), READ)]),
        (b'BODY.PEEK[2.HEADER.FIELDS.NOT ("a")]', [Item("BODY", Section((2,), Of.NOT_FIELDS, (b"a",)), PEEK)]),
        (b"BINARY[1]", [Item("BINARY", Section((1,)), READ)]),
        (b"BINARY.PEEK[]<5.1>", [Item("BINARY", Section(), PEEK, 5, 1)]),
        (b"BINARY.SIZE[1.1]", [Item("BINARY.SIZE", Section((1, 1)), PEEK)]),
        (b"RFC822", [Item("RFC822", Section(), READ)]),
        (b"PREVIEW (LAZY)", [Item("PREVIEW", lazy=True)]),
        (b"(PREVIEW SAVEDATE)", [Item("PREVIEW"), Item("SAVEDATE")]),
    ],
)
def test_items_are_read(written: bytes, items: list[Item]) -> None:
    found = read_request(reader(b"1:3 " + written))
    assert (found.numbers, list(found.items)) == (NumberSet(((1, 3),)), items)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Item("FLAGS"), b"FLAGS"),
        (Item("RFC822.TEXT", Section(of=Of.TEXT)), b"RFC822.TEXT"),
        (Item("BODY", Section((1, 2), Of.MIME)), b"BODY[1.2.MIME]"),
        (Item("BODY", Section(), PEEK, 7, 9), b"BODY[]<7>"),
        (Item("BODY", Section((), Of.FIELDS, (b"To", b"x y"))), b'BODY[HEADER.FIELDS (To "x y")]'),
        (Item("BINARY.SIZE", Section((3,))), b"BINARY.SIZE[3]"),
    ],
)
def test_items_are_named_in_the_response(item: Item, said: bytes) -> None:
    assert bytes(item) == said


@pytest.mark.parametrize(
    ("written", "modifiers"),
    [
        (b"(CHANGEDSINCE 5)", Modifiers(5)),
        (b"(changedsince 5 vanished)", Modifiers(5, vanished=True)),
        (b"(PARTIAL -1:-30 CHANGEDSINCE 0)", Modifiers(0, partial=(-1, -30))),
        (b"(PARTIAL 4:2)", Modifiers(partial=(4, 2))),
    ],
)
def test_modifiers_are_read(written: bytes, modifiers: Modifiers) -> None:
    assert read_request(reader(b"1 FLAGS " + written)).modifiers == modifiers


@pytest.mark.parametrize(
    "wrong",
    [b"", b"()", b"FLAGS ", b"FLAGS UID", b"BODY[", b"BODY[]]", b"BODY[1", b"BODY[01]", b"BODY[1..2]", b"BODY[1.HEADERS]", b"BODY[MIME]",
     b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]", b"BODY[]<1.2", b"BODY[]<-1.2>", b"BODY.SIZE[1]", b"FLAGS[]", b"BINARY[HEADER]",
     b"PREVIEW (NOW)", b"FLAGS (VANISHED)", b"FLAGS ()", b"FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)", b"FLAGS (PARTIAL 0:1)"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(wrong: bytes) -> None:
    with pytest.raises(Bad):
        read_request(reader(b"1 " + wrong))


WORDS = [
    b"BODY",
    b".PEEK",
    b"[",
    b"]",
    b"HEADER",
    b".FIELDS",
    b" (",
    b")",
    b"1",
    b".",
    b"<0.5>",
    b"BINARY",
    b"FLAGS",
    b" ",
    b"{2}\r\nab",
    b"\xff",
]


@given(st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join))
def test_nothing_but_a_refusal_comes_of_nonsense(written: bytes) -> None:
    with suppress(Refusal):
        for item in read_request(reader(b"1 " + written)).items:
            bytes(item)
