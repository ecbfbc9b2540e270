"""Reads a configuration file and tells all of its problems at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .crossing import across
from .document import Document, Location, Problem, TooLarge, WrongFile, bounded, parse
from .mending import without
from .places import WrongText
from .schema import Config
from .section import Section
from .wording import sentence

Model = TypeVar("Model", bound=BaseModel)
ATTEMPTS = 4  # taking out a required value makes its mapping wrong in turn, and so on upwards
NEEDS: dict[str | int, tuple[Location, ...]] = {  # what these sections are compared with; when it was taken out, nothing can be said
    "schedule": (("connections",),),
    "domains": (("domains",), ("domains", "local"), ("domains", "default")),
}
UNKNOWN_KEY = "extra_forbidden"


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` are in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Loaded:
    """A configuration file that has been read. With ``problems``, ``config`` is only what is right of it, or None."""

    document: Document
    config: Config | None = None
    problems: list[Problem] = field(default_factory=list)
    removed: set[Location] = field(default_factory=set)  # values so wrong that further checks went on without them
    notes: list[Problem] = field(default_factory=list)  # what works, but hardly as somebody means it

    @property
    def base(self) -> Path:
        """The folder from which relative paths count."""
        return self.document.file.absolute().parent

    def section(self, model: type[Model], location: Location, data: Any) -> Model | None:
        """The part of the file at ``location`` as a checked model.

        When something is wrong with it, that is added to ``problems``, and the model holds defaults there; None when it has none.
        """
        wrong: set[Location] = set()
        section: Model | None = None
        for attempt in range(ATTEMPTS):
            try:
                section = model.model_validate(data, context={"base": self.base})
                break
            except ValidationError as error:
                entries = error.errors(include_url=False, include_input=False)
                if not attempt:
                    self._tell(model, location, entries)
                data, taken = without(data, [_place(entry) for entry in entries])
                wrong |= taken | {entry["loc"] for entry in entries}
                if () in taken:
                    break
        self.removed |= {location + place for place in wrong}
        if section is not None:
            self._check(section, location, wrong)
        return section

    def _tell(self, model: type[BaseModel], location: Location, entries: Iterable[Any]) -> None:
        for entry in entries:
            wrong = (entry.get("ctx") or {}).get("error")
            if isinstance(wrong, WrongText):
                for problem in self.document.faults((*location, *entry["loc"]), wrong.faults):
                    self._add(problem)
                continue
            if isinstance(wrong, WrongFile):
                self.problems += wrong.problems
                continue
            self.complain((*location, *entry["loc"]), sentence(entry, model, entry["loc"]), at_key=entry["type"] == UNKNOWN_KEY)

    def _check(self, section: BaseModel, location: Location, wrong: set[Location]) -> None:
        for place, message in own_checks(section):
            if not any(bad[: len(place)] == place for bad in wrong):  # else it would blame what was taken out
                self.complain((*location, *place), message)

    def complain(self, location: Location, message: str, *, at_key: bool = False) -> None:
        """Add a problem, unless the YAML of this very value was already found wrong."""
        self._add(self.document.problem(location, message, at_key=at_key))

    def remark(self, location: Location, message: str) -> None:
        """Add a note: the configuration can be used, and somebody should look at this."""
        self.notes.append(self.document.problem(location, f"note: {message}"))

    def _add(self, problem: Problem) -> None:
        if all(problem.path != known.path for known in self.document.problems):
            self.problems.append(problem)


def _place(entry: Any) -> Location:
    """What to take out: the wrong value, or the mapping that lacks one."""
    place: Location = entry["loc"]
    return place[:-1] if entry["type"] == "missing" else place


def own_checks(section: BaseModel, location: Location = ()) -> Iterable[tuple[Location, str]]:
    """What ``checks()`` of this section and of all sections within it find."""
    if isinstance(section, Section):
        yield from ((location + place, message) for place, message in section.checks())
    for name in type(section).model_fields:
        value = section.__dict__[name]
        items = enumerate(value) if isinstance(value, list | tuple) else [(-1, value)]
        for index, item in items:
            if isinstance(item, BaseModel):
                yield from own_checks(item, (*location, name) if index < 0 else (*location, name, index))


def inspect(path: Path) -> Loaded:
    """Read a file without raising: the problems are in the result. Sections of plugins are left for ``plugins.configure``."""
    try:
        text = bounded(path).decode("utf-8-sig")
    except OSError as error:
        return _unreadable(path, f"the configuration cannot be read: {error.strerror} (choose another with --config FILE)")
    except UnicodeDecodeError as error:
        return _unreadable(path, f"the file is not UTF-8 text (byte {error.start + 1})")
    except TooLarge as error:
        return _unreadable(path, str(error))
    document = parse(text, path)
    loaded = Loaded(document, problems=list(document.problems))
    if document.data is None:
        if document.problems:
            return loaded
        document.data = {}
    if not isinstance(document.data, dict):
        loaded.complain((), "a configuration is a mapping: sections such as server: and plugins:")
        return loaded
    loaded.config = loaded.section(Config, (), filled(document.data))
    if loaded.config is not None:
        for place, message in across(loaded.config):
            if not any(needed in loaded.removed for needed in NEEDS.get(place[0], ())):
                loaded.complain(place, message)
    return loaded


def load(path: Path) -> Loaded:
    """Read a file whose sections of the core must be right. Raises ConfigError with all problems."""
    loaded = inspect(path)
    if loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded


def filled(data: dict[str, Any]) -> dict[str, Any]:
    """The data with an empty mapping for each section that is left out or empty, so that its defaults know the file's folder."""
    result = {key: value for key, value in data.items() if value is not None}
    for name, info in Config.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            result.setdefault(name, {})
    return result


def _unreadable(path: Path, message: str) -> Loaded:
    return Loaded(Document(path), problems=[Problem(str(path), 1, 1, "", message)])
