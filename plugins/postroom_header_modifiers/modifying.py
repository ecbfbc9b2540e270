"""One rule applied to a header."""

from __future__ import annotations

from collections.abc import Callable

from postroom.mail.envelope import Envelope
from postroom.mail.header_edits import encoded, line, places, replaced
from postroom.mail.headers import decode, unfold
from postroom.mail.local_domains import fold_address
from postroom.mail.message import Message
from postroom.mail.splicing import Edit, merged
from postroom.sending.patterns import Wildcard

from .settings import NEEDED, STRUCTURE, Rule

LINE = 990  # octets that a line may have, and a few for what ends it (RFC 5322 section 2.1.1)
# RFC 5322 section 3.6: at most one of each
SINGLE = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date",
})  # fmt: skip


class Ready:
    """A rule with its patterns compiled."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._senders = [Wildcard(fold_address(pattern)) for pattern in rule.when.sender]
        self._recipients = [Wildcard(fold_address(pattern)) for pattern in rule.when.recipient]
        self._headers = {name: Wildcard(pattern.lower()) for name, pattern in rule.when.header.items()}
        self._name = Wildcard(rule.field.lower())

    def holds(self, message: Message, envelope: Envelope, *, outgoing: bool) -> bool:
        """Whether the rule is for this message."""
        own = "local" if envelope.local_origin or envelope.user is not None else "forwarded"
        if self.rule.mail not in {"any", "outgoing" if outgoing else "internal"} or self.rule.origin not in {"any", own}:
            return False
        if self._senders and not _one_matches(self._senders, [envelope.sender]):
            return False
        if self._recipients and not _one_matches(self._recipients, [one.address for one in envelope.recipients]):
            return False
        return all(any(pattern.matches(value.lower()) for value in message.all(name)) for name, pattern in self._headers.items())

    def edit(self, message: Message) -> Edit | None:
        """What the rule changes in this message; None when there is nothing to change."""
        header = message.head[: message.header_size]
        edits = ACTIONS[self.rule.action](self, header)
        return merged(header, edits) if edits else None  # thousands of small pieces would be slow to store

    def add(self, header: bytes) -> list[Edit]:
        """A new field on top, unless there may be only one and one is there."""
        name = self.rule.field.lower()
        if name in SINGLE and any(one.name == name for one in places(header)):
            return []
        return [Edit(0, 0, line(self.rule.field, self.rule.value))]

    def remove(self, header: bytes) -> list[Edit]:
        """No field of that name, or of those names."""
        found = (one for one in places(header) if one.name not in STRUCTURE | NEEDED)
        return [Edit(one.start, one.end, b"") for one in found if self._name.matches(one.name)]

    def replace(self, header: bytes) -> list[Edit]:
        """One field with the value."""
        return replaced(header, self.rule.field, self.rule.value)

    def prefix(self, header: bytes) -> list[Edit]:
        """The value in front of that of the first field, where it is not there already."""
        value = self.rule.value
        for one in places(header):
            if one.name != self.rule.field.lower():
                continue
            written = header[one.start : one.end].partition(b":")[2]
            if decode(unfold(written)).lower().startswith(value.strip().lower()):
                return []
            if not value.isascii():  # between two encoded words white space is not shown: it goes into the first (RFC 2047 section 6.2)
                value = encoded(value if written.lstrip().startswith(b"=?") else value.rstrip(), len(self.rule.field) + 2) + " "
            start, rest = one.end - len(written), written.lstrip(b" \t")
            data = b" " + value.encode("ascii")
            if len(self.rule.field) + len(data) + len(rest.partition(b"\n")[0]) >= LINE and rest.strip():
                data = data.rstrip(b" ") + b"\r\n "  # both together would be longer than a line may be
            return [Edit(start, start + len(written) - len(rest), data)]
        return []


ACTIONS: dict[str, Callable[[Ready, bytes], list[Edit]]] = {
    "add": Ready.add,
    "remove": Ready.remove,
    "replace": Ready.replace,
    "prefix": Ready.prefix,
}


def _one_matches(patterns: list[Wildcard], addresses: list[str]) -> bool:
    folded = [fold_address(address) for address in addresses]
    return any(pattern.matches(address) for pattern in patterns for address in folded)
