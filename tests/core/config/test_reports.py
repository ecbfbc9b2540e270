"""The file of the words of reports: read whole, and every mistake told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.load import ConfigError, load
from postroom.config.reports import ReportSettings
from postroom.mail.report_texts import BUILT_IN, TEXTS, ReportTexts

BUILT_IN_FILE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "report-texts.yaml"


def texts(folder: Path, words: str) -> ReportTexts:
    """What a configuration that names a file with these words makes of it. Raises ConfigError."""
    (folder / "words.yaml").write_text(words, "utf-8")
    (folder / "config.yaml").write_text("reports: {templates: words.yaml}\n")
    config = load(folder / "config.yaml").config
    assert config is not None
    return config.reports.texts


def problems(folder: Path, words: str) -> list[str]:
    """What is wrong with such a file, without the folder."""
    with pytest.raises(ConfigError) as caught:
        texts(folder, words)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_words_of_the_file_stand_in_for_the_built_in_ones(tmp_path: Path) -> None:
    found = texts(tmp_path, 'subject: {failure: Unzustellbar}\nremedies:\n  "1.1": {advice: "Prüfen Sie die Adresse."}\n')
    assert found.words("subject.failure") == "Unzustellbar"
    assert found.words("subject.delay") == "Delayed"
    assert found.remedy("5.1.1") == ("There is no mailbox of that name at that domain.", "Prüfen Sie die Adresse.")


def test_a_code_without_quotes_is_still_a_code(tmp_path: Path) -> None:
    found = texts(tmp_path, "remedies: {1.10: {meaning: Nimmt keine Post.}}\n")
    assert found.remedy("5.1.10")[0] == "Nimmt keine Post."


def test_lines_of_a_text_stay_lines(tmp_path: Path) -> None:
    assert (
        texts(tmp_path, "closing: |\n  Von {hostname}.\n  Nummer {number}\n").words("closing", hostname="h", number="1")
        == "Von h.\nNummer 1"
    )


def test_the_file_to_translate_from_has_all_words_as_they_are_built_in() -> None:
    settings = ReportSettings.model_validate({"templates": str(BUILT_IN_FILE)})
    assert settings.templates is not None
    assert dict(settings.templates.given) == {key: text.words for key, text in TEXTS.items()}


def test_without_a_file_or_with_an_empty_one_the_words_are_english(tmp_path: Path) -> None:
    assert ReportSettings().texts is BUILT_IN
    assert texts(tmp_path, "# nothing yet\n").words("subject.failure") == "Not delivered"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("subjct: {failure: x}\n", ["words.yaml:1:1: subjct: unknown key, did you mean subject?"]),
        ("subject: {failed: x}\n", ["words.yaml:1:11: subject.failed: unknown key, did you mean failure?"]),
        ("remedies: {1.1: {hint: x}}\n", ["words.yaml:1:18: remedies.1.1.hint: unknown key; known are meaning, advice"]),
        ("subject: x\n", ["words.yaml:1:10: subject: a mapping of keys to texts is expected"]),
        ("- x\n", ["words.yaml:1:1: a mapping of keys to texts is expected"]),
        ("closing: 5\n", ["words.yaml:1:10: closing: a text is expected (a number or yes/no as text needs quotes)"]),
        ("closing: ''\n", ["words.yaml:1:10: closing: must not be empty, nor longer than 2000 characters"]),
        ('closing: "a\\tb"\n', ["words.yaml:1:10: closing: has a control character, such as a tab"]),
        ("subject:\n  delay: |\n    a\n    b\n", ["words.yaml:2:10: subject.delay: a text of one line is expected"]),
        ("closing: '{nummer}'\n", ["words.yaml:1:10: closing: {nummer} cannot stand here; in braces there may be {hostname}, {number}"]),
        ("closing: '{number!r}'\n", ["words.yaml:1:10: closing: {number} cannot stand here; in braces there may be {hostname}, {number}"]),
        ("from: '{0}'\n", ["words.yaml:1:7: from: {0} cannot stand here; in braces there may be nothing"]),
        ("closing: '{number'\n", ["words.yaml:1:10: closing: its braces do not pair; a brace itself is written twice, {{ or }}"]),
        (
            "from: [x\n",
            ["words.yaml:2:1: this is not valid YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"],
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place_in_the_file(tmp_path: Path, words: str, told: list[str]) -> None:
    assert [problem.partition(" (begun")[0] for problem in problems(tmp_path, words)] == told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "from: 1\ndate: 2\nsubject: {x: y}\n")) == 3


def test_a_file_that_cannot_be_read_is_told_at_the_setting(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("reports: {templates: none.yaml}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml")
    assert [problem.path for problem in caught.value.problems] == ["reports.templates"]
    assert "none.yaml cannot be read: No such file" in caught.value.problems[0].message


def test_a_file_that_is_not_utf_8_or_far_too_large_is_refused(tmp_path: Path) -> None:
    for data, words in ((b"from: \xff\n", "not UTF-8"), (b"#" * 300_000, "too large")):
        (tmp_path / "words.yaml").write_bytes(data)
        with pytest.raises(ValueError, match=words):
            ReportSettings.model_validate({"templates": str(tmp_path / "words.yaml")})
