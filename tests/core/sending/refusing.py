"""What a parser raises for a text, as a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Fault = TypeVar("Fault", bound=Exception)


def refusal(use: Callable[[], object], kind: type[Fault]) -> Fault | None:
    """The exception of that kind that ``use`` raises, None without one; any other goes on."""
    try:
        use()
    except kind as error:
        return error
    return None
