"""Targets on the command line: those of the form SMTP:… are checked before they are kept, and shown without their passwords."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .call import first_line
from .failures import Failure

if TYPE_CHECKING:
    from ..config.schema import Config


ASKED = "-"  # as a password: it stands on the first line of standard input, not where all users of the machine can read it


def given(targets: Iterable[str], config: Config) -> tuple[str, ...]:
    """The targets with the passwords that standard input has.

    Raises Failure for a target that is written wrong, and for one SMTP:… that LAN forwarding is not there for.
    """
    from ..sending.targets import is_target

    return tuple(_checked(target, config) if is_target(target) else well_formed(target) for target in targets)


def well_formed(text: str) -> str:
    """The name or address itself. Raises Failure when no mail could be for it."""
    from ..mail.address import BadAddress, parse_address

    bare = text.strip()
    try:
        parse_address(bare if "@" in bare else f"{bare}@name.test")
    except BadAddress as error:
        raise Failure(f"{text!r} is neither a name nor an address: {error}") from None
    return text


def _checked(target: str, config: Config) -> str:
    from ..sending.lan import PLUGIN, switched_on
    from ..sending.targets import parse_target

    try:
        found = parse_target(target)
        if found.server.username and found.server.password == ASKED:
            target = replace(found, server=replace(found.server, password=first_line())).text
            found = parse_target(target)
    except ValueError as error:
        raise Failure(f"a target SMTP:… cannot be used: {error}") from None
    if ";" in target:
        raise Failure(f"{found}: a semicolon separates targets and cannot stand in one")
    if not switched_on(config):
        raise Failure(f"{found} needs LAN forwarding: add `{PLUGIN}: {{}}` to the plugins, before local_delivery")
    return target


def masked(targets: Iterable[str]) -> tuple[str, ...]:
    """The targets for people."""
    from ..sending.targets import shown

    return tuple(map(shown, targets))


def meant(target: str, present: Sequence[str]) -> str:
    """The one of the present targets that is meant, with its password, or as it is shown without it; else ``target`` itself."""
    if target in present:
        return target
    words = masked([target])[0]
    return next((one for one, shown in zip(present, masked(present), strict=True) if shown in (target, words)), target)
