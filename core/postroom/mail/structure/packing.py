"""Parts as bytes and back, so that a structure can be kept in the database: JSON, because it is quick and runs nothing."""

from __future__ import annotations

import json
from typing import Any

from .part import Parameters, Part

VERSION = b"1"  # the first byte; a new version needs a new name of the kind in postroom.store.kept


class BadPacking(ValueError):
    """These bytes are not a part as ``dump`` writes it."""


def dump(part: Part) -> bytes:
    """The part and all that is in it; as many bytes as its strings and a little more."""
    return VERSION + json.dumps(_listed(part), separators=(",", ":"), ensure_ascii=False).encode("latin-1")


def load(data: bytes) -> Part:
    """The part that was dumped. Raises BadPacking."""
    if data[:1] != VERSION:
        raise BadPacking("written by another release")
    try:
        return _part(json.loads(data[1:].decode("latin-1")))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadPacking(str(error)) from None


def _listed(part: Part) -> list[Any]:
    texts = [part.type, part.subtype, part.id, part.description, part.encoding, part.disposition, part.location, part.md5]
    return [
        *(None if text is None else text.decode("latin-1") for text in texts),
        *([word.decode("latin-1") for pair in pairs for word in pair] for pairs in (part.params, part.disposition_params)),
        [word.decode("latin-1") for word in part.language],
        part.header_start,
        part.body_start,
        part.end,
        part.lines,
        part.envelope.decode("latin-1"),
        [_listed(child) for child in part.children],
    ]


def _part(listed: list[Any]) -> Part:
    type_, subtype, id_, description, encoding, disposition, location, md5, params, disposition_params, language, *rest = listed
    header_start, body_start, end, lines, envelope, children = rest
    return Part(
        type_.encode("latin-1"),
        subtype.encode("latin-1"),
        _pairs(params),
        _bytes(id_),
        _bytes(description),
        _bytes(encoding),
        _bytes(disposition),
        _pairs(disposition_params),
        tuple(word.encode("latin-1") for word in language),
        _bytes(location),
        _bytes(md5),
        header_start,
        body_start,
        end,
        lines,
        envelope.encode("latin-1"),
        [_part(child) for child in children],
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def _pairs(words: list[str]) -> Parameters:
    encoded = [word.encode("latin-1") for word in words]
    return tuple(zip(encoded[::2], encoded[1::2], strict=True))
