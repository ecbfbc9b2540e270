"""OAuth 2 access tokens (RFC 6749): by client credentials or a refresh token, kept until shortly before they expire."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Annotated, Any, Literal
from urllib.parse import quote_plus, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from ..shortage import is_shortage, shortage

TIMEOUT = 20.0  # seconds without an answer
MAX_RESPONSE = 64 * 1024  # bytes; real answers are below 8 KB
MAX_TOKEN = 16 * 1024  # characters
DEFAULT_LIFE = 300.0  # seconds, when the server does not say (RFC 6749 5.1 only recommends it)
MARGIN = 60.0  # seconds before the end at which a token is renewed; a tenth of its life when that is shorter
REFUSED_FOR = 60.0  # seconds for which a failure is answered from memory: a full queue must not hammer the token server


class TokenUnavailable(Exception):
    """No token now (network, server trouble): trying again later may help. ``local``: this machine has no socket left to ask with."""

    def __init__(self, words: str, *, local: bool = False) -> None:
        super().__init__(words)
        self.local = local


class TokenRefused(Exception):
    """The token server refuses these credentials: an administrator has to act."""


def allowed_url(url: str) -> str:
    """The URL itself; raises ValueError unless it is https, or http to this very machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.fragment:
        raise ValueError("a URL such as https://login.example.net/oauth2/token is expected")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return url
    raise ValueError("a https:// URL is expected, because it carries secrets")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OAuthSettings(BaseModel):
    """Where tokens come from. With ``refresh_token`` that grant is used, else client credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_url: Annotated[str, AfterValidator(allowed_url)] = Field(description="The provider's token address (https).")
    client_id: str = Field(min_length=1, description="The application's id as registered with the provider.")
    client_secret: SecretStr | None = Field(None, description="The application's secret; public clients with a refresh token have none.")
    refresh_token: SecretStr | None = Field(
        None, description="From an earlier consent (its successors are kept in the database); without it client credentials are used."
    )
    scope: str | None = Field(None, description="The scope to ask for, such as https://outlook.office365.com/.default.")
    client_authentication: Literal["body", "header"] = Field("body", description="How id and secret are sent: form fields, or HTTP Basic.")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when to stop using it (on the source's clock)."""

    text: str
    renew_at: float


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the secrets to where nobody configured them to go."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        return None


class TokenSource:
    """Gives access tokens of one account; one request at a time, however many ask."""

    def __init__(
        self,
        settings: OAuthSettings,
        clock: Callable[[], float],  # monotonic seconds
        on_refresh: Callable[[str], None] | None = None,  # is told a new refresh token, to keep it
        tls: ssl.SSLContext | None = None,  # another trust than the system's
        kept: Callable[[], str] | None = None,  # the refresh token that anybody told ``on_refresh`` last, "" when there is none
    ) -> None:
        self._settings, self._clock, self._on_refresh, self._tls, self._kept = settings, clock, on_refresh, tls, kept
        self._seen = ""  # what ``kept`` said last: only something new there is newer than what is here
        self._refresh_token = settings.refresh_token.get_secret_value() if settings.refresh_token else ""
        self._token: Token | None = None
        self._failure: TokenUnavailable | TokenRefused | None = None
        self._failed_until = 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        """A token that is good for a while. Raises TokenUnavailable (temporary) or TokenRefused (permanent)."""
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at:
                self._token = self._renewed()
            return self._token.text

    def reject(self, token: str) -> None:
        """The mail server refused this token: do not give it out again."""
        if self._token is not None and self._token.text == token:
            self._token = None

    def _renewed(self) -> Token:
        if self._failure is not None and self._clock() < self._failed_until:
            raise type(self._failure)(*self._failure.args)
        self._take_kept()
        try:
            answer = self._ask_twice()
            self._keep_refresh_token(answer.get("refresh_token"))
            token = Token(_token_text(answer), self._clock() + _useful_life(answer.get("expires_in")))
        except (TokenUnavailable, TokenRefused) as error:
            if not (isinstance(error, TokenUnavailable) and error.local):
                self._failure, self._failed_until = error, self._clock() + REFUSED_FOR
            raise
        self._failure = None
        return token

    def _ask_twice(self) -> dict[str, Any]:
        """Another process may have used this refresh token up a moment ago: a refusal counts when there is no newer one."""
        try:
            return self._ask()
        except TokenRefused:
            if not self._take_kept():
                raise
            return self._ask()

    def _take_kept(self) -> bool:
        """Go on with the kept refresh token; False when it is the one that is used already."""
        kept, used = self._kept() if self._kept and self._refresh_token else "", self._refresh_token
        if kept and kept != self._seen:
            self._seen = self._refresh_token = kept
        return self._refresh_token != used

    def _keep_refresh_token(self, fresh: object) -> None:
        """RFC 6749 section 6: a new refresh token replaces the old one."""
        if isinstance(fresh, str) and fresh and self._refresh_token and fresh != self._refresh_token:
            self._refresh_token = fresh
            if self._on_refresh is not None:
                self._on_refresh(fresh)

    def _request(self) -> urllib.request.Request:
        settings = self._settings
        grant = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        form = grant if self._refresh_token else {"grant_type": "client_credentials"}
        if settings.scope:
            form["scope"] = settings.scope
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
        if settings.client_authentication == "header":  # RFC 6749 2.3.1: both form-encoded first
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        else:
            form["client_id"] = settings.client_id
            if secret:
                form["client_secret"] = secret
        url = settings.token_url  # https, or http to this machine: allowed_url
        return urllib.request.Request(url, urlencode(form).encode(), headers, method="POST")  # noqa: S310 - see above

    def _ask(self) -> dict[str, Any]:
        host = urlsplit(self._settings.token_url).netloc
        if (lack := shortage()) is not None:  # then the system's issuers would be missing in the context, silently
            raise TokenUnavailable(f"the token server {host} cannot be asked: {lack.strerror}", local=True)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirect(), urllib.request.HTTPSHandler(context=self._tls)
        )  # no proxy from the environment: it would see nothing, but the administrator did not ask for it
        try:
            return self._answer(opener, host)
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise TokenUnavailable(f"the token server {host} cannot be reached: {reason}", local=is_shortage(error)) from None

    def _answer(self, opener: urllib.request.OpenerDirector, host: str) -> dict[str, Any]:
        try:
            with opener.open(self._request(), timeout=TIMEOUT) as response:
                return _parsed(_body(response), host)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(MAX_RESPONSE), host) from None


def _body(response: HTTPResponse) -> bytes:
    body = response.read(MAX_RESPONSE + 1)
    if len(body) > MAX_RESPONSE:
        raise TokenUnavailable("the token server's answer is too long")
    return body


def _parsed(body: bytes, host: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TokenUnavailable(f"the token server {host} answers something else than JSON: is the address right?")
    return answer


def _refusal(status: int, body: bytes, host: str) -> TokenUnavailable | TokenRefused:
    """RFC 6749 5.2: 400 and 401 with an ``error`` are final, except the two that say "later"; the rest is trouble that may pass."""
    try:
        answer = _parsed(body, host)
    except TokenUnavailable:
        answer = {}
    words = _plain(f"{answer.get('error', '')} {answer.get('error_description', '')}") or f"HTTP status {status}"
    message = f"the token server {host} refuses: {words}"
    passing = status in (408, 429) or status >= 500 or answer.get("error") in ("temporarily_unavailable", "server_error")
    return TokenUnavailable(message) if passing else TokenRefused(message)


def _plain(text: str) -> str:
    """A stranger's words on one bounded line."""
    return " ".join("".join(character if character.isprintable() else " " for character in text[:400]).split())


def _token_text(answer: dict[str, Any]) -> str:
    text = answer.get("access_token")
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TOKEN or any(not "!" <= character <= "~" for character in text):
        raise TokenUnavailable("the token server's answer holds no usable access token")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise TokenRefused(f"the token server gives tokens of type {_plain(str(answer['token_type']))!r}, only bearer tokens can be used")
    return text


def _useful_life(expires_in: object) -> float:
    """Seconds for which to use a token that lives ``expires_in`` seconds (some servers send a string)."""
    text = str(expires_in)
    life = float(text) if text.isascii() and text.isdigit() and len(text) < 10 else DEFAULT_LIFE
    return life - min(MARGIN, life / 10)
