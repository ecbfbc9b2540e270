"""Plugins: found, checked, constructed in the order of the configuration, registered so that this is the order of calls."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from postroom.config.load import ConfigError
from postroom.discovery import PluginError, available
from postroom.hookspecs import hooks, new_manager
from postroom.plugins import construct, order, read

PLUGIN = """
from pydantic import Field
from postroom import hookimpl
from postroom.config.schema import PluginSettings

class Settings(PluginSettings):
    word: str = Field("none", description="A word.")

class Plugin:
    def __init__(self, context, settings):
        self.settings = settings

    @hookimpl
    def {hook}(self, {arguments}):
        return self.settings.word
"""


def configured(folder: Path, plugins: str, **files: str) -> Path:
    """A configuration with a folder of single-file plugins."""
    (folder / "more").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "more" / f"{name}.py").write_text(text)
    (folder / "config.yaml").write_text(f"plugin_dirs: [more]\nplugins: {plugins}\n")
    return folder / "config.yaml"


def answering(hook: str = "client_helo", arguments: str = "client, name") -> str:
    return PLUGIN.format(hook=hook, arguments=arguments)


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_single_file_in_a_plugin_folder_is_a_plugin(tmp_path: Path) -> None:
    _, plugins = read(configured(tmp_path, "{greeter: {word: hello}}", greeter=answering()))
    assert plugins["greeter"].source == str(tmp_path / "more" / "greeter.py")
    assert plugins["greeter"].settings.model_dump() == {"enabled": True, "word": "hello"}


def test_the_order_of_the_configuration_is_the_order_of_calls(tmp_path: Path) -> None:
    _, plugins = read(configured(tmp_path, "{b: {}, c: {}, a: {}}", a=answering(), b=answering(), c=answering()))
    assert order(plugins)["client_helo"] == ["b", "c", "a"]


def test_constructed_plugins_are_called_in_the_same_order(tmp_path: Path) -> None:
    _, plugins = read(configured(tmp_path, "{b: {word: B}, a: {word: A}}", a=answering(), b=answering()))
    manager = new_manager()
    construct(manager, plugins, Mock())
    assert manager.hook.client_helo(client=Mock(), name="x") == ["B", "A"]


def test_a_plugin_may_ask_to_be_called_first(tmp_path: Path) -> None:
    eager = answering().replace("@hookimpl\n", "@hookimpl(tryfirst=True)\n")
    _, plugins = read(configured(tmp_path, "{a: {}, b: {}}", a=answering(), b=eager))
    assert order(plugins)["client_helo"] == ["b", "a"]


def test_a_plugin_that_is_switched_off_is_not_even_imported(tmp_path: Path) -> None:
    _, plugins = read(configured(tmp_path, "{broken: {enabled: false}}", broken="raise SystemExit"))
    assert not plugins


def test_a_plugin_without_settings_takes_none(tmp_path: Path) -> None:
    path = configured(tmp_path, "{bare: {word: x}}", bare="class Plugin:\n    def __init__(self, context, settings): ...\n")
    assert problems(path) == ["2:18: plugins.bare.word: unknown key; known are enabled"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def x(:", "cannot be loaded: SyntaxError"),
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("", "has no class Plugin"),
        ("Settings = dict", "must be a class derived from"),
        (answering("client_hello"), "implements an unknown hook client_hello, did you mean client_helo?"),
        (answering("client_helo", "client, word"), "a hook takes arguments that do not exist"),
    ],
)
def test_a_faulty_plugin_is_a_problem_where_the_configuration_names_it(tmp_path: Path, text: str, message: str) -> None:
    (problem,) = problems(configured(tmp_path, "{faulty: {}}", faulty=text))
    assert problem.startswith("2:11: plugins.faulty: ")
    assert message in problem


def test_a_misspelt_plugin_gets_a_hint(tmp_path: Path) -> None:
    (problem,) = problems(configured(tmp_path, "{greter: {}}", greeter=answering()))
    assert problem == "2:11: plugins.greter: there is no such plugin, did you mean greeter?"


def test_a_plugin_that_cannot_be_constructed_is_named(tmp_path: Path) -> None:
    text = "class Plugin:\n    def __init__(self, context, settings):\n        raise ValueError('no such queue')\n"
    _, plugins = read(configured(tmp_path, "{faulty: {}}", faulty=text))
    with pytest.raises(PluginError, match=r"plugin faulty \(.*faulty.py\) cannot start: no such queue"):
        construct(new_manager(), plugins, Mock())


def test_bundled_plugins_are_found_by_name() -> None:
    assert {"local_delivery", "metrics", "pop3_server", "smtp_relay", "smtp_server"} <= set(available([]))


def test_hooks_are_listed_in_the_order_of_a_message() -> None:
    names = list(hooks())
    assert names.index("client_connected") < names.index("check_sender") < names.index("check_message") < names.index("route")
