"""Turns a pydantic error into a sentence for administrators: what is wrong and what is allowed, never the value itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

Location = tuple[str | int, ...]


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint ``, did you mean X?`` when a known word is close, else the list of all that are known."""
    words = [str(item) for item in known]
    close = get_close_matches(str(word), words, n=1, cutoff=0.6)
    if close:
        return f", did you mean {close[0]}?"
    return f"; known are {', '.join(words)}" if words else ""


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
    return words(facts) if words else str(error["msg"])


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


def _number(facts: Mapping[str, Any]) -> str:
    return "a whole number is expected"


WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda facts: "is missing and has no default",
    "string_type": lambda facts: "a text is expected (a number or yes/no as text needs quotes)",
    "string_too_short": lambda facts: "must not be empty",
    "string_too_long": lambda facts: f"is too long, at most {facts['max_length']} characters are allowed",
    "string_pattern_mismatch": lambda facts: f"has not the expected form, which is {facts['pattern']}",
    "int_type": _number,
    "int_parsing": _number,
    "int_from_float": _number,
    "float_type": lambda facts: "a number is expected",
    "float_parsing": lambda facts: "a number is expected",
    "bool_type": lambda facts: "true or false is expected",
    "bool_parsing": lambda facts: "true or false is expected",
    "greater_than": lambda facts: f"must be more than {facts['gt']}",
    "greater_than_equal": lambda facts: f"must be at least {facts['ge']}",
    "less_than": lambda facts: f"must be less than {facts['lt']}",
    "less_than_equal": lambda facts: f"must be at most {facts['le']}",
    "list_type": lambda facts: "a list is expected: [a, b] or lines that begin with '- '",
    "tuple_type": lambda facts: "a list is expected: [a, b] or lines that begin with '- '",
    "too_short": lambda facts: f"needs at least {facts['min_length']} of them",
    "too_long": lambda facts: f"at most {facts['max_length']} of them are allowed",
    "dict_type": lambda facts: "a mapping of keys to values is expected",
    "model_type": lambda facts: "a mapping of keys to values is expected",
    "path_type": lambda facts: "a path is expected",
}
