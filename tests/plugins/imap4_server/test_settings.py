"""Each setting of the service has an effect. (Others: test_connection.py has those of logins and time, test_idle.py, test_notify.py.)"""

from __future__ import annotations

from collections.abc import Callable

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Configured = Callable[..., Miniature]


def test_compression_can_be_switched_off(configured: Configured) -> None:
    with Talk(configured(compress=False)) as alice:
        alice.log_in()
        assert b"COMPRESS=DEFLATE" not in alice.ok("CAPABILITY")[0]
        assert alice.answer("COMPRESS DEFLATE") == "NO the algorithm is not offered"


def test_a_message_may_not_be_larger_than_the_limit(configured: Configured) -> None:
    with Talk(configured(max_message_size="10KB")) as alice:
        alice.log_in()
        assert b" APPENDLIMIT=10240 " in alice.ok("CAPABILITY")[0]
        assert alice.answer("APPEND INBOX {10241}").startswith("NO [TOOBIG] ")


def test_the_limit_of_messages_is_announced(configured: Configured) -> None:
    with Talk(configured(message_limit=5000)) as alice:
        assert b" MESSAGELIMIT=5000" in alice.log_in().ok("CAPABILITY")[0]


def test_a_service_without_logins_offers_none(configured: Configured) -> None:
    with Talk(configured(auth="off")) as alice:
        assert " LOGINDISABLED" in alice.greeting
        assert "AUTH=" not in alice.greeting
        assert alice.answer("LOGIN alice secret") == "NO there are no logins here"
        assert alice.answer("AUTHENTICATE PLAIN") == "NO the mechanism is not offered now"


def test_without_encryption_strangers_send_no_password(configured: Configured) -> None:
    server = configured()
    with Talk(server, address="192.0.2.7") as alice:
        assert " STARTTLS LOGINDISABLED " in alice.greeting
        assert " AUTH=PLAIN" not in alice.greeting
        assert alice.answer("LOGIN alice secret").startswith("NO [PRIVACYREQUIRED] ")
        assert alice.answer("AUTHENTICATE PLAIN").startswith("NO [PRIVACYREQUIRED] ")


def test_without_idle_the_newer_protocol_which_has_it_is_not_offered(configured: Configured) -> None:
    with Talk(configured(idle=False)) as alice:
        assert "IMAP4rev1" in alice.greeting
        assert "IMAP4rev2" not in alice.greeting
        assert alice.log_in().ok("ENABLE IMAP4rev2") == [b"* ENABLED"]
