"""Who are you: checks passwords and SASL exchanges against the accounts, asks the hooks, and slows guessers down."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from . import log
from .credentials import SALT_BYTES, SCRAM_ITERATIONS, Credentials, UnreadableSecret, Vault, make_credentials, parse_scram
from .local_names import LocalNames
from .login import Attempt, Login
from .mail.reply import Reply
from .passwords import Passwords, TooBusy
from .store.database import StoreUnavailable
from .throttle import Throttle, network_of
from .wire.sasl import MAX_NAME, WRONG, Denied, Done
from .wire.scram import Bindings, ScramSecret

if TYPE_CHECKING:
    from .asking import Asker
    from .mail.client import Client
    from .news import News
    from .store.accounts import Account

BUSY = Denied(Reply(454, "4.7.0", "Temporary authentication failure"), "too many logins at once")  # RFC 4954 section 6
SLOW_DOWN = Denied(Reply(454, "4.7.0", "Too many failed logins, try again later"), "throttled")
NOT_OFFERED = Denied(Reply(504, "5.5.4", "Authentication mechanism not supported"), "mechanism not offered")
NEEDS_TLS = Denied(Reply(538, "5.7.11", "Encryption required for requested authentication mechanism"), "plaintext refused")
FAILURE, SUCCESS = "auth-failure", "auth-success"  # what the throttles of all workers tell each other
REVERSIBLE_FOR = 60.0  # seconds for which "does any account have a reversible secret" is kept, unless accounts change


class AccountSource(Protocol):
    """What is needed of ``store.accounts.Accounts``."""

    def get(self, name: str) -> Account | None:
        """The account of that lower-case name. Raises StoreUnavailable."""

    def any_reversible(self) -> bool:
        """Whether any account has a reversible secret. Raises StoreUnavailable."""


class AuthSettings(Protocol):
    """What is needed of a service's settings."""

    @property
    def auth(self) -> str:
        """One of "off", "optional" and "required"."""

    @property
    def allow_plaintext_auth(self) -> bool:
        """Plain passwords are taken without encryption."""


class Authenticator:
    """The logins of one worker. Every method may raise StoreUnavailable: the session answers with a temporary failure."""

    def __init__(
        self,
        accounts: AccountSource,
        ask: Asker,
        *,
        offload: Callable[..., Any],  # offload(fn, *args): in the thread pool
        domains: Iterable[str],  # config.domains.local
        vault: Vault,
        hostname: str,
        clock: Callable[[], float],  # monotonic seconds
        sleep: Callable[[float], object],
        news: News | None = None,  # tells failures to the other workers
    ) -> None:
        self._accounts, self._ask, self._vault, self._hostname = accounts, ask, vault, hostname
        self._clock, self._sleep, self._news = clock, sleep, news
        self._passwords = Passwords(offload, clock)
        self._throttle = Throttle(clock)
        self._names = LocalNames(domains)
        self._decoy_key = b""
        self._reversible: bool | None = None  # None: nobody has looked yet
        self._reversible_until = float("-inf")
        self._origin = secrets.token_hex(8)
        self._told = 0
        if news is not None:
            news.subscribe(FAILURE, self._heard_of_failure)
            news.subscribe(SUCCESS, self._heard_of_success)
            news.subscribe("accounts", self._accounts_changed)

    # --- what is offered

    def plain_allowed(self, client: Client, settings: AuthSettings) -> bool:
        """Whether a password may be asked for in clear: under TLS, from this machine, or where the service says so."""
        return client.tls is not None or settings.allow_plaintext_auth or network_of(client.address) == "loopback"

    def mechanisms(self, client: Client, settings: AuthSettings, bindings: Bindings | None = None) -> list[str]:
        """The SASL mechanisms to offer to ``client`` now, strongest first; [] when the service has no logins."""
        if settings.auth == "off":
            return []
        plain = self.plain_allowed(client, settings)
        offered = (
            ("SCRAM-SHA-256-PLUS", bool(bindings)),
            ("SCRAM-SHA-256", True),
            ("CRAM-MD5", self.reversible_in_use()),
            ("PLAIN", plain),
            ("LOGIN", plain),
        )
        return [name for name, wanted in offered if wanted]

    def reversible_in_use(self) -> bool:
        """Whether any account can use CRAM-MD5 and APOP; kept for a minute; the last answer stands in a database outage."""
        if self._reversible is None or self._clock() >= self._reversible_until:  # while another session looks for the first time, look too
            self._reversible_until = self._clock() + REVERSIBLE_FOR
            try:
                self._reversible = self._accounts.any_reversible()
            except StoreUnavailable as error:  # a greeting must not fail for it; the login itself will tell
                log.get().warning("auth.lookup_failed", error=str(error))
        return bool(self._reversible)

    def challenge(self) -> str:
        """A fresh ``<unique@host>`` for CRAM-MD5 and for the APOP greeting (RFC 1939 section 7)."""
        return f"<{secrets.randbelow(10**12)}.{secrets.token_hex(12)}@{self._hostname}>"

    # --- logging in

    def start(self, mechanism: str, client: Client, settings: AuthSettings, bindings: Bindings | None = None) -> Login | Denied:
        """Begin the exchange of a mechanism that is on offer; Denied (504, 538) for another."""
        mechanism = mechanism.upper()
        if mechanism not in self.mechanisms(client, settings, bindings):
            secret_in_clear = mechanism in ("PLAIN", "LOGIN") and settings.auth != "off"
            return NEEDS_TLS if secret_in_clear else NOT_OFFERED
        return Login(self, mechanism, client, bindings or {})

    def password(self, client: Client, name: str, password: str, mechanism: str = "USER") -> Account | Denied:
        """Check a name and password (POP3 USER/PASS and the like). Denied counts as false; waits when there were failures."""
        attempt = self.admit(client, name, mechanism)
        if isinstance(attempt, Denied):
            return attempt
        return self.settle(attempt, self.check_password(attempt, password))

    def apop(self, client: Client, name: str, timestamp: str, digest: str) -> Account | Denied:
        """Check APOP (RFC 1939 section 7); ``timestamp`` is the ``challenge`` of this session's greeting."""
        attempt = self.admit(client, name, "APOP")
        if isinstance(attempt, Denied):
            return attempt
        secret = self.reversible_secret(attempt)
        if isinstance(secret, Denied):
            return self.settle(attempt, secret)
        right = hashlib.md5(timestamp.encode() + secret, usedforsecurity=False).hexdigest().encode()
        same = hmac.compare_digest(right, digest.lower().encode("utf-8", "replace"))
        return self.settle(attempt, Done(attempt.name) if same else Denied(WRONG, "digest differs"))

    def hash(self, password: str, *, reversible: bool = False) -> Credentials:
        """The columns to store for a new password, made in the thread pool. Raises TooBusy; OSError when the key file cannot be made."""
        made: Credentials = self._passwords.run(make_credentials, password, self._vault if reversible else None)
        return made

    # --- the parts of a login, for Login

    def admit(self, client: Client, given: str, mechanism: str) -> Attempt | Denied:
        """Find out who is meant and ask the hooks whether the attempt may go on."""
        given = str(self._ask.transform("translate_username", "name", given[:MAX_NAME], client=client))
        account_name = self._names.account_name(given)
        name = account_name or "".join(character if character.isprintable() else "?" for character in given.lower())
        verdict = self._ask.verdict("client_login", client=client, name=name, mechanism=mechanism)
        if verdict is not None and verdict.refuses:
            self._ask.tell("login_finished", client=client, name=name, mechanism=mechanism, success=False)
            log.get().info("auth.refused", session=client.session, user=name, mechanism=mechanism, reason=verdict.reason)
            return Denied(verdict.reply or WRONG, verdict.reason, verdict.disconnect)
        account = self._accounts.get(account_name) if account_name else None
        return Attempt(client, mechanism, name, account, self._throttle.keys(name, client.address))

    def check_password(self, attempt: Attempt, password: str) -> Done | Denied:
        """Done when the password is right. An unknown name costs the same work as a known one."""
        account = attempt.account
        stored = account.password if account else ""
        usable = may_log_in(attempt)
        if self._passwords.remembers(attempt.name, password, stored):
            return Done(attempt.name) if usable else Denied(WRONG, "account may not log in")
        if not self._wait(attempt):
            return SLOW_DOWN
        try:
            right = self._passwords.matches(attempt.name, password, stored)
        except TooBusy:
            return BUSY
        if right and usable:
            return Done(attempt.name)
        return Denied(WRONG, "account may not log in" if right else "password differs" if account else "no such account")

    def reversible_secret(self, attempt: Attempt) -> bytes | Denied:
        """The password in clear for CRAM-MD5 and APOP; a random one when there is none, so that the answer is just wrong."""
        if not self._wait(attempt):
            return SLOW_DOWN
        account = attempt.account
        if account is not None and may_log_in(attempt) and account.reversible:
            try:
                return self._vault.unlock(account.reversible).encode("utf-8")
            except UnreadableSecret as error:
                log.get().error("auth.secret_unreadable", user=account.name, error=str(error))
        return secrets.token_bytes(32)

    def scram_secret(self, attempt: Attempt) -> ScramSecret | Denied:
        """The SCRAM keys of the account; for others made-up ones whose salt is the same each time, as a real one's would be."""
        if not self._wait(attempt):
            return SLOW_DOWN
        account = attempt.account
        found = parse_scram(account.scram) if account is not None else None
        if found is None:
            found = ScramSecret(SCRAM_ITERATIONS, self._decoy_salt(attempt.name), secrets.token_bytes(32), secrets.token_bytes(32))
        if not may_log_in(attempt):
            found = replace(found, stored_key=secrets.token_bytes(32))
        return found

    def settle(self, attempt: Attempt, outcome: Done | Denied) -> Account | Denied:
        """The end of an attempt: count it, tell the hooks, set ``client.user``."""
        client, account, name = attempt.client, attempt.account, attempt.name
        if isinstance(outcome, Done) and account is not None and may_log_in(attempt):
            pair = self._throttle.succeeded(name, client.address)
            if pair and self._news is not None:
                self._news.publish(SUCCESS, pair=pair)
            client.user = account.name
            self._ask.tell("login_finished", client=client, name=account.name, mechanism=attempt.mechanism, success=True)
            return account
        denied = outcome if isinstance(outcome, Denied) else Denied()
        log.get().warning(
            "auth.failed", session=client.session, address=client.address, user=name, mechanism=attempt.mechanism, reason=denied.reason
        )
        self._ask.tell("login_finished", client=client, name=name, mechanism=attempt.mechanism, success=False)
        if not denied.temporary:
            self._throttle.failed(attempt.keys)
            self._tell_workers(attempt.keys)
            self._ask.tell("client_misbehaved", client=client, event="auth-failure", detail=f"{attempt.mechanism} login as {name}")
        return denied

    # --- inside

    def _wait(self, attempt: Attempt) -> bool:
        delay = self._throttle.reserve(attempt.keys)
        if delay:
            self._sleep(delay)
        return delay is not None

    def _decoy_salt(self, name: str) -> bytes:
        if not self._decoy_key:
            self._decoy_key = self._vault.subkey(b"scram decoys")
        return hmac.digest(self._decoy_key, name.encode("utf-8", "surrogatepass"), "sha256")[:SALT_BYTES]

    def _tell_workers(self, keys: tuple[str, ...]) -> None:
        if self._news is not None:
            self._told += 1  # equal facts would be taken for one
            self._news.publish(FAILURE, origin=self._origin, number=self._told, keys=list(keys))

    def _accounts_changed(self, fact: dict[str, Any]) -> None:
        self._reversible_until = float("-inf")

    def _heard_of_failure(self, fact: dict[str, Any]) -> None:
        if fact["origin"] != self._origin:
            self._throttle.failed(fact["keys"])

    def _heard_of_success(self, fact: dict[str, Any]) -> None:
        self._throttle.know(fact["pair"])


def may_log_in(attempt: Attempt) -> bool:
    """Whether there is such an account, it is enabled, may log in from there (access rule with users) and may use this protocol.

    Protocols are VPOP3's Allowed Protocols; none named means all.
    """
    account = attempt.account
    if account is None or not account.enabled:
        return False
    only = attempt.client.only_users
    if only and account.name not in map(str.lower, only):
        return False
    return not account.protocols or attempt.client.protocol.lower() in map(str.lower, account.protocols)
