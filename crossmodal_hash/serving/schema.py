"""What requests and answers look like: the same models check a request and describe it in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crossmodal_hash.serving.request_error import RequestError

K = Annotated[int, Field(ge=1, description="How many items.")]
Radius = Annotated[int | None, Field(ge=0, le=1_000_000, description="Bits; none further away.")]
Modality = Annotated[
    str | None, Field(max_length=200, description="Which codes are searched; see /about. Default: the other modality.")
]


class Question(BaseModel):
    """What to look for: exactly one of text, code and item."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str | None, Field(description="Words.")] = None
    code: Annotated[
        str | None, Field(max_length=100_000, description="A packed code in hexadecimal digits, as an answer has it.")
    ] = None
    item: Annotated[
        str | None, Field(max_length=10_000, description="Id of an item: what is near its own code is found.")
    ] = None
    k: K = 10
    modality: Modality = None
    radius: Radius = None

    @model_validator(mode="after")
    def _one(self) -> Question:
        if sum(given is not None for given in (self.text, self.code, self.item)) != 1:
            raise ValueError("give exactly one of text, code and item")
        return self


class Upload(BaseModel):
    """The other fields of a form with a picture."""

    model_config = ConfigDict(extra="forbid")

    k: K = 10
    modality: Modality = None
    radius: Radius = None


class Hit(BaseModel):
    """An item that was found."""

    model_config = ConfigDict(extra="forbid")

    item: Annotated[str, Field(description="Its id.")]
    distance: Annotated[int, Field(ge=0, description="Bits in which its code differs from the query's.")]
    text: Annotated[str | None, Field(description="Its text, or null where the data are not there.")]
    labels: list[str]
    picture: Annotated[str | None, Field(description="Path of its picture on this server.")]


class Answer(BaseModel):
    """What was found, nearest first."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str | None, Field(description="The text, code or id that was asked for; null for a picture.")]
    code: Annotated[str, Field(description="The packed code of the query in hexadecimal digits.")]
    modality: Annotated[str, Field(description="Which codes were searched.")]
    bits: int
    searched: Annotated[int, Field(description="How many codes were searched.")]
    results: list[Hit]


class Item(BaseModel):
    """An item of the index."""

    model_config = ConfigDict(extra="forbid")

    item: str
    text: str | None
    labels: list[str]
    picture: str | None
    codes: Annotated[dict[str, list[str]], Field(description="Modality -> its packed codes in hexadecimal digits.")]


class About(BaseModel):
    """What is served."""

    model_config = ConfigDict(extra="forbid")

    name: str
    bits: int
    searched: Annotated[dict[str, int], Field(description="Modality -> how many codes can be searched.")]
    asks: Annotated[list[str], Field(description="What a query may be: text, picture, item, code.")]
    labels: list[str]
    has_pictures: bool
    most: Annotated[int, Field(description="The largest k.")]
    upload: Annotated[int, Field(description="Bytes that a form with a picture may have.")]
    examples: Annotated[list[Item], Field(description="Some of the items.")]


class Health(BaseModel):
    """That the server answers."""

    model_config = ConfigDict(extra="forbid")

    status: str = "ok"


class Error(BaseModel):
    """What was wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    error: Annotated[str, Field(description="One sentence.")]


def read_question(body: bytes) -> Question:
    """A request in JSON.

    Raises:
        RequestError: for anything that is not one.
    """
    try:
        return Question.model_validate_json(body)
    except ValidationError as error:
        raise refused(error) from None


def read_upload(fields: dict[str, Any]) -> Upload:
    """The fields of a form beside its picture.

    Raises:
        RequestError: for a wrong one.
    """
    try:
        return Upload.model_validate(fields)
    except ValidationError as error:
        raise refused(error) from None


def refused(error: ValidationError) -> RequestError:
    """The first thing that is wrong, without what was given: that may be megabytes."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))[:60]
    said = first["msg"].removeprefix("Value error, ").rstrip(".")[:300]
    return RequestError(422, f"{where}: {said[:1].lower()}{said[1:]}" if where else f"{said[:1].lower()}{said[1:]}")
