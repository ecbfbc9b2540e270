"""One SASL exchange with one client: the mechanism's pure dialogue joined with the Authenticator's judgement."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .wire import sasl
from .wire.sasl import Challenge, Denied, Done, Exchange
from .wire.scram import Bindings, ScramSecret, ScramServer

if TYPE_CHECKING:
    from .auth import Authenticator
    from .mail.client import Client
    from .store.accounts import Account


@dataclass(slots=True)
class Attempt:
    """One login that has got past the hooks."""

    client: Client
    mechanism: str
    name: str  # the account name if the login name can be one, else the login name
    account: Account | None
    keys: tuple[str, ...]  # of the throttle


class Login:
    """One SASL exchange with a client. After Done, ``account`` is who it is."""

    def __init__(self, authenticator: Authenticator, mechanism: str, client: Client, bindings: Bindings) -> None:
        self.account: Account | None = None
        self._authenticator, self._mechanism, self._client = authenticator, mechanism, client
        self._attempt: Attempt | None = None
        self._exchange = self._build(mechanism, bindings)

    def step(self, response: bytes | None) -> Challenge | Done | Denied:
        """What to send after the client's decoded ``response`` (None: no initial response). Raises StoreUnavailable."""
        outcome = self._exchange.step(response)
        if isinstance(outcome, Challenge) or self._attempt is None:
            return outcome
        attempt, self._attempt = self._attempt, None
        settled = self._authenticator.settle(attempt, outcome)
        if isinstance(settled, Denied):
            return settled
        self.account = settled
        return Done(settled.name)

    def _build(self, mechanism: str, bindings: Bindings) -> Exchange:
        nonce = secrets.token_urlsafe(18)
        builders: dict[str, Callable[[], Exchange]] = {
            "PLAIN": lambda: sasl.Plain(self._check),
            "LOGIN": lambda: sasl.Login(self._check),
            "CRAM-MD5": lambda: sasl.CramMd5(self._find_secret, self._authenticator.challenge()),
            "SCRAM-SHA-256": lambda: ScramServer(self._find_scram, nonce, bindings, plus=False),
            "SCRAM-SHA-256-PLUS": lambda: ScramServer(self._find_scram, nonce, bindings, plus=True),
        }
        return builders[mechanism]()

    def _admit(self, name: str) -> Attempt | Denied:
        attempt = self._authenticator.admit(self._client, name, self._mechanism)
        if isinstance(attempt, Attempt):
            self._attempt = attempt
        return attempt

    def _check(self, name: str, password: str) -> Done | Denied:
        attempt = self._admit(name)
        return attempt if isinstance(attempt, Denied) else self._authenticator.check_password(attempt, password)

    def _find_secret(self, name: str) -> bytes | Denied:
        attempt = self._admit(name)
        return attempt if isinstance(attempt, Denied) else self._authenticator.reversible_secret(attempt)

    def _find_scram(self, name: str) -> ScramSecret | Denied:
        attempt = self._admit(name)
        return attempt if isinstance(attempt, Denied) else self._authenticator.scram_secret(attempt)
