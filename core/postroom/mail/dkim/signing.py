"""Making signatures: the header field that goes on top of a message (RFC 6376 section 5)."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .canonical import Field, field, signed_bytes
from .keys import PrivateKey

# What a message is for its reader (section 5.4.1), and what lists and programs act on
SIGNED = (
    "From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "In-Reply-To", "References",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-ID", "Content-Description",
    "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Message-ID",
    "List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
    "Auto-Submitted",
)  # fmt: skip
# Named once more than they are there, so that none can be added afterwards (section 8.15)
OVERSIGNED = ("From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type")

# What changes on the way or is added there (section 5.4.1), and what RFC 8617 section 4.1.2 forbids
NEVER = frozenset({
    "return-path", "received", "comments", "keywords", "bcc", "resent-bcc", "authentication-results",
    "arc-seal", "arc-message-signature", "arc-authentication-results",
})  # fmt: skip

MOST = 200  # names in h=
WIDTH = 76


@dataclass(frozen=True, slots=True)
class Plan:
    """How to sign. ``identity``: the text of ``i=`` ("" leaves it out); ``lasts``: seconds until ``x=``, None leaves it out."""

    domain: str  # A-labels
    selector: str
    header_form: str = "relaxed"
    body_form: str = "relaxed"
    signed: Sequence[str] = SIGNED
    oversigned: Sequence[str] = OVERSIGNED
    identity: str = ""
    lasts: int | None = None


def sign(found: Sequence[Field], body_hash: bytes, key: PrivateKey, plan: Plan, now: int) -> bytes:
    """The DKIM-Signature field, folded, without the line end at its end. ``now``: epoch seconds, for ``t=``.

    ``found``: the header of the message (``canonical.fields``); ``body_hash``: of its body in ``plan.body_form``.
    """
    times = [f"t={now}"] + ([] if plan.lasts is None else [f"x={now + plan.lasts}"])
    tags = ["v=1", *_who(key, plan), *([f"i={plan.identity}"] if plan.identity else []), *times]
    return finished("DKIM-Signature", tags, found, body_hash, key, plan)


def _who(key: PrivateKey, plan: Plan) -> list[str]:
    return [f"a={key.algorithm}", f"c={plan.header_form}/{plan.body_form}", f"d={plan.domain}", f"s={plan.selector}"]


def arc_tags(instance: int, key: PrivateKey, plan: Plan, now: int) -> list[str]:
    """The tags of an ARC-Message-Signature before h= (RFC 8617 section 4.1.2)."""
    return [f"i={instance}", *_who(key, plan), f"t={now}"]


def finished(name: str, tags: Sequence[str], found: Sequence[Field], body_hash: bytes, key: PrivateKey, plan: Plan) -> bytes:
    """A signature's field of its first tags, with h=, bh= and b= behind them."""
    names = names_to_sign(found, plan.signed, plan.oversigned)
    draft = folded(name, [*tags, "h=" + ":".join(names), "bh=" + binascii.b2a_base64(body_hash, newline=False).decode("ascii"), "b="])
    data = signed_bytes(found, [one.encode("ascii") for one in names], field(draft), plan.header_form)
    return draft + in_lines(key.sign(data))


def names_to_sign(found: Iterable[Field], signed: Iterable[str], oversigned: Iterable[str]) -> list[str]:
    """The names for ``h=``: one for each field that is there, and one more for those that may not be added to."""
    there = Counter(one.name for one in found)
    more = {name.lower() for name in oversigned} | {"from"}
    order = dict.fromkeys(name.lower() for name in ("From", *signed, *oversigned))
    names = [name for name in order if name not in NEVER for _ in range(there[name.encode("ascii")] + (name in more))]
    return names[:MOST]


def folded(name: str, tags: Sequence[str]) -> bytes:
    """A field of tags, folded between them and, in long lists, behind a colon."""
    lines, line = [], f"{name}:"
    for tag in tags[:-1]:
        pieces = tag.split(":") if tag.startswith("h=") else [tag]
        for number, piece in enumerate(pieces):
            text = piece + (":" if number + 1 < len(pieces) else ";")
            space = "" if number else " "
            if len(line) + len(space + text) > WIDTH and line.strip():
                lines.append(line)
                line, space = "\t", ""
            line += space + text
    lines.append(line)
    return "\r\n".join([*lines, "\t" + tags[-1]]).encode("ascii")


def in_lines(signature: bytes) -> bytes:
    """Base64 of a signature, folded."""
    text = binascii.b2a_base64(signature, newline=False)
    pieces = [text[:70], *(text[start : start + 72] for start in range(70, len(text), 72))]
    return b"\r\n\t".join(pieces)
