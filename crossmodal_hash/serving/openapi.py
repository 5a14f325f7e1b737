"""The OpenAPI document: paths by hand, everything that is sent by the models that check it."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import crossmodal_hash
from crossmodal_hash.serving.schema import About, Answer, Error, Health, Item, Question, Upload

_REF = "#/components/schemas/{model}"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Percent-encoded."}


@cache
def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    models: list[type[BaseModel]] = [Question, Upload, Answer, Item, About, Health, Error]
    _, made = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas = made["$defs"]
    form = schemas.pop("Upload")
    form["properties"] = {"picture": {"type": "string", "format": "binary"}, **form["properties"]}
    form["required"] = ["picture"]
    asked = {"application/json": {"schema": _of(Question)}, "multipart/form-data": {"schema": form}}
    search = _answers(
        "Find the items nearest to a text, picture, item or code.", Answer, 400, 403, 404, 408, 413, 415, 422, 429, 503
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "crossmodal_hash", "version": crossmodal_hash.__version__},
        "paths": {
            "/search": {"post": {**search, "requestBody": {"required": True, "content": asked}}},
            "/items/{id}": {"get": {**_answers("An item.", Item, 400, 404, 429, 503), "parameters": [_ID]}},
            "/pictures/{id}": {
                "get": {
                    **_answers("The picture of an item, made small.", "image/webp", 400, 404, 429),
                    "parameters": [_ID],
                }
            },
            "/about": {"get": _answers("What is served.", About, 400, 429)},
            "/healthz": {"get": _answers("That the server answers.", Health, 400, 429)},
            "/metrics": {"get": _answers("Counters, in the text format of Prometheus.", "text/plain", 400, 429)},
            "/openapi.json": {"get": _answers("This document.", "application/json", 400, 429)},
        },
        "components": {"schemas": schemas},
    }


def _of(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _answers(summary: str, answer: type[BaseModel] | str, *refusals: int) -> dict[str, Any]:
    content = {answer: {}} if isinstance(answer, str) else {"application/json": {"schema": _of(answer)}}
    wrong = {"description": "Why not.", "content": {"application/json": {"schema": _of(Error)}}}
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}} | {str(x): wrong for x in refusals},
    }
