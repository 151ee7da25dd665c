"""The OpenAPI 3.1 document of the API, made of the table of operations and the models that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway import __version__
from gateway.console.call import Model
from gateway.console.operations import PREFIX, Operation

ALWAYS: Final = {
    400: "Not what is described here; `errors` says where.",
    401: "Nobody is logged in, or the token is no good.",
    403: "The role is not enough, or the request comes from another site.",
    422: "Well written, and can't be done; `errors` says where.",
    429: "Too many tries.",
}
TOLD: Final = {
    404: "There is none.",
    409: "It is not the moment.",
    412: "Somebody changed it meanwhile: read it again.",
    413: "Too large.",
    415: "JSON is wanted.",
    428: "`If-Match` is wanted.",
    503: "It can't be done now.",
}


class Mistake(Model):
    """One of several mistakes. `where` is a file and line, or a field."""

    where: str
    message: str


class ProblemDetails(Model):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] = ()


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDetails, "serialization")]
    for one in operations:
        models += [(model, "validation") for model in (one.takes,) if model is not None]
        models += [(model, "serialization") for model in (one.gives,) if model is not None]
    names, schemas = models_json_schema(list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = _operation(one, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Masking gateway",
            "version": __version__,
            "description": "Rules, traffic, spool, accounts: everything that the console's pages do.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token."}},
        },
    }


def _operation(one: Operation, names: dict[Any, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(status): {
            "description": told,
            "content": {"application/problem+json": {"schema": names[ProblemDetails, "serialization"]}},
        }
        for status, told in [*ALWAYS.items(), *((status, TOLD[status]) for status in _fails(one) if status in TOLD)]
    }
    good: dict[str, Any] = {"description": "Done."}
    if one.gives is not None:
        good["content"] = {"application/json": {"schema": names[one.gives, "serialization"]}}
    if one.streams:
        good["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    answers[str(one.status)] = good
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.told,
        "description": f"For the role {one.role} and above.",
        "parameters": _parameters(one),
        "responses": dict(sorted(answers.items())),
    }
    if one.takes is not None:
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": names[one.takes, "validation"]}},
        }
    return told


def _fails(one: Operation) -> list[int]:
    more = {413, 415} if one.takes is not None else set()
    return sorted({*one.fails, *more, *((412, 428) if one.matches else ())})


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A parameter's schema without references: it stands apart from the model that it is of."""
    match schema:
        case {"$ref": str(name)}:
            return _inline(definitions[name.rpartition("/")[2]], definitions)
        case dict():
            return {key: _inline(value, definitions) for key, value in schema.items()}
        case list():
            return [_inline(value, definitions) for value in schema]
    return schema


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", one.path)
    ]
    if one.query is not None:
        schema = one.query.model_json_schema()
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": _inline(told, schema.get("$defs", {})),
            }
            for name, told in schema.get("properties", {}).items()
        ]
    if one.matches:
        told = "The ETag of what is to be changed, as it was read."
        found.append(
            {"name": "If-Match", "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
        )
    return found
