"""Whatever a server answers to AUTH: an outcome, no mail before the login has succeeded, and no password where others can read it."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.mail.delivery import Delivered

from .smtp_peer import outgoing
from .test_smtp_any_server import GREETING, Switchboard, Talker, right

OFFERS = (b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH CRAM-MD5", b"AUTH SCRAM-SHA-256 CRAM-MD5 LOGIN PLAIN", b"AUTH", b"AUTH X")
SAYS = (
    b"334 ", b"334", b"334 VXNlcm5hbWU6", b"334 =", b"334 \xff", b"334-a\r\n334 b", b"334 cj1hYmMscz1RUT09LGk9NDA5Ng==",
    b"334 " + b"A" * 1900, b"235 Ok", b"535 No", b"504 No", b"454 Later", b"421 Bye", b"220 Go", b"354 Go", b"?", b"",
)  # fmt: skip
challenges = st.lists(st.sampled_from(SAYS) | st.binary(max_size=20).map(lambda data: b"334 " + b64encode(data)), max_size=6)


class Unbound(Talker):
    """A connection without TLS."""

    def channel_binding(self) -> None:
        return None


class Doorman(Switchboard):
    """Servers that want a login."""

    talker = Unbound


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OFFERS), challenges, right, st.booleans())
def test_no_answer_to_a_login_leads_astray(offers: bytes, says: list[bytes], replies: list[bytes], plaintext: bool) -> None:
    said = [GREETING, b"250-mx.test\r\n250 %b\r\n" % offers, *(one and one + b"\r\n" for one in [*says, *replies])]
    board = Doorman([said])
    carrier = Courier(board, Pool(SessionLimits(), board._clock), board._clock)
    login = Credentials("me", "geheim", allow_plaintext=plaintext)
    outcome = carrier.deliver(outgoing(), [NextHop("one.test", encryption=Encryption.NONE, credentials=login)])[1]
    heard = b"".join(piece for pieces in board.heard for piece in pieces)
    assert b"235 Ok" in says or not (isinstance(outcome, Delivered) or b"MAIL" in heard)
    assert plaintext or not any(b64encode(secret) in heard for secret in (b"geheim", b"\0me\0geheim"))
    assert b"geheim" not in heard
