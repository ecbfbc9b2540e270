"""Turns a pydantic error into a sentence for administrators: what is wrong and what is allowed, never the value itself; and durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

Location = tuple[str | int, ...]
UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"))  # in milliseconds


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint ``, did you mean X?`` when a known word is close, else the list of all that are known."""
    words = [str(item) for item in known]
    close = get_close_matches(str(word), words, n=1, cutoff=0.6)
    if close:
        return f", did you mean {close[0]}?"
    return f"; known are {', '.join(words)}" if words else ""


def duration(seconds: float) -> str:
    """``5m`` for 300: the largest unit that leaves no fraction."""
    if not seconds:
        return "0s"
    milliseconds = round(seconds * 1000)
    unit, letter = next((unit, letter) for unit, letter in UNITS if milliseconds % unit == 0)
    return f"{milliseconds // unit}{letter}"


def sentence(error: Mapping[str, Any], model: type[BaseModel], location: Location) -> str:
    """The sentence for one entry of ``ValidationError.errors()``; ``location`` is its path below ``model``."""
    kind, facts = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        owner = model_at(model, location[:-1])
        return "unknown key" + nearest(location[-1], owner.model_fields if owner else ())
    if kind == "value_error":
        return str(facts["error"])
    if kind == "literal_error":
        allowed = [word.strip().strip("'") for word in str(facts["expected"]).replace(" or ", ", ").split(",")]
        return f"one of {', '.join(allowed)} is expected"
    words = WORDS.get(kind)
    return words.format(**facts) if words else str(error["msg"])


def model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model of the mapping at that path, or None when there is a mapping with free keys."""
    current: Any = model
    for part in location:
        if isinstance(part, str) and _is_model(current):
            info = current.model_fields.get(part)
            current = info.annotation if info else None
        current = _item(current)
    return current if _is_model(current) else None


def _item(annotation: Any) -> Any:
    """The model inside ``list[Model]``, ``Model | None``, ``Annotated[…]`` and the like."""
    if annotation is None or _is_model(annotation):
        return annotation
    return next((found for found in map(_item, get_args(annotation)) if _is_model(found)), None)


def _is_model(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


WORDS: dict[str, str] = {
    "missing": "is missing and has no default",
    "string_type": "a text is expected (a number or yes/no as text needs quotes)",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long, at most {max_length} characters are allowed",
    "string_pattern_mismatch": "has not the expected form, which is {pattern}",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "a list is expected: [a, b] or lines that begin with '- '",
    "tuple_type": "a list is expected: [a, b] or lines that begin with '- '",
    "too_short": "needs at least {min_length} of them",
    "too_long": "at most {max_length} of them are allowed",
    "dict_type": "a mapping of keys to values is expected",
    "model_type": "a mapping of keys to values is expected",
    "path_type": "a path is expected",
}
