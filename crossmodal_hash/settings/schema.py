"""The schema of the settings: tables, defaults and limits, and one message for all problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from crossmodal_hash.errors import SettingsError, did_you_mean
from crossmodal_hash.settings.allowed import allowed

T = TypeVar("T")


class Strict(BaseModel):
    """A table that rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


def named(value: Any) -> Any:
    """A name as the table that it abbreviates."""
    return {"name": value} if isinstance(value, str) else value


class Named(BaseModel):
    """A component by registry name, with parameters: `"bbi"` or `{ name = "bbi", rank = 256 }`."""

    model_config = ConfigDict(extra="allow")
    name: str

    def params(self) -> dict[str, Any]:
        """Everything except the name."""
        return dict(self.model_extra or {})


Part = Annotated[Named, BeforeValidator(named)]


class TowerSettings(Strict):
    """The path of one modality from raw input to codes."""

    backbone: Part
    levels: int | list[int | str] = Field(3, description="the last n levels, or positions or names, lowest first")
    words: bool = Field(False, description="also count words, beside a backbone that reads the texts themselves")
    pooling: Part = Field(Named(name="pyramid"), description="how a level becomes one vector")
    width: int = Field(256, ge=0, description="D, width of each projected level; 0 does not project")
    input_dropout: float = Field(0.0, ge=0, lt=1, description="dropout on each pooled level, or on its channels")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout on each projected level")
    fusion: Part = Field(Named(name="bbi"), description="how the levels become one vector")
    head: Part = Field(Named(name="tanh"), description="activation of the hash heads")
    level_heads: bool = Field(True, description="also supervise a hash head on every level")
    shortcut: float = Field(
        0.0,
        ge=0,
        description="size of a fixed linear code (ITQ) of the frozen features, added before the head; 0: none",
    )
    lr_factor: float = Field(1.0, gt=0, description="factor on the learning rate of this tower")


class TermSettings(Strict):
    """One term of the objective."""

    loss: Part
    criterion: Part | None = Field(None, description="similarity of items, for losses that compare pairs")
    optional: bool = Field(False, description="leave the term out if the data lacks the evidence it needs")
    graded: bool = Field(False, description="whether --sim names this term's criterion")
    weight: float = Field(1.0, ge=0, description="factor on the whole term; 0 leaves it out")
    inter: float = Field(1.0, ge=0, description="factor on pairs across modalities")
    intra: float = Field(0.0, ge=0, description="factor on pairs within a modality, on the gradient of each tower")
    heads: Literal["fused", "levels+fused", "sum"] = Field("fused", description="hash heads the term runs over")
    between: Literal["all", "guide"] = Field("all", description="towers to compare: all, or each with the guides")
    on: Literal["codes", "features"] = Field("codes", description="input of the loss; features before the hash head")


class TrainSettings(Strict):
    """Optimization."""

    epochs: int = Field(25, ge=1)
    batch: int = Field(256, ge=2, description="B, items per step")
    memory: Literal["batch", "full"] = Field("batch", description="in-batch pairs, or the papers' buffers F, G, B")
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="learning rate; the highest of a one-cycle schedule")
    lr_end: float = Field(1e-6, gt=0, description="learning rate of the last epoch, linear or log-linear")
    schedule: Literal["constant", "one-cycle", "linear", "log-linear"] = "one-cycle"
    opponent_lr: float = Field(1e-4, gt=0, description="learning rate of losses trained against the towers; AdamW")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of SGD")
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(0.0, ge=0, description="largest gradient norm; 0 does not clip")
    guide_epochs: int = Field(5, ge=1, description="in-batch: first epochs, in which only label towers learn")
    max_steps: int | None = Field(None, ge=1, description="stop after this number of steps")
    freeze_backbone: bool | None = Field(None, description="train on cached features; default: if there is no GPU")
    cache_grid: int = Field(2, ge=1, description="side of the grid a cached level is condensed to")
    mirror: bool = Field(False, description="also use every picture mirrored")
    augment: bool = Field(False, description="random crops and mirroring when the backbone is trained")
    select: Literal["best", "last"] = Field("best", description="which epoch is kept; best on the validation part")
    refit: bool = Field(
        False, description="after the epoch is chosen, train again up to it, including the validation items"
    )
    rotate: bool = Field(False, description="rotate the codes after training, to reduce the loss from the sign (ITQ)")
    validate_every: int = Field(1, ge=1, description="number of epochs between validations")
    checkpoint_every: float = Field(20.0, ge=0, description="most seconds of work that a killed training loses")
    workers: int | None = Field(None, ge=0, description="processes that read pictures; default: one per core")


class VocabularySettings(Strict):
    """The bag of words, made only from the training texts."""

    max_words: int = Field(2000, ge=1)
    min_count: int = Field(2, ge=1, description="number of texts in which a word must occur")
    file: str | None = Field(None, description="the words to count, one per line, for any number and frequency")
    weighting: Literal["binary", "count", "tf-idf"] = Field("binary", description="weight of a word in a text")


class DataSettings(Strict):
    """The items, and their use."""

    path: str | None = Field(None, description="folder, archive or matrix file; default: the embedded drawings")
    reader: Part | None = Field(None, description="layout of the files; default: detected")
    skip_bad: bool = Field(
        False, description="leave out items without text or with a picture that cannot be read, and list them"
    )
    query: int | None = Field(None, ge=1, description="query items; default: a tenth, at most 2,000")
    train: int | None = Field(None, ge=2, description="training items; default: half, at most 10,000")
    validation: float = Field(0.1, ge=0, description="share (below 1) or number of training items to hold out")
    split: str | None = Field(None, description="JSON file of ids instead of a seeded draw")
    vocabulary: VocabularySettings = VocabularySettings()


class Settings(Strict):
    """All settings of a run."""

    title: str = ""
    bits: int = Field(64, ge=1, le=4096, description="K, code length")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    data: DataSettings = DataSettings()
    towers: dict[str, TowerSettings] = Field(min_length=1)
    terms: dict[str, TermSettings] = {}
    closed_form: Part | None = Field(None, description="a closed-form method, instead of terms")
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _has_a_term(self) -> Settings:
        if self.closed_form is not None:
            if self.terms:
                raise ValueError(
                    f"closed_form = {self.closed_form.name!r} is fitted without terms, but these settings have "
                    f"{', '.join(self.terms)}; start from a closed-form recipe, such as --recipe scm"
                )
            if self.train.freeze_backbone is False:
                raise ValueError(
                    f"closed_form = {self.closed_form.name!r} always freezes the backbone; leave "
                    f"--no-freeze-backbone (train.freeze_backbone = false) out"
                )
            return self
        if not self.terms:
            raise ValueError("setting 'terms' is missing; give it, or build on a recipe with base = 'default'")
        if not any(term.weight > 0 for term in self.terms.values()):
            raise ValueError("every term has weight 0, so there is nothing to learn from")
        return self


def check(values: Mapping[str, Any]) -> Settings:
    """The values as `Settings`.

    Raises:
        SettingsError: with all problems in one message: each with its key, the value and the fix.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(problems(error, Settings, values)) from None


def with_default_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` in which a part of a tower that has parameters but no name gets the name of the default part.

    Example:
        >>> with_default_parts({"towers": {"image": {"pooling": {"bins": [1]}}}})
        {'towers': {'image': {'pooling': {'name': 'pyramid', 'bins': [1]}}}}
    """
    towers = values.get("towers")
    if not isinstance(towers, Mapping):
        return dict(values)
    return {**values, "towers": {name: _with_names(tower) for name, tower in towers.items()}}


def _with_names(tower: Any) -> Any:
    if not isinstance(tower, Mapping):
        return tower
    defaults = {key: field.default for key, field in TowerSettings.model_fields.items()}
    names = {key: part.name for key, part in defaults.items() if isinstance(part, Named)}
    return {
        key: {"name": names[key], **value} if key in names and isinstance(value, Mapping) else value
        for key, value in tower.items()
    }


def problems(error: ValidationError, model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> str:
    """All problems that pydantic found, in words.

    Args:
        error: what it raised.
        model: the schema, which says what is allowed.
        values: what was checked.
        prefix: put before every key.
    """
    return "; ".join(dict.fromkeys(prefix + _problem(detail, model, values) for detail in error.errors()))


def _problem(detail: Mapping[str, Any], model: type[BaseModel], values: Mapping[str, Any]) -> str:
    where, field = _field(model, detail["loc"])
    key, value = ".".join(where), _value(values, where, detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            last = str(detail["loc"][-1])
            known = list(flatten_keys(Settings, where))
            return (
                f"unknown setting {'.'.join([*where, last])!r}{did_you_mean(last, known)}; known here: "
                f"{', '.join(known)}"
            )
        case "missing":
            return f"setting {key!r} is missing; give it, or build on a recipe with base = 'default'"
        case "too_short":
            return f"{key} is empty; give at least one"
        case "value_error":
            return str(detail["ctx"]["error"])
    if field is None:
        return f"{key} = {value!r} is not a table of settings; set one in it: {key}.KEY"
    if _kind(field.annotation) is Named or where[-1] == "name":
        kind = (where[-2] if where[-1] == "name" else where[-1]).replace("_", "-")
        return f"{key} = {value!r} is not a name; choose one from 'chash list {kind}'"
    what = allowed(field.annotation, field.metadata)
    if detail["type"] == "finite_number":
        what = what.replace("a number", "a finite number")
    return f"{key} = {value!r} is not allowed; use {what}{_example(field)}"


def _field(model: type[BaseModel], loc: Sequence[int | str]) -> tuple[list[str], FieldInfo | None]:
    """The keys of the table or setting that an error is about, and the setting, or None for a table.

    Pydantic goes on with members of unions and lists, and with names of validators, which are not keys anybody wrote.
    """
    keys: list[str] = []
    at: Any = model
    field: FieldInfo | None = None
    for part in map(str, loc):
        fields = at.model_fields if isinstance(at, type) and issubclass(at, BaseModel) else {}
        if part in fields:
            field, at = fields[part], _kind(fields[part].annotation)
        elif get_origin(at) is dict:
            field, at = None, _kind(get_args(at)[1])
        else:
            break
        keys.append(part)
    is_table = isinstance(at, type) and issubclass(at, Strict)
    return keys, None if is_table else field


def _kind(declared: Any) -> Any:
    """A type without what is around it: validators, and that it may be missing."""
    if get_origin(declared) is Annotated:
        return _kind(get_args(declared)[0])
    kinds = [kind for kind in get_args(declared) if kind is not NoneType]
    return _kind(kinds[0]) if len(kinds) == 1 and NoneType in get_args(declared) else declared


def _value(values: Any, where: Sequence[str], otherwise: Any) -> Any:
    """The value at a key, as the user gave it."""
    for part in where:
        if not isinstance(values, Mapping) or part not in values:
            return otherwise
        values = values[part]
    return values


def _example(field: FieldInfo) -> str:
    """The default, where the words do not already say what can be chosen."""
    listed = get_origin(field.annotation) is Literal or field.annotation is bool
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    given = isinstance(default, int | float | str | list) and default != ""
    return f", such as {default!r}" if given and not listed else ""


def flatten_keys(model: type[BaseModel], path: Sequence[str]) -> Iterator[str]:
    """The keys of the table at `path` below `model`."""
    tables: dict[str, type[BaseModel]] = {
        "data": DataSettings,
        "train": TrainSettings,
        "towers": TowerSettings,
        "terms": TermSettings,
        "vocabulary": VocabularySettings,
    }
    for part in path:
        model = tables.get(part, model)
    yield from model.model_fields
