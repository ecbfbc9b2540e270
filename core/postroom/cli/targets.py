"""Targets on the command line: those of the form SMTP:… are checked before they are kept, and shown without their passwords."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .failures import Failure

if TYPE_CHECKING:
    from ..config.schema import Config


def check_targets(targets: Iterable[str], config: Config) -> None:
    """Raises Failure for a target SMTP:… that is written wrong, or that LAN forwarding is not there for."""
    from ..sending.lan import PLUGIN, switched_on
    from ..sending.targets import is_target, parse_target

    for target in filter(is_target, targets):
        try:
            found = parse_target(target)
        except ValueError as error:
            raise Failure(f"a target SMTP:… cannot be used: {error}") from None
        if ";" in target:
            raise Failure(f"{found}: a semicolon separates targets and cannot stand in one")
        if not switched_on(config):
            raise Failure(f"{found} needs LAN forwarding: add `{PLUGIN}: {{}}` to the plugins, before local_delivery")


def masked(targets: Iterable[str]) -> tuple[str, ...]:
    """The targets for people."""
    from ..sending.targets import shown

    return tuple(map(shown, targets))


def meant(target: str, present: Sequence[str]) -> str:
    """The one of the present targets that is meant, which may be given as it is shown, without its password; else ``target`` itself."""
    if target in present:
        return target
    return next((one for one, words in zip(present, masked(present), strict=True) if words == target), target)
