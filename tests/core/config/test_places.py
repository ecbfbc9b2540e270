"""Faults inside a text are told at the line and column where they stand in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import PlainValidator

from postroom.config.document import parse
from postroom.config.load import Loaded
from postroom.config.places import Fault, WrongText, lines_of, rule_lines, text_of_lines
from postroom.config.section import Section
from postroom.config.sending import FilterRules

WORD = "wrong"


def check(value: object) -> str:
    """Refuses a text for each line in which WORD stands."""
    text = text_of_lines(value)
    faults = [Fault(number, line.index(WORD) + 1, "no") for number, line in enumerate(lines_of(text), start=1) if WORD in line]
    if faults:
        raise WrongText(faults)
    return text


class Rules(Section):
    rules: Annotated[str, PlainValidator(check)] = ""
    filter: FilterRules | None = None


def problems(text: str, folder: Path) -> list[str]:
    loaded = Loaded(parse(text, folder / "c.yaml"))
    loaded.section(Rules, (), loaded.document.data)
    return [str(problem).replace(f"{folder}/", "") for problem in loaded.problems]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rules: |\n  good\n    wrong\n", ["c.yaml:3:5: rules: no"]),
        ("rules: |+  # a comment\n\n\n  good\n\n  a wrong\n", ["c.yaml:6:5: rules: no"]),
        ("rules: |2\n    wrong\n", ["c.yaml:2:5: rules: no"]),
        ("rules: &anchor |-\n  wrong\n  wrong", ["c.yaml:2:3: rules: no", "c.yaml:3:3: rules: no"]),
        ("rules: |\r\n  good\r\n  a wrong\r\n", ["c.yaml:3:5: rules: no"]),
        ("rules: a wrong", ["c.yaml:1:10: rules: no"]),
        ("rules: 'a wrong'", ["c.yaml:1:11: rules: no"]),
        ('rules: "ä wrong"', ["c.yaml:1:11: rules: no"]),
        ('rules: "good\\na wrong"', ["c.yaml:1:8: rules: line 2: no"]),
        ("rules: >\n  good\n\n  a wrong\n", ["c.yaml:1:8: rules: line 2: no"]),
        ("rules:\n- good\n- a wrong\n", ["c.yaml:3:5: rules[1]: no"]),
        ('rules: [good, "wrong"]', ["c.yaml:1:16: rules[1]: no"]),
        ("rules:\n- good\n- |\n  a\n  b\n", ["c.yaml:4:3: rules[1]: a text of one line is expected"]),
        ("rules: {a: b}", ["c.yaml:1:8: rules: a text is expected: lines below |, or a list of lines"]),
    ],
)
def test_a_fault_is_told_where_it_stands(text: str, wanted: list[str], tmp_path: Path) -> None:
    assert problems(text, tmp_path) == wanted


def test_a_fault_in_a_file_of_rules_is_told_with_its_place_there(tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text("good\n  wrong\n")
    assert problems("rules: !file rules.txt", tmp_path) == ["rules.txt:2:3: rules: no"]


def test_a_fault_in_a_variable_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_RULES", "good\nwrong")
    assert problems("rules: !env POSTROOM_RULES", tmp_path) == ["c.yaml:1:8: rules: line 2: no"]


def test_a_text_that_yaml_itself_refuses_is_told_once(tmp_path: Path) -> None:
    assert problems("filter: !env NO_SUCH_VARIABLE", tmp_path) == []
    assert (
        parse("filter: !env NO_SUCH_VARIABLE", tmp_path / "c.yaml").problems[0].message
        == "the environment variable NO_SUCH_VARIABLE is not set"
    )


def test_a_domain_filter_tells_all_its_faults_with_their_places(tmp_path: Path) -> None:
    text = "filter: |\n  # mine\n  Skip: Sise>1MB\n  Attempt: Sender~/(/\n"
    assert problems(text, tmp_path) == [
        "c.yaml:3:9: filter: 'sise' is no condition, did you mean Size?",
        "c.yaml:4:20: filter: this is no regular expression: unclosed group",
    ]


def test_a_wrong_text_tells_its_first_fault() -> None:
    wrong = WrongText([Fault(2, 1, "two"), Fault(1, 5, "one")])
    assert (wrong.line, wrong.column, str(wrong)) == (1, 5, "one\ntwo")


def test_rules_are_lines_without_comments() -> None:
    assert rule_lines("\n  # x\n  a b \n\tc") == [(3, 3, "a b"), (4, 2, "c")]


LINE = st.text(alphabet="ab #:'\"wrong", max_size=12).map(lambda text: "x" + text + "x")


@given(st.lists(LINE, min_size=1, max_size=6), st.integers(0, 5), st.integers(1, 6))
def test_every_line_of_a_block_is_found_again(lines: list[str], which: int, indent: int) -> None:
    which %= len(lines)
    text = "rules: |\n" + "".join(f"{' ' * indent}{line}\n" for line in lines)
    document = parse(text, Path("c.yaml"))
    (found,) = document.faults(("rules",), [Fault(which + 1, 2, "no")])
    assert (found.line, found.column) == (which + 2, indent + 2)
