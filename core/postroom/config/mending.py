"""Takes wrong values out of a section, so that what is left can be checked further and all problems be told at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .document import Location


def without(data: Any, places: Iterable[Location]) -> tuple[Any, set[Location]]:
    """A copy of the data without the values at these places, and the places taken out.

    A list keeps its indexes (they are places in the file): instead of an item, the key of the whole list is taken out.
    """
    removed = {_up_to_key(place) for place in places}
    return _copy(data, (), removed), removed


def _up_to_key(place: Location) -> Location:
    while place and isinstance(place[-1], int):
        place = place[:-1]
    return place


def _copy(data: Any, here: Location, removed: set[Location]) -> Any:
    if isinstance(data, dict):
        return {key: _copy(value, (*here, key), removed) for key, value in data.items() if (*here, key) not in removed}
    if isinstance(data, list):
        return [_copy(item, (*here, index), removed) for index, item in enumerate(data)]
    return data
