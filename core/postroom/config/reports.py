"""Settings of delivery reports, and the file of their words in another language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from ..mail.report_texts import BUILT_IN, TEXTS, ReportTexts, keys_of, wrong
from .document import Document, Location, Problem, WrongFile, dotted, parse
from .section import Section
from .types import resolve
from .wording import nearest

LARGEST = 256 * 1024  # bytes of a file of templates


def read_templates(value: object, info: ValidationInfo) -> ReportTexts:
    """The texts of a YAML file; relative paths count from the configuration file.

    Raises WrongFile with everything that is wrong in it, ValueError when it cannot be read.
    """
    if isinstance(value, ReportTexts):
        return value
    if not isinstance(value, str):
        raise ValueError("a path is expected")  # noqa: TRY004 - pydantic reports ValueError
    path = resolve(Path(value), info)
    try:
        text = path.read_text("utf-8") if path.stat().st_size <= LARGEST else None
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None
    if text is None:
        raise ValueError(f"the file {path} is too large, at most {LARGEST // 1024} KB are allowed")
    return texts_of(parse(text, path))


def texts_of(document: Document) -> ReportTexts:
    """The texts of a file that has been read. Raises WrongFile."""
    found = list(_leaves(document.data, ())) if document.data is not None else []
    problems = [*document.problems, *(problem for place, value in found for problem in _problems(document, place, value))]
    if problems:
        raise WrongFile(problems)
    return ReportTexts({dotted(place): value.strip("\n") for place, value in found})


def _leaves(value: Any, place: Location) -> Iterator[tuple[Location, Any]]:
    if isinstance(value, dict) and dotted(place) not in TEXTS:
        for key, item in value.items():
            yield from _leaves(item, (*place, key))
    else:
        yield place, value


def _problems(document: Document, place: Location, value: Any) -> Iterator[Problem]:
    key = dotted(place)
    if key in TEXTS:
        fault = wrong(key, value)
        if fault:
            yield document.problem(place, fault)
    elif not place or any(known.startswith(f"{key}.") for known in TEXTS):
        yield document.problem(place, "a mapping of keys to texts is expected")
    else:
        first, known = _unknown(place)
        yield document.problem(first, "unknown key" + nearest(first[-1], known), at_key=True)


def _unknown(place: Location) -> tuple[Location, list[str]]:
    """As much of a place as leads to the first key that there is not, and the keys that there are."""
    for length in range(len(place)):
        known = list(dict.fromkeys(keys[length] for keys in map(keys_of, TEXTS) if keys[:length] == place[:length]))
        if place[length] not in known:
            return place[: length + 1], known
    return place, []


Templates = Annotated[ReportTexts, PlainValidator(read_templates), WithJsonSchema({"type": "string", "examples": ["german.yaml"]})]


class ReportSettings(Section):
    """What senders are told about mail that is late, or could not be delivered."""

    templates: Templates | None = Field(
        None,
        description="YAML file with words of reports instead of the built-in ones, which docs/reference/report-texts.yaml shows: copy it, "
        "translate it; what is left out stays English. Relative to this file.",
    )

    @property
    def texts(self) -> ReportTexts:
        """The words that reports are written with."""
        return self.templates or BUILT_IN
