"""Stripe's own document of its API: what an operation takes, and what an object has."""

from collections.abc import Mapping
from typing import Any

from seahaven_stripe_world.spec import full_spec_document
from seahaven_stripe_world.stripe_errors import (
    StripeApiError,
    invalid_request,
    missing_parameter,
    unknown_parameter,
)

Schema = Mapping[str, Any]
FORM = "application/x-www-form-urlencoded"
MISSING = object()


def blank(name: str, /, **known: Any) -> dict[str, Any]:
    """An object of this schema: `known`, and null for everything else that may be null."""
    schema = full_spec_document()["components"]["schemas"][name]
    empty = {key: None for key, value in schema["properties"].items() if value.get("nullable")}
    return empty | known


def taken(method: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters in the types that the document declares; StripeApiError for any other."""
    operation = full_spec_document()["paths"][path][method.lower()]
    body = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
    properties = dict(body.get("properties", {}))
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            properties[parameter["name"]] = parameter["schema"]
    return _object({"properties": properties, "required": body.get("required", ())}, given, "")


def _object(schema: Schema, given: Mapping[str, Any], path: str) -> dict[str, Any]:
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    found = {}
    for name, value in given.items():
        inner = properties.get(name, extra)
        if not isinstance(inner, Mapping):
            raise unknown_parameter(_within(path, name))
        found[name] = _value(inner, value, _within(path, name))
    for name in schema.get("required", ()):
        if name not in found:
            raise missing_parameter(_within(path, name))
    return found


def _value(schema: Schema, value: Any, path: str) -> Any:
    """The first of the schema's alternatives that fits; the refusal of the last one otherwise."""
    refusal: StripeApiError | None = None
    for option in schema.get("anyOf") or [schema]:
        try:
            return _one(option, value, path)
        except StripeApiError as error:
            refusal = error
    assert refusal is not None
    raise refusal


def _one(schema: Schema, value: Any, path: str) -> Any:
    kind = schema.get("type")
    if kind == "object" and isinstance(value, Mapping):
        return _object(schema, value, path)
    if kind == "array" and isinstance(value, Mapping | list):
        inner = [value[key] for key in sorted(value, key=int)] if _numbered(value) else value
        return [_value(schema["items"], item, f"{path}[{n}]") for n, item in enumerate(inner)]
    found = _scalar(kind, value) if isinstance(value, str | int | float | bool) else MISSING
    if found is MISSING:
        raise invalid_request(f"Invalid {kind}: {value}", param=path, pre_execution=True)
    if "enum" in schema and found not in schema["enum"]:
        choices = ", ".join(schema["enum"])
        raise invalid_request(
            f"Invalid {path}: must be one of {choices}", param=path, pre_execution=True
        )
    if len(str(found)) > schema.get("maxLength", 5000):
        message = f"Invalid string: must be at most {schema['maxLength']} characters"
        raise invalid_request(message, param=path, pre_execution=True)
    return found


def _scalar(kind: str | None, value: Any) -> Any:
    if kind == "string":
        return value if isinstance(value, str) else MISSING
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(value).lower(), MISSING)
    if kind in ("integer", "number"):
        try:
            return int(value) if kind == "integer" else float(value)
        except ValueError:
            return MISSING
    return MISSING


def _numbered(value: Any) -> bool:
    return isinstance(value, Mapping) and all(key.isdigit() for key in value)


def _within(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
