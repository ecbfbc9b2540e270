"""Adding a link to the chain of a message that is passed on (RFC 8617 section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..dkim.canonical import Field, field
from ..dkim.keys import PrivateKey
from ..dkim.signing import Plan, arc_tags, finished, folded, in_lines
from .chain import Chain
from .sets import Set, sealed_bytes

_PIECE = re.compile(r"[^ ]+ ?")
WIDTH = 76


def seal(found: Sequence[Field], body_hash: bytes, chain: Chain, results: str, key: PrivateKey, plan: Plan, now: int) -> list[bytes]:
    """The three fields of the next set in the order from the top, without line ends at their ends; [] when nobody may add to the chain.

    ``found``: the header of the message (``dkim.canonical.fields``); ``body_hash``: of its body in ``plan.body_form``; ``chain``: what
    ``validate`` has said about the message as it came; ``results``: as ``authentication_results`` makes them; ``now``: epoch seconds.
    """
    if chain.closed or chain.temporary:
        return []
    instance = chain.highest + 1
    said = _wrapped(f"ARC-Authentication-Results: i={instance}; {results}")
    signature = finished("ARC-Message-Signature", arc_tags(instance, key, plan, now), found, body_hash, key, plan)
    tags = [f"i={instance}", f"a={key.algorithm}", f"t={now}", f"cv={chain.cv}", f"d={plan.domain}", f"s={plan.selector}", "b="]
    draft = folded("ARC-Seal", tags)
    newest = Set(instance, field(said), field(signature), field(draft))
    before = () if chain.cv == "fail" else chain.sets  # section 5.1.2: a seal of a broken chain covers its own set alone
    return [draft + in_lines(key.sign(sealed_bytes([*before, newest]))), signature, said]


def _wrapped(text: str) -> bytes:
    """A field folded at spaces."""
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        if line and len(line) + len(piece.rstrip()) > WIDTH:
            lines.append(line.rstrip())
            line = "\t"
        line += piece
    return "\r\n".join([*lines, line.rstrip()]).encode("ascii")
