"""What a sealer says in ARC-Authentication-Results (RFC 8617 section 4.1.1, RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..dkim.canonical import Field
from ..dkim.verifying import Result

MAX_RESULTS = 4096  # bytes that are taken over from one field

_FOLD = re.compile(rb"[ \t\r\n]+")
_SAFE = re.compile(r"[^A-Za-z0-9 ()._-]")


def authentication_results(ours: Sequence[Field], authority: str, signatures: Sequence[Result], cv: str) -> str:
    """The text behind the instance: our name and what was found about the message.

    ``ours``: the lines that our own checks have put on top (a field below them with our name in it is a forgery, RFC 8601 section 5);
    what they say in Authentication-Results is taken over, else the ``signatures`` as they verify now. The state of the chain stands
    at the end.
    """
    said = _said(ours, authority)
    methods = said or [_dkim(one) for one in signatures] or ["dkim=none"]
    return "; ".join([authority, *[one for one in methods if not one.startswith("arc=")], f"arc={cv}"])


def _said(ours: Sequence[Field], authority: str) -> list[str]:
    methods: list[str] = []
    for one in ours:
        if one.name != b"authentication-results":
            continue
        text = _FOLD.sub(b" ", one.value).strip()
        name, _, rest = text.partition(b";")
        if name.split(b" ")[0].lower() != authority.lower().encode() or len(rest) > MAX_RESULTS or not text.isascii():
            continue
        methods += [item.strip() for item in rest.decode("ascii").split(";") if item.strip() and item.strip() != "none"]
    return methods


def _dkim(one: Result) -> str:
    reason = _SAFE.sub("_", one.reason)
    text = f"dkim={one.status}" + (f" ({reason})" if reason else "")
    if one.signature is None:
        return text
    return f"{text} header.d={one.signature.domain} header.s={one.signature.selector}"
