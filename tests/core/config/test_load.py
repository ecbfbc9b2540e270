"""Reading a configuration: defaults, tags, relative paths, YAML 1.2 words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.document import parse, plain
from postroom.config.load import ConfigError, inspect, load
from postroom.config.schema import Config


def loaded(folder: Path, text: str) -> Config:
    file = folder / "config.yaml"
    file.write_text(text)
    config = load(file).config
    assert config is not None
    return config


def test_an_empty_file_gives_every_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert config.server.hostname == "mail.example.test"
    assert config.server.workers == len(os.sched_getaffinity(0))
    assert config.domains.local == ["example.test"]
    assert [rule.no_auth for rule in config.access] == [True, False]


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "server:\n  # hostname: x\nconnections:\n").server.hostname == "mail.example.test"


def test_relative_paths_count_from_the_file_and_not_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = loaded(tmp_path, "lua: {directory: scripts}")
    monkeypatch.chdir("/")
    assert config.server.data_dir == tmp_path / "data"
    assert config.lua.directory == tmp_path / "scripts"
    assert config.base == tmp_path


def test_a_secret_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_DB", "postgresql://mail:pw@db/mail")
    assert loaded(tmp_path, "database: {url: !env MAIL_DB}").database.url == "postgresql://mail:pw@db/mail"


def test_a_secret_comes_from_a_file_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://mail:pw@db/mail\n")
    assert loaded(tmp_path, "database: {url: !file url}").database.url == "postgresql://mail:pw@db/mail"


def test_a_number_from_the_environment_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL", "7")
    assert loaded(tmp_path, "database: {pool: !env POOL}").database.pool == 7


def test_a_wrong_value_is_not_repeated_in_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_DB", "mysql://mail:geheim@db/mail")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "database: {url: !env MAIL_DB}")
    assert "geheim" not in str(caught.value)


def test_the_password_in_the_database_url_is_not_printed_with_the_configuration(tmp_path: Path) -> None:
    assert "geheim" not in repr(loaded(tmp_path, 'database: {url: "postgresql://mail:geheim@db/mail"}'))


def test_a_file_that_does_not_exist_is_one_problem_with_a_remedy(tmp_path: Path) -> None:
    (problem,) = inspect(tmp_path / "no.yaml").problems
    assert str(problem).endswith(
        "no.yaml:1:1: the configuration cannot be read: No such file or directory (choose another with --config FILE)"
    )


def test_a_file_that_is_not_utf8_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"server: {hostname: caf\xe9}")
    (problem,) = inspect(tmp_path / "config.yaml").problems
    assert problem.message == "the file is not UTF-8 text (byte 23)"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbfserver: {}")
    assert not inspect(tmp_path / "config.yaml").problems


def test_anchors_and_merge_keys_save_typing(tmp_path: Path) -> None:
    text = "connections:\n  - &first {name: One, default: true}\n  - {<<: *first, name: Two}\n"
    assert [(each.name, each.default) for each in loaded(tmp_path, text).connections] == [("One", True), ("Two", True)]


def test_a_document_that_contains_itself_is_a_problem_and_no_endless_loop(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: &loop\n  hostname: *loop\n")
    assert any("nested too deeply" in problem.message for problem in inspect(tmp_path / "config.yaml").problems)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("off", "off"),  # auth: off is a word, as in YAML 1.2
        ("no", "no"),
        ("true", True),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("12:30", "12:30"),
        ("5m", "5m"),
        ("1_000", "1_000"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    assert plain(word) == value
    assert type(plain(word)) is type(value)


def test_a_word_in_quotes_stays_text() -> None:
    assert parse('version: "5.2"', Path("x")).data == {"version": "5.2"}


@given(st.text())
def test_no_text_whatever_makes_the_reader_raise(text: str) -> None:
    parse(text, Path("x"))


@given(st.text(alphabet="ab:[]{}-&*<!'\"\n ,#|>?%@\t0"))
def test_no_arrangement_of_yaml_signs_makes_the_reader_raise(text: str) -> None:
    parse(text, Path("x"))


def test_the_shipped_configuration_is_valid() -> None:
    from postroom.plugins import read

    config, plugins = read(Path(__file__).resolve().parents[3] / "config.yaml")
    assert list(plugins) == ["local_delivery", "smtp_server", "pop3_server", "imap4_server", "smtp_relay"]
    assert config.connections[0].sender == "Relay"


# --- files that no configuration is


def problems(file: Path) -> list[str]:
    return [str(problem).removeprefix(f"{file}:") for problem in inspect(file).problems]


def test_aliases_that_mean_millions_of_values_are_refused_soon(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    lines = [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)]
    file.write_text("\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *lines]))
    assert problems(file) == ["1:1: more than 200000 values; each alias (*name) counts as a copy of what it stands for"]


@pytest.mark.parametrize("text", ["server: " + "[" * 3000 + "]" * 3000, "server: " + "[" * 3000])
def test_what_is_nested_too_deeply_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert problems(file) == ["1:1: nested too deeply"]


def test_a_file_without_an_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("log: {format: !file /dev/zero}\n")
    assert problems(file) == ["1:15: log.format: the file /dev/zero is larger than 32 MB"]
    assert problems(Path("/dev/zero")) == ["1:1: the file /dev/zero is larger than 32 MB"]


def test_a_secret_in_a_file_ends_before_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "format.txt").write_bytes(b"json\r\n")
    file = tmp_path / "config.yaml"
    file.write_text("log: {format: !file format.txt}\n")
    loaded = inspect(file)
    assert loaded.config is not None
    assert loaded.config.log.format == "json"
