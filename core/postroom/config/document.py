"""A YAML file as plain values that remember the line and column where they stood; duplicate keys, ``!env`` and ``!file``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .places import Fault, Written, lines_of

Location = tuple[str | int, ...]

NULL, TRUE, FALSE = {"", "~", "null", "Null", "NULL"}, {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
INTEGER, FLOAT = re.compile(r"[-+]?\d+"), re.compile(r"[-+]?(\.\d+|\d+\.\d*)([eE][-+]?\d+)?")
MERGE = "<<"
DEEPEST = 50  # levels of nesting; stops a document that contains itself
MOST_VALUES = 200_000  # each alias counts as a copy of what it stands for: a few lines of aliases can mean millions
LARGEST_FILE = 32 << 20  # bytes of the configuration, and of a file behind !file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where. Its text is ``FILE:LINE:COL: PATH: message``."""

    file: str
    line: int  # from 1
    column: int  # from 1
    path: str  # "plugins.smtp_server.services[1].id"; empty for the file as a whole
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return place + (f"{self.path}: " if self.path else "") + self.message


class WrongFile(ValueError):
    """A setting names a file that cannot be used; ``problems`` are those within that file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TooLarge(ValueError):
    """A file has more bytes, or a document more values, than any configuration needs."""


def dotted(location: Location) -> str:
    """The path as people write it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


@dataclass
class Document:
    """The values of one file, their places, and the problems of the YAML itself."""

    file: Path
    data: Any = None
    keys: dict[Location, tuple[int, int]] = field(default_factory=dict)  # where a key stands
    values: dict[Location, tuple[int, int]] = field(default_factory=dict)  # where a value begins
    texts: dict[Location, Written] = field(default_factory=dict)  # how a text is written
    problems: list[Problem] = field(default_factory=list)

    def faults(self, location: Location, faults: Iterable[Fault]) -> Iterator[Problem]:
        """The problems that these faults in the text (or list of lines) at that place are."""
        for fault in faults:
            item = (*location, fault.line - 1)
            of_list = location not in self.texts and item in self.values
            yield self._fault(item, fault._replace(line=1)) if of_list else self._fault(location, fault)

    def _fault(self, location: Location, fault: Fault) -> Problem:
        written = self.texts.get(location)
        place = written.place(fault) if written else None
        if written and place:
            return Problem(written.file, *place, dotted(location), fault.message)
        several = written is not None and len(lines_of(written.value.rstrip())) > 1
        return self.problem(location, f"line {fault.line}: {fault.message}" if several else fault.message)

    def problem(self, location: Location, message: str, *, at_key: bool = False) -> Problem:
        """A problem at that place, or at the nearest one around it that stands in the file."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        for length in range(len(location), -1, -1):
            mark = first.get(location[:length]) or second.get(location[:length])
            if mark is not None:
                return Problem(str(self.file), *mark, dotted(location), message)
        return Problem(str(self.file), 1, 1, dotted(location), message)


def bounded(path: Path) -> bytes:
    """The bytes of a file. Raises OSError and TooLarge."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise TooLarge(f"the file {path} is larger than {LARGEST_FILE >> 20} MB")
    return data


def parse(text: str, file: Path) -> Document:
    """The document of this text. Never raises: what is wrong stands in ``problems``."""
    document = Document(file)
    try:
        root = yaml.compose(text, yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.problems.append(Problem(str(file), line, column, "", f"this is not valid YAML: {_reason(error)}"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        document.problems.append(Problem(str(file), line, column, "", "this is not valid YAML: a character that YAML does not allow"))
    except RecursionError:
        document.problems.append(Problem(str(file), 1, 1, "", "nested too deeply"))
    else:
        try:
            document.data = _Builder(document, lines_of(text)).value(root, ()) if root is not None else None
        except TooLarge as error:
            document.problems.append(Problem(str(file), 1, 1, "", str(error)))
    return document


def _reason(error: yaml.MarkedYAMLError) -> str:
    if error.problem and "'\\t'" in error.problem:
        return "a tab cannot be used for indentation, use spaces"
    begun = f" (begun on line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return (" ".join(part for part in (error.context, error.problem) if part) or "unreadable") + begun


@dataclass
class _Builder:
    """Turns YAML nodes into values. YAML 1.2 rules for plain words: ``off`` and ``no`` stay words, ``12:30`` stays text."""

    document: Document
    source: list[str]
    count: int = 0  # of values so far

    def value(self, node: yaml.Node, location: Location) -> Any:
        """The value of a node; records its place. Raises TooLarge."""
        self.count += 1
        if self.count > MOST_VALUES:
            raise TooLarge(f"more than {MOST_VALUES} values; each alias (*name) counts as a copy of what it stands for")
        self.document.values.setdefault(location, _mark(node))
        if len(location) > DEEPEST:
            return self._wrong(location, "nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)  # the only other kind
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, location):
            key = key_node.value
            if not isinstance(key, str):
                self._wrong(location, "a key must be a single word")
                continue
            here = (*location, key)
            if key in result:
                line = self.document.keys[here][0]
                mark = _mark(key_node)
                message = f"this key stands here a second time (first on line {line}); remove one of them"
                self.document.problems.append(Problem(str(self.document.file), *mark, dotted(here), message))
                continue
            self.document.keys[here] = _mark(key_node)
            result[key] = self.value(value_node, here)
        return result

    def _pairs(self, node: yaml.MappingNode, location: Location) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Own pairs first, then those merged in by ``<<`` whose key is not there yet."""
        own = [(key, value) for key, value in node.value if key.value != MERGE]
        yield from own
        seen = {key.value for key, _ in own if isinstance(key.value, str)}
        for value in (value for key, value in node.value if key.value == MERGE):
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(part, yaml.MappingNode):
                    self._wrong((*location, MERGE), "only a mapping can be merged in")
                    continue
                for pair in part.value:
                    if pair[0].value not in seen:
                        seen.add(pair[0].value)
                        yield pair

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        read = TAGS.get(node.tag)
        if read is not None:
            try:
                return self._read(node, location, read(node.value.strip(), self.document.file.parent))
            except ValueError as error:
                return self._wrong(location, str(error))
        if node.tag.startswith("!"):
            return self._wrong(location, f"unknown tag {node.tag}; !env NAME and !file PATH are known")
        self.document.texts[location] = self._written(node, node.value)
        return node.value if node.style else plain(node.value)  # a word in quotes is text, whatever it looks like

    def _read(self, node: yaml.ScalarNode, location: Location, value: str) -> str:
        path = self.document.file.parent / Path(node.value.strip()).expanduser()
        written = Written(str(path), (), 1, 1, "file", value) if node.tag == "!file" else self._written(node, value)
        self.document.texts[location] = written
        return value

    def _written(self, node: yaml.ScalarNode, value: str) -> Written:
        return Written(str(self.document.file), self.source, *_mark(node), node.style or "", value)

    def _wrong(self, location: Location, message: str) -> None:
        self.document.problems.append(self.document.problem(location, message))


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def plain(word: str) -> Any:
    """The value of a scalar without quotes: null, true, false, a number, else the text itself."""
    if word in NULL:
        return None
    if word in TRUE or word in FALSE:
        return word in TRUE
    if INTEGER.fullmatch(word) and len(word) < 20:
        return int(word)
    return float(word) if FLOAT.fullmatch(word) else word


def _from_environment(name: str, base: Path) -> str:
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return os.environ[name]


def _from_file(name: str, base: Path) -> str:
    path = (base / Path(name).expanduser()).absolute()
    try:
        return bounded(path).decode("utf-8").replace("\r\n", "\n").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None


TAGS: dict[str, Callable[[str, Path], str]] = {"!env": _from_environment, "!file": _from_file}
