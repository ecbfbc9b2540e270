"""The arguments of the commands about folders: each as it is meant, none that takes the reader by surprise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom_imap4_server.commands import create, getmetadata, setacl, setmetadata, setquota, status
from postroom_imap4_server.commands.create import Creation
from postroom_imap4_server.commands.getmetadata import Wanted
from postroom_imap4_server.commands.setacl import Grant
from postroom_imap4_server.grammar.listing import Listing, read_list
from postroom_imap4_server.grammar.reader import Reader
from postroom_imap4_server.limits import ImapLimits
from postroom_imap4_server.refusals import Bad, Refusal

from .source import Bytes, reader

Parse = Callable[[Reader], Any]
SUBSCRIBED, SPECIAL = frozenset({b"SUBSCRIBED"}), frozenset({b"SPECIAL-USE"})

MEANT: list[tuple[Parse, bytes, Any]] = [
    (read_list, b'"" *', Listing("", ("*",))),
    (read_list, b'Work/ "%"', Listing("Work/", ("%",))),
    (read_list, b"{0}\r\n {1}\r\n*", Listing("", ("*",))),
    (read_list, b'"" (a "b" {1}\r\nc)', Listing("", ("a", "b", "c"), extended=True)),
    (read_list, b'() "" *', Listing("", ("*",), extended=True)),
    (read_list, b'(subscribed SUBSCRIBED) "" *', Listing("", ("*",), SUBSCRIBED, extended=True)),
    (read_list, b'"" * return (Special-Use)', Listing("", ("*",), returns=SPECIAL, extended=True)),
    (
        read_list,
        b'"" * RETURN (STATUS (messages unseen) SUBSCRIBED METADATA (/private/A))',
        Listing("", ("*",), returns=SUBSCRIBED, status=(b"MESSAGES", b"UNSEEN"), metadata=("/private/a",), extended=True),
    ),
    (create.parse, b"a/b/", Creation("a/b", "a/b", "")),
    (create.parse, b"a (USE (\\Sent \\Drafts))", Creation("a", "a", "\\Sent \\Drafts")),
    (status.parse, b"inbox (messages MESSAGES)", ("INBOX", (b"MESSAGES",))),
    (setacl.parse, b"a bob +lrcd", Grant("a", "bob", "add", "lrkxte")),
    (setacl.parse, b'a -bob ""', Grant("a", "-bob", "set", "")),
    (setquota.parse, b'"" (storage 512)', ("", {b"STORAGE": 512})),
    (setquota.parse, b'"" ()', ("", {})),
    (getmetadata.parse, b'"" /shared/Comment', Wanted("", ("/shared/comment",))),
    (getmetadata.parse, b"(DEPTH infinity MAXSIZE 9) a (/private /shared/x)", Wanted("a", ("/private", "/shared/x"), 9, -1)),
    (getmetadata.parse, b"a (depth 1) /private/x", Wanted("a", ("/private/x",), None, 1)),
    (setmetadata.parse, b"a (/private/x NIL /private/y {1}\r\nz)", ("a", {"/private/x": None, "/private/y": b"z"})),
    (setmetadata.parse, b'a (/private/x "NIL" /private/y ~{1}\r\n\0)', ("a", {"/private/x": b"NIL", "/private/y": b"\0"})),
]  # fmt: skip

WRONG: list[tuple[Parse, bytes]] = [
    (read_list, b'"" * '),
    (read_list, b'"" * RETURN'),
    (read_list, b'"" * RETURN (STATUS)'),
    (read_list, b'"" ()'),
    (read_list, b"(RECURSIVEMATCH SPECIAL-USE) a b"),
    (read_list, b'"" *("'),
    (create.parse, b"a ()"),
    (create.parse, b"a (USE (Sent))"),
    (status.parse, b"a MESSAGES"),
    (setacl.parse, b"a b +-l"),
    (setquota.parse, b'"" (STORAGE -1)'),
    (setquota.parse, b'"" (STORAGE 99999999999999999999)'),
    (getmetadata.parse, b"a /"),
    (getmetadata.parse, b"a /private/"),
    (getmetadata.parse, b"(DEPTH 2) a /private/x"),
    (setmetadata.parse, b"a ()"),
    (setmetadata.parse, b"a (/private/x)"),
    (setmetadata.parse, b"a (/private/x x y)"),
]


@pytest.mark.parametrize(("parse", "written", "meant"), MEANT)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_arguments_are_read_as_they_are_meant(parse: Parse, written: bytes, meant: object, size: int) -> None:
    assert parse(Reader(Bytes(written + b"\r\nnext", size), ImapLimits(), known=True)) == meant


@pytest.mark.parametrize(("parse", "written"), [*WRONG, *((parse, written + b" more") for parse, written, _ in MEANT)])
def test_what_is_no_argument_is_refused(parse: Parse, written: bytes) -> None:
    with pytest.raises(Bad):
        parse(reader(written + b"\r\n"))


PIECES = st.sampled_from([written for _, written, _ in MEANT] + [written for _, written in WRONG])


@given(st.sampled_from([parse for parse, _, _ in MEANT]), PIECES, PIECES, st.integers(0, 60), st.integers(0, 60), st.binary(max_size=6))
def test_whatever_comes_is_understood_or_refused(parse: Parse, one: bytes, two: bytes, cut: int, end: int, noise: bytes) -> None:
    with suppress(Refusal, EOFError):
        parse(reader(one[:cut] + noise + two[end:] + b"\r\n"))
