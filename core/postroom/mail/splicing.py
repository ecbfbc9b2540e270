"""A message with some of its bytes replaced: what rewrites a part or a field makes of it, all other bytes being as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .message import Message

HEAD = 256 * 1024  # bytes that a Message keeps of its beginning


class Edit(NamedTuple):
    """Bytes ``start`` to ``end`` of a message become ``data``."""

    start: int
    end: int
    data: bytes


def spliced(message: Message, edits: Iterable[Edit]) -> Message:
    """The message with these edits, which must not overlap."""
    ordered = sorted(edits)
    size = message.size + sum(len(edit.data) - (edit.end - edit.start) for edit in ordered)
    return Message(_beginning(_chunks(message, ordered)), size, lambda: _chunks(message, ordered))


def merged(data: bytes, edits: Iterable[Edit]) -> Edit:
    """One edit that does the same as all of these, which are of ``data``, the beginning of a message. There must be at least one."""
    ordered = sorted(edits)
    parts, done = [], ordered[0].start
    for start, end, new in ordered:
        parts += [data[done:start], new]
        done = end
    return Edit(ordered[0].start, done, b"".join(parts))


def _beginning(chunks: Iterable[bytes]) -> bytes:
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= HEAD:
            break
    return b"".join(parts)[:HEAD]


def _chunks(message: Message, edits: Sequence[Edit]) -> Iterator[bytes]:
    waiting, offset, done = list(edits[::-1]), 0, 0  # done: bytes of the original that are given or replaced
    for chunk in message.chunks():
        end = offset + len(chunk)
        while waiting and waiting[-1].start <= end:
            edit = waiting.pop()
            if edit.start > done:
                yield chunk[done - offset if done > offset else 0 : edit.start - offset]
            if edit.data:
                yield edit.data
            done = max(done, edit.end)
        if done < end:
            yield chunk[done - offset if done > offset else 0 :]
            done = end
        offset = end
    for edit in reversed(waiting):
        if edit.data:
            yield edit.data


def part_of(message: Message, start: int, end: int) -> bytes:
    """Bytes ``start`` to ``end`` of a message."""
    found, offset = [], 0
    for chunk in message.chunks():
        if offset + len(chunk) > start:
            found.append(chunk[max(start - offset, 0) : end - offset])
        offset += len(chunk)
        if offset >= end:
            break
    return b"".join(found)
