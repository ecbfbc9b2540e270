"""DEFLATE on a connection (RFC 1951, as RFC 4978 uses it): what is sent and received in bounded memory.

What comes out of a few received bytes can be a thousand times as much, so it is taken out in pieces of a bounded size, and what is
not yet taken out stays compressed. Each flush ends on a byte boundary and nothing behind it refers to what stood before the packer
was made, so that the 256 KB of a packer can be given up while nothing is said.
"""

from __future__ import annotations

import zlib
from typing import Any

PIECE = 65_536  # bytes that one call of ``unpack`` gives at most
LEVEL = 3  # of 9: mail text shrinks to nearly the same size as with 6, in half the time
RAW = -15  # no header, no checksum; a window of 32 KB, which RFC 4978 section 3 takes for granted


class BadData(Exception):
    """What came is no DEFLATE data, or is its end: nothing can follow."""


class Compression:
    """One compressed connection."""

    __slots__ = ("_more", "_packer", "_rest", "_unpacker")

    def __init__(self) -> None:
        self._unpacker: Any = zlib.decompressobj(RAW)
        self._packer: Any = None
        self._rest = b""  # received and not yet unpacked
        self._more = False  # the last piece was a whole one, so the unpacker may hold more of what it has taken in

    def feed(self, data: bytes) -> None:
        """Take what was received; then call ``unpack`` until it gives nothing."""
        self._rest += data

    def unpack(self) -> bytes:
        """The next piece of what was received, b"" when more must be received first. Raises BadData."""
        if not self._rest and not self._more:
            return b""
        try:
            data: bytes = self._unpacker.decompress(self._rest, PIECE)
        except zlib.error as error:
            raise BadData(str(error)) from error
        self._rest, self._more = self._unpacker.unconsumed_tail, len(data) >= PIECE
        if self._unpacker.eof:
            raise BadData("the compressed data have an end")
        return data

    def pack(self, data: bytes) -> bytes:
        """``data`` as it is sent, complete: the peer can unpack all of it (RFC 4978 section 4)."""
        if self._packer is None:
            self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
        packed: bytes = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return packed

    def rest(self) -> None:
        """Nothing will be sent for a while: give up the memory of the packer."""
        self._packer = None
