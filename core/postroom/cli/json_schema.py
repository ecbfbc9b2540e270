"""The JSON Schema of the configuration, by which editors complete and check ``config.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``config.yaml`` with the sections of all installed plugins."""
    from pydantic.json_schema import models_json_schema

    from ..config.schema import Config
    from ..discovery import PluginError, available, find, settings_of

    settings = {}
    for name in sorted(available([])):
        try:
            settings[name] = settings_of(find(name, [])[0])
        except PluginError as error:
            click.echo(f"postroom: {name} is left out: {error}", err=True)
    models = [(model, "validation") for model in (Config, *settings.values())]
    places, definitions = models_json_schema(models, title="Postroom config.yaml")  # type: ignore[arg-type]  # the literal is widened
    definitions |= {"$schema": "https://json-schema.org/draft/2020-12/schema", **places[Config, "validation"]}
    plugins = definitions["$defs"]["Config"]["properties"]["plugins"]
    plugins["properties"] = {name: {"anyOf": [places[model, "validation"], {"type": "null"}]} for name, model in settings.items()}
    written(definitions, definitions["$defs"])
    return definitions


def written(node: Any, known: Mapping[str, Any]) -> None:
    """Turn every default below ``node`` into what would stand in the file: the code keeps durations as seconds."""
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        written(part, known)
    if isinstance(node, dict) and "default" in node and "description" in node:
        node["default"] = as_written(node["default"], node, known)


def as_written(value: Any, node: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """The default ``value`` of what ``node`` describes; ``known`` are the definitions that nodes refer to."""
    from ..config.wording import duration

    node = known[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if isinstance(value, float) and node.get("type") == "string":
        return duration(value)
    if isinstance(value, dict):
        return {key: as_written(part, node.get("properties", {}).get(key, {}), known) for key, part in value.items()}
    if isinstance(value, list):
        items: Mapping[str, Any] = next((one["items"] for one in (node, *node.get("anyOf", ())) if "items" in one), {})
        return [as_written(part, items, known) for part in value]
    return value
