"""Where parts begin and end: exact on ugly mail, the same however the bytes arrive, linear, bounded."""

from __future__ import annotations

import time
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.structure import Part, body, scan, walk
from postroom.mail.structure import scanner as scanning
from tests.core.mail.structure.corpus import MESSAGES, multipart

TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d)'
HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def fed(message: bytes, size: int) -> Part:
    return scan(message[start : start + size] for start in range(0, len(message), size))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", TEXT % (0, 0)),
        (b"\r\nonly a body\r\n", TEXT % (13, 1)),
        (b"no header at all\r\n", TEXT % (0, 0)),
        (b"A: b\r\n\r\nx\r\nyy", TEXT % (5, 1)),
        (b"A: b\n\nx\n", TEXT % (2, 1)),
        (HEAD, b"(" + TEXT % (0, 0) + b' "mixed")'),
        (HEAD + b"no parts\r\n", b"(" + TEXT % (0, 0) + b' "mixed")'),
        (b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx", b"(" + TEXT % (0, 0) + b' "mixed")'),
        (HEAD + b"--b\r\n\r\nunclosed\r\n", b"(" + TEXT % (10, 1) + b' "mixed")'),
        (HEAD + b"pre\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nafter", b"(" + TEXT % (3, 0) + b' "mixed")'),
        (HEAD + b"--b\r\nX: y\r\n--b\r\n\r\ntwo\r\n--b--", b"(" + TEXT % (0, 0) + TEXT % (3, 0) + b' "mixed")'),
        (HEAD + b"--b\n\none\n--b--\n", b"(" + TEXT % (3, 0) + b' "mixed")'),
        (HEAD + b"--b \t\r\n\r\none\r\n--b-- \r\n", b"(" + TEXT % (3, 0) + b' "mixed")'),
        (HEAD + b"--", b"(" + TEXT % (0, 0) + b' "mixed")'),
    ],
)
def test_bodies_are_measured(message: bytes, expected: bytes) -> None:
    assert body(scan(message)) == expected


def test_a_part_that_is_not_closed_ends_with_the_one_around_it() -> None:
    inner = b"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\ndeep\r\n"
    found = scan(multipart(inner, b"\r\nnext\r\n"))
    assert body(found) == b"((" + TEXT % (6, 1) + b' "alternative")' + TEXT % (6, 1) + b' "mixed")'


@pytest.mark.parametrize("boundary", [b"b", b"bb"])
def test_nested_boundaries_may_be_equal_or_begin_with_each_other(boundary: bytes) -> None:
    inner = multipart(b"\r\ninner", boundary=boundary, subtype=b"alternative")
    assert body(scan(multipart(inner, b"\r\nouter"))) == b"((" + TEXT % (5, 0) + b' "alternative")' + TEXT % (5, 0) + b' "mixed")'


def test_in_a_digest_parts_are_messages_unless_they_say_otherwise() -> None:
    found = scan(multipart(b"\r\nSubject: s\r\n\r\nx", b"Content-Type: text/plain\r\n\r\ny", subtype=b"digest"))
    assert [part.type for part in found.children] == [b"message", b"text"]
    assert b'"s"' in found.children[0].envelope


@pytest.mark.parametrize("subtype", [b"rfc822", b"global"])
def test_an_embedded_message_is_scanned_with_its_envelope(subtype: bytes) -> None:
    found = scan(b"Content-Type: message/%s\r\n\r\nSubject: s\r\n\r\nbody\r\n" % subtype)
    assert found.message is not None
    assert (found.lines, found.message.header_start, found.message.size) == (3, found.body_start, 6)


def test_offsets_name_the_bytes_of_header_and_body() -> None:
    message = multipart(b"X: y\r\n\r\none", b"\r\ntwo")
    first, second = scan(message).children
    assert message[first.header_start : first.body_start] == b"X: y\r\n\r\n"
    assert (message[first.body_start : first.end], message[second.body_start : second.end]) == (b"one", b"two")


@given(MESSAGES, st.integers(1, 40))
def test_the_size_of_the_pieces_makes_no_difference(message: bytes, size: int) -> None:
    assert fed(message, size) == scan(message)


@given(MESSAGES)
def test_parts_lie_inside_each_other_in_order(message: bytes) -> None:
    root = scan(message)
    assert (root.header_start, root.end) == (0, len(message))
    for part in walk(root):
        assert part.header_start <= part.body_start <= part.end
        assert part.lines == message.count(b"\n", part.body_start, part.end)
        edges = [edge for child in part.children for edge in (child.header_start, child.end)]
        assert edges == sorted(edges)
        assert all(part.body_start <= edge <= part.end for edge in edges)


def test_a_long_header_counts_in_full_though_only_its_beginning_is_read() -> None:
    message = b"Subject: s\r\n" + b"X: y\r\n" * 60_000 + b"Content-Type: text/html\r\n\r\nbody"
    for found in (scan(message), fed(message, 70_000)):
        assert (found.subtype, found.size) == (b"plain", 4)


def test_depth_is_bounded() -> None:
    message = b"".join(b"Content-Type: multipart/mixed; boundary=b%dx\r\n\r\n--b%dx\r\n" % (level, level) for level in range(500))
    parts = walk(scan(message))
    assert len(parts) == scanning.MAX_DEPTH + 1
    assert parts[-1].type == b"application"


def test_the_number_of_parts_is_bounded() -> None:
    message = HEAD + b"--b\r\n\r\n" * (scanning.MAX_PARTS * 2) + b"--b--"
    parts = walk(scan(message))
    assert len(parts) == scanning.MAX_PARTS
    assert parts[-1].end == len(message)


NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%dx\r\n\r\n--b%dx\r\n" % (level, level) for level in range(49))


@pytest.mark.parametrize(
    "message",
    [
        HEAD + b"--" * 2_000_000,
        HEAD + b"\r\n--" * 1_000_000,
        HEAD + b"--b\r\n" * 800_000,
        HEAD + b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n" * 80_000,
        NESTED + b"\r\n--b\r\n" * 500_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 120_000,
        b"\n" * 4_000_000,
        b"Content-Type: text/plain; " + b"a*1=b;" * 600_000,
        b"Content-Type: text/plain; a=" + b'"\\' * 120_000,
        b"Content-Type: text/plain; " + b"(" * 240_000,
        b"Content-Type: " + b" " * 240_000 + b"\r\n\r\n",
        b"Content-Type: text" + b" (" * 100_000,
    ],
    ids=range(12),
)
def test_hostile_messages_cost_time_in_proportion_to_their_length(message: bytes) -> None:
    begin = time.process_time()
    scan(message)
    assert time.process_time() - begin < 2.0


def leaves(part: Part, message: bytes) -> list[tuple[str, bytes]]:
    return [
        (f"{leaf.type.decode()}/{leaf.subtype.decode()}", message[leaf.body_start : leaf.end]) for leaf in walk(part) if not leaf.children
    ]


@given(st.lists(st.tuples(st.text("ab \n", max_size=60), st.binary(max_size=60)), max_size=4), st.booleans())
def test_sane_messages_are_understood_as_the_standard_library_does(parts: list[tuple[str, bytes]], alternative: bool) -> None:
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = "a@b.c"
    made.set_content("hello\n")
    if alternative:
        made.add_alternative("<p>hello</p>\n", subtype="html")
    for text, data in parts:
        made.add_attachment(text)
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename="a.bin")
    message = bytes(made)
    other = [part for part in message_from_bytes(message).walk() if not part.is_multipart()]
    expected = [(part.get_content_type(), str(part.get_payload()).encode()) for part in other]
    assert leaves(scan(message), message) == expected
