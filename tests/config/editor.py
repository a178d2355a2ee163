"""What an editor that knows the JSON Schema says of a YAML file."""

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import yaml

SCHEMA = Path(__file__).parents[2] / "config.schema.json"


class _Yaml12(yaml.SafeLoader):
    """Editors follow YAML 1.2: 09:00 and 2026-01-01 are texts, and so are yes and no."""


_TAG = "tag:yaml.org,2002:"
_Yaml12.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", "<"),
]:
    _Yaml12.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Yaml12.add_constructor(f"{_TAG}int", lambda _loader, node: int(node.value))


INSTALLED = importlib.util.find_spec("jsonschema") is not None  # by `make gate`


@functools.cache
def _validator() -> Any:
    jsonschema = importlib.import_module("jsonschema")
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8")))


def complaints(text: str) -> list[str]:
    """Return the path of each value that the schema does not accept, "" for the document; none without jsonschema."""
    if not INSTALLED:
        return []
    document = yaml.load(text, _Yaml12)  # noqa: S506 - a SafeLoader
    return [".".join(map(str, error.absolute_path)) for error in _validator().iter_errors(document)]
