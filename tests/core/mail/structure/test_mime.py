"""What part headers say, read from broken ones too."""

from __future__ import annotations

import pytest

from postroom.mail.structure import BadPacking, bodystructure, dump, load, scan
from postroom.mail.structure.mime import content_type
from tests.core.mail.structure.corpus import multipart


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", (b"text", b"plain", {})),
        (b" Text / HTML ; A = b ", (b"Text", b"HTML", {b"A": b"b"})),
        (b"text/html (comment (nested)); charset(c)=(d)utf-8(e)", (b"text", b"html", {b"charset": b"utf-8"})),
        (b'text/plain; a="b\\"c; d"; e=f', (b"text", b"plain", {b"a": b'b"c; d', b"e": b"f"})),
        (b'text/plain; a="x\r\n\ty"', (b"text", b"plain", {b"a": b"x\ty"})),
        (b"text/plain; a=b c.txt; d=e", (b"text", b"plain", {b"a": b"b", b"d": b"e"})),
        (b"text/plain; foo; a=b", (b"text", b"plain", {b"a": b"b"})),
        (b"text/plain;;; a=b;", (b"text", b"plain", {b"a": b"b"})),
        (b"text/plain; a=; =b", (b"text", b"plain", {b"a": b"", b"": b"b"})),
        (b'text/plain; a="unclosed; b=c', (b"text", b"plain", {b"b": b"c"})),
        (b"text/plain; a=\xe4; b\xe4=c", (b"text", b"plain", {b"a": b"\xe4", b"b\xe4": b"c"})),
        (b"text", (b"text", b"", {})),
        (b"text/", (b"", b"", {})),
        (b"text/plain/x; a=b", (b"", b"", {})),
        (b"te xt/plain", (b"", b"", {})),
        (b"", (b"", b"", {})),
    ],
)
def test_a_content_type_is_read_as_far_as_it_can_be(value: bytes, expected: tuple[bytes, bytes, dict[bytes, bytes]]) -> None:
    type_, subtype, params = content_type(value)
    assert (type_, subtype, dict(params)) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (b"y*1=b; y*0=a; z=1", [(b"z", b"1"), (b"y", b"ab")]),
        (b"y*=utf-8''%e4", [(b"y*", b"utf-8''%e4")]),
        (b"y*0*=utf-8'de'%20; y*1=\"b %\"", [(b"y*", b"utf-8'de'%20b%20%25")]),
        (b"y*0=a; y*1*=%20b", [(b"y*", b"''a%20b")]),
        (b"y*1=b; y*2=c", [(b"y*1", b"b"), (b"y*2", b"c")]),
        (b"y*0=a; y*0=b", [(b"y*0", b"a"), (b"y*0", b"b")]),
        (b"y**=a; *0=b; y*x=c", [(b"y**", b"a"), (b"*0", b"b"), (b"y*x", b"c")]),
        (b"y*99999999999=a", [(b"y*99999999999", b"a")]),
    ],
)
def test_parameters_in_pieces_are_put_together(params: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert list(content_type(b"text/plain; " + params)[2]) == expected


def test_a_boundary_in_pieces_is_a_boundary() -> None:
    assert len(scan(b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\nx\r\n--ab--").children) == 1


def test_bodystructure_tells_all() -> None:
    part = (
        b'Content-Type: TEXT/Plain; CharSet=UTF-8; name="\xfc"\r\nContent-Disposition: attachment; filename="a\r\n b"; size=10\r\n'
        b"Content-Language: de, en\r\nContent-Location: http://x/\r\n y\r\nContent-ID: <a@b>\r\nContent-MD5: abc==\r\n"
        b"Content-Description: =?utf-8?q?x?=\r\nContent-Transfer-Encoding: BASE64 (c)\r\n\r\nx\r\n"
    )
    assert bodystructure(scan(part)) == (
        b'("TEXT" "Plain" ("CharSet" "UTF-8" "name" {1}\r\n\xfc) "<a@b>" "=?utf-8?q?x?=" "BASE64" 3 1 "abc=="'
        b' ("attachment" ("filename" "a b" "size" "10")) ("de" "en") "http://x/ y")'
    )


def test_bodystructure_of_a_multipart_ends_with_its_own_extension() -> None:
    structure = bodystructure(scan(multipart(b"\r\nx", subtype=b"alternative")))
    text = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL)'
    assert structure == b"(" + text + b' "alternative" ("boundary" "b") NIL NIL NIL)'


def test_utf8_may_stand_in_quotes_when_the_client_has_asked_for_it() -> None:
    part = scan('Content-Type: a/b; name="ü"\r\n\r\n'.encode())
    assert b'("name" {2}\r\n\xc3\xbc)' in bodystructure(part)
    assert '("name" "ü")'.encode() in bodystructure(part, utf8=True)


def test_a_structure_survives_packing() -> None:
    part = scan(multipart(b"Content-Type: message/rfc822\r\n\r\nSubject: \xff\r\n\r\nx", b"Content-Language: de\r\n\r\n\xe4"))
    assert load(dump(part)) == part


@pytest.mark.parametrize("data", [b"", b"0[]", b"1", b"1[]", b"1{}", b"1[1,2,3,4,5,6,7,8,[],[],[],0,0,0,0,0,0]", b"\xff"])
def test_what_is_no_packed_structure_is_refused(data: bytes) -> None:
    with pytest.raises(BadPacking):
        load(data)
