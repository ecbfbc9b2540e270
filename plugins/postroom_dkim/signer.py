"""Signs the mail of this server, and seals the mail of others that goes on from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from postroom.mail.arc import authentication_results, seal, validate
from postroom.mail.dkim import BodyHash, Plan, hash_body, sign, verify
from postroom.mail.dkim.body import Run
from postroom.mail.dkim.canonical import field
from postroom.mail.dkim.signing import SIGNED
from postroom.mail.dkim.verifying import Key, header_of
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.store.signing_keys import SigningKey, SigningKeys

from .authors import author_domain, domain_of, upwards
from .settings import Settings


@dataclass(frozen=True)
class Signer:
    """Makes the lines for a message. ``default``: ``domains.default``; ``clock``: epoch seconds; ``run``: where CPU work is done."""

    keys: SigningKeys
    settings: Settings
    host: str
    default: str
    clock: Callable[[], float]
    run: Run
    log: Any

    def sign(self, message: Message, envelope: Envelope) -> list[bytes]:
        """A DKIM-Signature for each key of the author's domain; [] when it has none."""
        keys = self._keys_for(message, envelope)
        if not keys:
            return []
        header_form, _, body_form = self.settings.canonicalization.partition("/")
        digest, found, now = self._digest(message, body_form), header_of(message, self.run), int(self.clock())
        lasts = None if self.settings.expire is None else int(self.settings.expire)
        lines = []
        for key in keys:
            plan = Plan(
                key.domain,
                key.selector,
                header_form,
                body_form,
                self.settings.headers,
                self.settings.oversign,
                lasts=lasts,
            )
            lines.append(self.run(sign, found, digest, self.keys.private(key), plan, now))
        return lines

    def _keys_for(self, message: Message, envelope: Envelope) -> Sequence[SigningKey]:
        for domain in self._candidates(author_domain(message), envelope):
            if keys := self.keys.active(domain):
                return keys
        return ()

    def _candidates(self, author: str, envelope: Envelope) -> Iterator[str]:
        allowed = {domain.lower() for domain in self.settings.domains}
        above = list(upwards(author))
        if not allowed or allowed & set(above):
            yield from above
        if self.settings.fallback == "envelope":
            yield from upwards(domain_of(envelope.sender))
        elif self.settings.fallback == "default":
            yield self.default

    def _digest(self, message: Message, form: str) -> bytes:
        whole = BodyHash(form)
        hash_body(message, [whole], self.run)
        return whole.digest()

    def seal(self, message: Message, original: Message, envelope: Envelope, key: Key) -> list[bytes]:
        """The three fields of ARC; [] without a key to seal with, and where nobody may add to the chain. ``key``: key records of others.

        What others have signed is judged as it came, in ``original`` (RFC 8617 section 5.1); what is sealed is ``message``.
        """
        ours = self.keys.active(self.settings.arc_domain or self.default)
        if not ours:
            return []
        now = self.clock()
        chain = validate(original, key, now, self.run)
        if chain.closed or chain.temporary:
            self.log.info("arc.left_out", reason=chain.reason or "the chain has no room for another seal")
            return []
        found = header_of(message, self.run)
        checked = [field(line) for line in envelope.headers]
        results = authentication_results(checked, self.host, verify(original, key, now, self.run), chain.cv)
        plan = Plan(ours[0].domain, ours[0].selector, signed=(*SIGNED, "DKIM-Signature"), oversigned=())
        private = self.keys.private(ours[0])
        lines: list[bytes] = self.run(seal, found, self._digest(message, "relaxed"), chain, results, private, plan, int(now))
        return lines
