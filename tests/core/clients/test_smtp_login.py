"""AUTH: each mechanism against a scripted peer, and no password where others could read it."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.oauth import TokenRefused
from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.faults import Refused
from postroom.clients.smtp.hop import Credentials
from postroom.clients.smtp.login import LINE_LIMIT, opening
from postroom.clients.smtp.session import Session
from postroom.wire.sasl_client import Scram

from .smtp_peer import GREETING, Peer, hop

END = "S: 235 2.7.0 Welcome\nC: QUIT\nS: 221 Bye"


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def offering(mechanisms: str) -> str:
    return f"{GREETING}S: 250-mx.test\nS: 250 AUTH {mechanisms}\n"


def log_in(peer: Peer, credentials: Credentials) -> None:
    Dialer(lambda name: ["127.0.0.1"]).open(hop(peer, credentials=credentials)).quit()


def words(peer: Peer, credentials: Credentials) -> str:
    with pytest.raises(Refused) as caught:
        log_in(peer, credentials)
    assert "secret" not in str(caught.value)
    return str(caught.value)


@dataclass
class FixedToken:
    rejected: list[str] = field(default_factory=list)

    def token(self) -> str:
        return "t0ken"

    def reject(self, token: str) -> None:
        self.rejected.append(token)


USER = Credentials("me", "secret")


def test_plain_sends_all_at_once() -> None:
    response = b64("\0me\0secret")
    with Peer(f"{offering('PLAIN LOGIN')}C: AUTH PLAIN {response}\n{END}") as peer:
        log_in(peer, USER)


def test_login_answers_two_questions() -> None:
    script = f"{offering('LOGIN')}C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {b64('me')}\nS: 334 UGFzc3dvcmQ6\nC: {b64('secret')}\n{END}"
    with Peer(script) as peer:
        log_in(peer, USER)


def test_cram_md5_answers_with_a_digest() -> None:
    digest = hmac.new(b"secret", b"<1@mx.test>", "md5").hexdigest()
    script = f"{offering('CRAM-MD5')}C: AUTH CRAM-MD5\nS: 334 {b64('<1@mx.test>')}\nC: {b64(f'me {digest}')}\n{END}"
    with Peer(script) as peer:
        log_in(peer, USER)


def scram_script(monkeypatch: pytest.MonkeyPatch, server_key: bytes = b"Server Key") -> str:
    """The dialogue of SCRAM-SHA-256 for a fixed nonce (RFC 5802 section 3)."""
    begin = Scram.__init__

    def fixed(self: Scram, *args: object, **more: object) -> None:
        begin(self, *args, **more)  # type: ignore[arg-type]
        self._bare, self._nonce = self._bare.replace(self._nonce, "abc"), "abc"

    monkeypatch.setattr(Scram, "__init__", fixed)
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 4096)
    first, final = f"r=abcdef,s={b64('salt')},i=4096", "c=biws,r=abcdef"
    signed = f"n=me,r=abc,{first},{final}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
    verifier = b64encode(hmac.digest(hmac.digest(salted, server_key, "sha256"), signed, "sha256")).decode()
    steps = f"C: AUTH SCRAM-SHA-256 {b64('n,,n=me,r=abc')}\nS: 334 {b64(first)}\nC: {b64(f'{final},p={proof}')}\n"
    return offering("PLAIN SCRAM-SHA-256") + steps + f"S: 334 {b64(f'v={verifier}')}\n"


def test_scram_proves_the_password_and_checks_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(f"{scram_script(monkeypatch)}C: \n{END}") as peer:
        log_in(peer, USER)


@pytest.mark.parametrize("end", ["S: 501 Cancelled\n!gone", "!close"])
def test_scram_does_not_believe_a_server_that_does_not_know_the_password(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(f"{scram_script(monkeypatch, b'Another Key')}C: *\n{end}") as peer:
        assert "could not prove that it knows the password" in words(peer, USER)


def test_xoauth2_sends_the_token() -> None:
    response = b64("user=me\x01auth=Bearer t0ken\x01\x01")
    with Peer(f"{offering('PLAIN XOAUTH2')}C: AUTH XOAUTH2 {response}\n{END}") as peer:
        log_in(peer, Credentials("me", tokens=FixedToken()))


def test_oauthbearer_sends_the_token_and_where_it_goes() -> None:
    with Peer(f"{offering('OAUTHBEARER XOAUTH2')}C: AUTH OAUTHBEARER *\n{END}") as peer:
        log_in(peer, Credentials("me", tokens=FixedToken()))
    sent = b64decode(peer.heard[1].split()[2]).decode()
    assert sent == f"n,a=me,\x01host=mx.test\x01port={peer.port}\x01auth=Bearer t0ken\x01\x01"


@pytest.mark.parametrize("repeated", ["AUTH PLAIN {}", "{}", "auth plain {:.20}", "(me, secret and more) {}"])
def test_what_a_server_repeats_of_the_login_is_not_told(repeated: str) -> None:
    response = b64("\0me\0secret and more")
    with Peer(f"{offering('PLAIN')}C: AUTH PLAIN *\nS: 535 5.7.8 Bad: {repeated.format(response)}\n!gone") as peer:
        told = words(peer, Credentials("me", "secret and more"))
    assert response[:12] not in told
    assert "535 5.7.8 Bad: " in told


def test_what_a_server_repeats_of_a_later_answer_is_not_told() -> None:
    script = f"{offering('LOGIN')}C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {b64('me')}\nS: 334 UGFzc3dvcmQ6\nC: {b64('secret')}\n"
    with Peer(f"{script}S: 535 5.7.8 Not {b64('secret')}, and not secret\n!gone") as peer:
        assert words(peer, USER).endswith("Not ********, and not ********")


def test_a_refused_token_is_explained_and_not_used_again() -> None:
    tokens = FixedToken()
    error = b64('{"status":"invalid_token"}')
    with Peer(f"{offering('XOAUTH2')}C: AUTH XOAUTH2 *\nS: 334 {error}\nC: \nS: 535 5.7.8 No\n!gone") as peer:
        assert "status=invalid_token" in words(peer, Credentials("me", tokens=tokens))
    assert tokens.rejected == ["t0ken"]


@pytest.mark.parametrize("reply", ["454 4.7.0 Temporary authentication failure", "535 4.7.1 Try again", "504 5.5.4 Not this one"])
def test_a_login_that_fails_for_another_reason_says_nothing_about_the_token(reply: str) -> None:
    tokens = FixedToken()
    with Peer(f"{offering('XOAUTH2')}C: AUTH XOAUTH2 *\nS: {reply}\n!gone") as peer:
        words(peer, Credentials("me", tokens=tokens))
    assert tokens.rejected == []


def test_no_token_is_a_temporary_failure_in_the_token_servers_words() -> None:
    class NoToken(FixedToken):
        def token(self) -> str:
            raise TokenRefused("the token server id.test refuses: invalid_grant")

    with Peer(f"{offering('XOAUTH2')}!gone") as peer:
        assert "id.test refuses: invalid_grant" in words(peer, Credentials("me", tokens=NoToken()))


def test_a_wrong_password_is_a_temporary_failure_that_names_user_and_server() -> None:
    with Peer(f"{offering('PLAIN')}C: AUTH PLAIN *\nS: 535 5.7.8 Error: authentication failed\n!gone") as peer:
        with pytest.raises(Refused) as caught:
            log_in(peer, USER)
        assert str(caught.value) == (
            f"mx.test[127.0.0.1]:{peer.port} does not accept the login of me by PLAIN: 535 5.7.8 Error: authentication failed"
        )
        assert caught.value.reply.temporary


def test_a_server_that_cannot_check_logins_now_is_not_said_to_refuse_this_one() -> None:
    """RFC 4954 section 6: 454 is about the server."""
    with (
        Peer(f"{offering('SCRAM-SHA-256 PLAIN')}C: AUTH SCRAM-SHA-256 *\nS: 454 4.7.0 Later\n!gone") as peer,
        pytest.raises(Refused) as caught,
    ):
        log_in(peer, USER)
    assert str(caught.value).endswith("cannot check the login of me by SCRAM-SHA-256 now: 454 4.7.0 Later")
    assert (caught.value.reply.enhanced, caught.value.kind) == ("4.7.0", "login")


@pytest.mark.parametrize("end", ["S: 421 4.3.2 Shutting down\n!hang", "!close"])
def test_another_address_of_the_server_is_tried_when_one_hangs_up_at_the_login(end: str) -> None:
    tokens = FixedToken()
    login = f"{offering('XOAUTH2')}C: AUTH XOAUTH2 *\n"
    with Peer(f"{login}{end}", f"{login}{END}") as peer:
        dialer = Dialer(lambda name: ["127.0.0.1", "127.0.0.1"])
        dialer.open(hop(peer, credentials=Credentials("me", tokens=tokens))).quit()
    assert tokens.rejected == []


def test_another_mechanism_is_tried_when_one_does_not_work_at_all() -> None:
    script = f"{offering('SCRAM-SHA-256 PLAIN')}C: AUTH SCRAM-SHA-256 *\nS: 504 5.5.4 Not really\nC: AUTH PLAIN *\n{END}"
    with Peer(script) as peer:
        log_in(peer, USER)


def test_only_the_configured_mechanism_is_used() -> None:
    with Peer(f"{offering('SCRAM-SHA-256 PLAIN LOGIN')}C: AUTH LOGIN\nS: 535 No\n!gone") as peer:
        assert "by LOGIN" in words(peer, Credentials("me", "secret", "LOGIN"))


def test_a_server_without_the_configured_mechanism_is_refused() -> None:
    with Peer(f"{offering('PLAIN LOGIN')}!gone") as peer:
        text = words(peer, Credentials("me", "secret", "CRAM-MD5"))
    assert "offers PLAIN, LOGIN, and none of these goes with `auth: CRAM-MD5` in section Relay" in text


def test_a_server_without_auth_is_refused_when_there_is_a_username() -> None:
    with Peer(f"{GREETING}S: 250 mx.test\n!gone") as peer:
        assert "offers no login (perhaps only with encryption), but section Relay has a username" in words(peer, USER)


def test_no_password_is_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Session.__init__

    def elsewhere(self: Session, *args: object, **more: object) -> None:
        begin(self, *args, **{**more, "local": False})  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "__init__", elsewhere)
    with Peer(f"{offering('PLAIN LOGIN')}!gone") as peer:
        text = words(peer, USER)
    assert "would get the login unencrypted: set `encryption` to starttls or tls in section Relay (or allow_plaintext_auth: true)" in text
    with Peer(f"{offering('PLAIN')}C: AUTH PLAIN *\n{END}") as peer:
        log_in(peer, Credentials("me", "secret", allow_plaintext=True))


def test_a_challenge_that_is_not_base64_is_cancelled() -> None:
    with Peer(f"{offering('CRAM-MD5')}C: AUTH CRAM-MD5\nS: 334 ???\nC: *\nS: 501 Cancelled\n!gone") as peer:
        assert "not base64" in words(peer, USER)


def test_a_server_that_asks_for_ever_is_given_up() -> None:
    with Peer(f"{offering('LOGIN')}C: AUTH LOGIN\n" + "S: 334 \nC: *\n" * 3 + "S: 501 No\n!gone") as peer:
        assert "third question" in words(peer, USER)


def test_a_long_initial_response_waits_for_its_own_line() -> None:
    secret = "x" * 600
    with Peer(f"{offering('PLAIN')}C: AUTH PLAIN\nS: 334 \nC: {b64(chr(0) + 'me' + chr(0) + secret)}\n{END}") as peer:
        log_in(peer, Credentials("me", secret))


@given(st.sampled_from(["PLAIN", "OAUTHBEARER", "SCRAM-SHA-256-PLUS"]), st.integers(300, 400))
def test_no_auth_line_is_longer_than_smtp_allows(name: str, size: int) -> None:
    assert len(opening(name, b"x" * size)) <= LINE_LIMIT


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    assert opening("EXTERNAL", b"") == b"AUTH EXTERNAL =\r\n"
    assert opening("LOGIN", None) == b"AUTH LOGIN\r\n"


def test_credentials_do_not_show_their_password() -> None:
    assert "secret" not in repr(USER)
