"""BODYSTRUCTURE and BODY (RFC 3501 7.4.2, RFC 9051 7.5.2) of a part and all that is in it."""

from __future__ import annotations

from .part import EMBEDDED, Parameters, Part
from .writing import nstring, string

# A multipart without parts is against the grammar, and in use: clients are shown an empty text.
_EMPTY = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_EMPTY_EXTENDED = _EMPTY[:-1] + b" NIL NIL NIL NIL)"
_NO_ENVELOPE = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def bodystructure(part: Part, *, utf8: bool = False) -> bytes:
    """The structure with extension data."""
    return _render(part, extended=True, utf8=utf8)


def body(part: Part, *, utf8: bool = False) -> bytes:
    """The structure without extension data."""
    return _render(part, extended=False, utf8=utf8)


def _render(part: Part, *, extended: bool, utf8: bool) -> bytes:
    if part.multipart:
        return _multipart(part, extended, utf8)
    text = part.type.lower() == b"text"
    written = [
        string(part.type, utf8=utf8),
        string(part.subtype, utf8=utf8),
        _parameters(part.params, utf8, text=text),
        nstring(part.id, utf8=utf8),
        nstring(part.description, utf8=utf8),
        string(part.encoding or b"7bit", utf8=utf8),
        b"%d" % part.size,
    ]
    if text:
        written.append(b"%d" % part.lines)
    elif part.type.lower() == b"message" and part.subtype.lower() in EMBEDDED:
        inner = _render(part.children[0], extended=extended, utf8=utf8) if part.children else _EMPTY_EXTENDED if extended else _EMPTY
        written += [part.envelope or _NO_ENVELOPE, inner, b"%d" % part.lines]
    if extended:
        written += [nstring(part.md5, utf8=utf8), *_extension(part, utf8)]
    return b"(%s)" % b" ".join(written)


def _multipart(part: Part, extended: bool, utf8: bool) -> bytes:
    children = b"".join(_render(child, extended=extended, utf8=utf8) for child in part.children)
    written = [children or (_EMPTY_EXTENDED if extended else _EMPTY), string(part.subtype, utf8=utf8)]
    if extended:
        written += [_parameters(part.params, utf8), *_extension(part, utf8)]
    return b"(%s)" % b" ".join(written)


def _extension(part: Part, utf8: bool) -> tuple[bytes, bytes, bytes]:
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(%s %s)" % (string(part.disposition, utf8=utf8), _parameters(part.disposition_params, utf8))
    language = b"(%s)" % b" ".join(map(string, part.language)) if part.language else b"NIL"
    return disposition, language, nstring(part.location, utf8=utf8)


def _parameters(params: Parameters, utf8: bool, *, text: bool = False) -> bytes:
    """``text``: a text without a character set is in US-ASCII, and clients are told so (RFC 2046 4.1.2)."""
    written = [string(word, utf8=utf8) for pair in params for word in pair]
    if text and all(name.lower() != b"charset" for name, _ in params):
        written.append(b'"charset" "us-ascii"')
    return b"(%s)" % b" ".join(written) if written else b"NIL"
