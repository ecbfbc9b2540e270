"""Passwords on the command line: from standard input, asked for twice, or made up and printed once."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from .call import Call, Opened, first_line
from .failures import Failure

if TYPE_CHECKING:
    from ..credentials import Credentials

GENERATED_BYTES = 12  # 96 bits: nobody guesses it, and it can still be typed

LONGEST = 500  # bytes: in base64 it still fits into the lines of all protocols


@dataclass(frozen=True)
class Password:
    """A password to set."""

    text: str
    made_up: bool = False  # by us, so it has to be told


def wanted(from_stdin: bool) -> Password:
    """The password that the caller gives, or a made-up one when nobody can be asked. Raises Failure for one of no use."""
    if not from_stdin and not sys.stdin.isatty():
        return Password(secrets.token_urlsafe(GENERATED_BYTES), made_up=True)
    given = first_line() if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not given:
        raise Failure("the password is empty; an account needs one")
    if any(ord(character) < ord(" ") for character in given):  # RFC 4616 section 2 forbids NUL, and a line cannot hold its end
        raise Failure("the password has a control character, which mail clients cannot send")
    if len(given.encode()) > LONGEST:
        raise Failure(f"the password is longer than {LONGEST} bytes, more than mail clients can send")
    return Password(given)


def credentials(store: Opened, password: Password, reversible: bool) -> Credentials:
    """What is stored of a password."""
    from ..credentials import Vault, make_credentials

    return make_credentials(password.text, Vault(store.config.server.data_dir) if reversible else None)


def report(call: Call, sentence: str, name: str, password: Password) -> None:
    """Say what was done, and a made-up password, this once."""
    told = {"password": password.text} if password.made_up else {}
    call.show({"name": name, **told}, lambda: "\n".join([sentence, *(f"password: {text}" for text in told.values())]))
