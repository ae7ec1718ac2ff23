"""The JSON Schema of scenario.yaml, for editors: the file's own fields, and every grader's and fault's params."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

from cka_lab.api import Fault, Grader
from cka_lab.params import LISTS, MAPPINGS, bare, signature
from cka_lab.plugins import Registry
from cka_lab.schema import ScenarioFile

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def json_schema(registry: Registry) -> dict[str, Any]:
    """Draft 2020-12."""
    schema = ScenarioFile.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    for name in ("Check", "GraderCall"):
        parts[name]["allOf"] = _calls(registry.graders)
        parts[name]["properties"]["uses"] = {"enum": sorted(registry.graders)}
    parts["Step"]["allOf"] = _calls(registry.faults)
    parts["Step"]["properties"]["uses"] = {"enum": sorted(registry.faults)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "cka-lab scenario"}


def _calls(known: Mapping[str, Grader | Fault]) -> list[dict[str, Any]]:
    """For each name: if `uses` is it, `with` looks so."""
    return [
        {
            "if": {"properties": {"uses": {"const": name}}},
            "then": {"properties": {"with": _params(known[name])}},
        }
        for name in sorted(known)
    ]


def _params(call: Grader | Fault) -> dict[str, Any]:
    params = signature(call.function)
    return {
        "type": "object",
        "description": (inspect.getdoc(call.function) or "").split("\n\n")[0],
        "properties": {name: _type(param.hint) for name, param in params.items()},
        "required": [name for name, param in params.items() if param.required],
        "additionalProperties": False,
    }


def _type(hint: Any) -> dict[str, Any]:
    hint = bare(hint)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type(option) for option in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in LISTS:
        return {"type": "array", **({"items": _type(arguments[0])} if arguments else {})}
    if origin in MAPPINGS:
        return {"type": "object", **({"additionalProperties": _type(arguments[1])} if arguments else {})}
    return {"type": PLAIN[hint]} if hint in PLAIN else {}
