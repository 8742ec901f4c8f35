"""The description of a server, OpenAPI 3.1: every path of every model with its own fields.

The schemas are what the door learned, no wider and no narrower: a body that fits is answered, one
that does not is refused. The examples are golden rows with the answers the model gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as version_of
from typing import Any

from ordain.config.deployment import Limits
from ordain.serving.served import Served
from ordain.serving.shapes import as_text

Json = dict[str, Any]
_ABOUT = """Predictions of trained models.

Beside what is described here, a model answers columns (`{"columns": {"field": [...]}}`, all of the
same length), CSV files (`text/csv`) and Arrow streams (`application/vnd.apache.arrow.stream`) at
the same path, in the form of the question; the Open Inference Protocol at `/v2`; and, where one
model is served, forms as Ludwig's server takes them at `/predict` and `/batch_predict`.

A text may have as many characters as the deployment's `limits.string_chars` says."""
_SCALAR: Json = {"type": ["string", "number", "boolean", "null"]}
_FLAG: Json = {
    "type": "object",
    "properties": {
        "field": {"type": "string"},
        "code": {"enum": ["type", "range", "edge", "category", "missing", "unknown"]},
        "imputed": {"const": True, "description": "The cell was taken as missing."},
        "nearest": {"type": "string"},
        "count": {"type": "integer"},
        "rows": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["field", "code"],
}
_FAULTS = {
    "400": "The body cannot be read.",
    "401": "There is no valid API key.",
    "403": "The key does not allow this.",
    "405": "Another method is possible here.",
    "409": "The version can explain nothing more: its bundle was changed or removed.",
    "413": "A limit is passed.",
    "415": "The body is of another form.",
    "421": "The server does not answer under this host name.",
    "422": "The rows are not what the model was trained on; every fault is named.",
    "429": "The caller makes more requests than it may.",
    "500": "The model could not answer.",
    "501": "This server keeps no predictions.",
    "503": "The server has all it can do; try again after the seconds that `Retry-After` says.",
    "504": "The model did not answer in time.",
}
_NO_OUTCOME = "The outcome is nothing that a model here predicts; every fault is named."
_READING = ("401", "403", "405", "421", "429", "500", "503")


def describe(
    versions: Mapping[str, Mapping[str, Served]], limits: Limits, *, has_keys: bool
) -> Json:
    """Return the description.

    Args:
        versions: loaded, by name and label.
        limits: of requests.
        has_keys: whether callers need a key.
    """
    paths: Json = dict(_server_paths())
    schemas: Json = {"Error": _error()}
    for name, labelled in versions.items():
        served = next(iter(labelled.values()))
        schemas |= _schemas(name, served, limits)
        paths[f"/v1/models/{name}"] = {"get": _get("Tell of the model", {"type": "object"})}
        paths[f"/v1/models/{name}/predict"] = {"post": _predict(name, served)}
    paths["/v1/feedback"] = {"post": _feedback(versions)}
    told: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Ordain", "version": version_of("ordain"), "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if has_keys:
        told["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        told["security"] = [{"key": []}, {"header": []}]
        for path in ("/livez", "/readyz"):
            told["paths"][path]["get"]["security"] = []
    return told


def _server_paths() -> Json:
    status = {"type": "object", "properties": {"status": {"type": "string"}}}
    return {
        "/": {"get": _get("Say what this server is", _root())},
        "/livez": {"get": _get("Say that the event loop turns", status, ("405", "421", "500"))},
        "/readyz": {
            "get": _get(
                "Say whether requests are to be sent here", status, ("405", "421", "500", "503")
            )
        },
        "/metrics": {
            "get": {
                "summary": "Metrics, as Prometheus reads them",
                "responses": {
                    "200": {
                        "description": "Metrics.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **_faults(*_READING),
                },
            }
        },
        "/v1/models": {
            "get": _get(
                "List the models",
                {
                    "type": "object",
                    "properties": {
                        "models": {"type": "array", "items": {"type": "object"}},
                        "refused": {
                            "type": "object",
                            "description": "What was deployed last cannot be served; the server's "
                            "log tells why under this id.",
                            "properties": {"id": {"type": "string"}, "since": {"type": "number"}},
                        },
                    },
                    "required": ["models"],
                },
            )
        },
        "/openapi.json": {"get": _get("This description", {"type": "object"})},
    }


def _root() -> Json:
    text = {"type": "string"}
    links = {"models": text, "openapi": text}
    names = {"type": "array", "items": text, "description": "That the caller may ask about."}
    told: Json = {
        "message": text,
        "version": text,
        "models": names,
        "links": {"type": "object", "properties": links, "required": list(links)},
    }
    return {
        "type": "object",
        "properties": told,
        "required": list(told),
        "additionalProperties": False,
    }


def _get(summary: str, schema: Json, faults: tuple[str, ...] = _READING) -> Json:
    return {
        "summary": summary,
        "responses": {
            "200": {
                "description": "It is.",
                "content": {"application/json": {"schema": schema}},
            },
            **_faults(*faults),
        },
    }


def _predict(name: str, served: Served) -> Json:
    example = served.example()
    body: Json = {
        "schema": {
            "oneOf": [
                {"$ref": f"#/components/schemas/{name}.one"},
                {"$ref": f"#/components/schemas/{name}.many"},
            ]
        }
    }
    answered: Json = {
        "schema": {
            "oneOf": [
                {"$ref": f"#/components/schemas/{name}.answer"},
                {"$ref": f"#/components/schemas/{name}.answers"},
            ]
        }
    }
    if example:
        body["examples"] = {
            "golden": {"summary": "A row of the training data", "value": {"row": example}}
        }
        flat = served.predict_row(example)
        told = {"model": name, "version": served.label, "prediction_id": "0" * 32}
        answered["examples"] = {"golden": {"value": {**told, "outputs": served.shape.of_row(flat)}}}
    return {
        "summary": f"Predict with {name}",
        "operationId": f"predict-{name}",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {"description": "Answered.", "content": {"application/json": answered}},
            **_faults("400", "409", "413", "415", "422", "504", *_READING),
        },
    }


def _feedback(versions: Mapping[str, Mapping[str, Served]]) -> Json:
    outputs: dict[str, list[Json | None]] = {}
    for labelled in versions.values():
        for served in labelled.values():
            for output in served.shape.outputs:
                outputs.setdefault(output.name, []).append(_truth(output))
    schema = {
        "type": "object",
        "properties": {
            "prediction_id": {"type": "string", "minLength": 1, "maxLength": 100},
            "values": {
                "type": "object",
                "properties": {
                    name: _SCALAR if None in found else {"anyOf": found}
                    for name, found in sorted(outputs.items())
                },
                "additionalProperties": False,
                "minProperties": 1,
            },
        },
        "required": ["prediction_id", "values"],
        "additionalProperties": False,
    }
    receipt = {
        "type": "object",
        "properties": {
            "prediction_id": {"type": "string"},
            "receipt": {"enum": ["recorded", "repeated", "replaced"]},
        },
        "required": ["prediction_id", "receipt"],
    }
    return {
        "summary": "Say what came true of a prediction",
        "operationId": "feedback",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "Taken.", "content": {"application/json": {"schema": receipt}}},
            **_faults("400", "413", "415", "422", "501", *_READING),
            "422": {**_faults("422")["422"], "description": _NO_OUTCOME},
        },
    }


def _truth(output: Any) -> Json | None:
    """Return what may come true of a number or of two labels; None where anything may."""
    if output.is_number:
        return {"type": ["number", "null"]}
    if output.both is None:
        return None
    return {"enum": list(dict.fromkeys([*output.both, *map(as_text, output.both), None]))}


def _schemas(name: str, served: Served, limits: Limits) -> Json:
    row = _row(served)
    ruled = served.rules.outputs if served.rules else frozenset()
    outputs = {
        output.name: _output(output, is_ruled=output.name in ruled)
        for output in served.shape.outputs
    }
    answer: Json = {
        "version": {"type": "string"},
        "prediction_id": {"type": "string"},
        "outputs": {"type": "object", "properties": outputs, "required": list(outputs)},
    }
    flags = {"flags": {"type": "array", "items": _FLAG}}
    fallback = {"fallback": {"enum": ["failed", "timed_out"]}}
    whole = {
        "model": {"const": name},
        **answer,
        **flags,
        **fallback,
        "explanation": {"type": "object"},
    }
    return {
        f"{name}.row": row,
        f"{name}.one": {
            "type": "object",
            "properties": {
                "row": {"$ref": f"#/components/schemas/{name}.row"},
                "explain": {"type": "boolean"},
            },
            "required": ["row"],
            "additionalProperties": False,
        },
        f"{name}.many": {
            "type": "object",
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {"$ref": f"#/components/schemas/{name}.row"},
                    "minItems": 1,
                    "maxItems": limits.batch_rows,
                }
            },
            "required": ["rows"],
            "additionalProperties": False,
        },
        f"{name}.answer": {
            "type": "object",
            "properties": whole,
            "required": ["model", *answer],
            "additionalProperties": False,
        },
        f"{name}.answers": {
            "type": "object",
            "properties": {
                "model": {"const": name},
                "predictions": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {**answer, **fallback},
                        "required": list(answer),
                    },
                },
                **flags,
            },
            "required": ["model", "predictions"],
            "additionalProperties": False,
        },
    }


def _row(served: Served) -> Json:
    door = served.door
    properties, required = {}, []
    for one in door.expectations:
        policy = door.policy_of(one.column)
        is_strict = policy == "reject"
        # What cannot be read is taken as missing under `impute`.
        schema = dict(_SCALAR) if policy == "impute" else one.schema(is_strict=is_strict)
        properties[one.column] = schema
        if is_strict and not one.may_miss:
            required.append(one.column)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "minProperties": 1,
        "additionalProperties": _SCALAR,
    }


def _output(output: Any, *, is_ruled: bool) -> Json:
    marks: Json = {"rule": {"type": "string"}, "before_rules": _SCALAR} if is_ruled else {}
    if output.is_number:
        properties: Json = {
            key: {"type": ["number", "null"]} for key in ("prediction", "low", "high")
        }
        return {"type": "object", "properties": properties | marks, "required": ["prediction"]}
    chance = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "properties": {
            "prediction": {"type": ["string", "number", "boolean", "null"]},
            "probability": chance,
            "probabilities": {
                "type": "object",
                "properties": dict.fromkeys(output.labels, chance),
            },
            "threshold": chance,
            "set": {"type": "array"},
            "is_answered": {"type": "boolean"},
            **marks,
        },
        "required": ["prediction"],
    }


def _error() -> Json:
    return {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "id": {"type": "string"},
                    "faults": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["code", "message", "id"],
            }
        },
        "required": ["error"],
    }


def _faults(*codes: str) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {code: {"description": _FAULTS[code], "content": content} for code in sorted(codes)}
