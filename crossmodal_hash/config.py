"""Settings: what may be set, where each value came from, and one message for everything that is wrong.

Precedence, lowest first: defaults, recipe, its `[frozen]` table when the backbone is frozen, file, `--set`, flags.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model, model_validator

from crossmodal_hash.errors import SettingsError, UnknownComponentError, did_you_mean
from crossmodal_hash.recipes import recipes
from crossmodal_hash.registry import normalise


class Strict(BaseModel):
    """A table that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Named(BaseModel):
    """A component by registry name, with parameters: `"bbi"` or `{ name = "bbi", rank = 256 }`."""

    model_config = ConfigDict(extra="allow")
    name: str

    def params(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


Part = Annotated[Named, BeforeValidator(_named)]


class TowerSettings(Strict):
    """One modality's way from raw input to codes."""

    backbone: Part
    levels: int | list[int | str] = Field(3, description="the last n levels, or positions or names, lowest first")
    pooling: Part = Field(Named(name="pyramid"), description="how a level becomes one vector")
    width: int = Field(256, ge=0, description="D, width of each projected level; 0 leaves pooled levels as they are")
    input_dropout: float = Field(0.0, ge=0, lt=1, description="on each pooled level")
    dropout: float = Field(0.3, ge=0, lt=1, description="on each projected level")
    fusion: Part = Field(Named(name="bbi"), description="how the levels become one vector")
    head: Part = Field(Named(name="tanh"), description="activation of the hash heads")
    level_heads: bool = Field(True, description="supervise a hash head on every level too")


class TermSettings(Strict):
    """One term of the objective."""

    loss: Part
    criterion: Part | None = Field(None, description="similarity of labels, for losses that compare pairs")
    graded: bool = Field(False, description="whether --sim names this term's criterion")
    weight: float = Field(1.0, ge=0, description="factor on the whole term; 0 leaves it out")
    inter: float = Field(1.0, ge=0, description="factor on pairs across modalities")
    intra: float = Field(0.0, ge=0, description="factor on pairs within a modality")
    heads: Literal["fused", "levels+fused", "sum"] = Field("fused", description="hash heads the term runs over")


class TrainSettings(Strict):
    """Optimisation."""

    epochs: int = Field(25, ge=1)
    batch: int = Field(256, ge=2, description="B, items a step")
    memory: Literal["batch", "full"] = Field("batch", description="in-batch pairs, or the papers' buffers F, G, B")
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="learning rate; the highest of a one-cycle schedule")
    lr_end: float = Field(1e-6, gt=0, description="learning rate of the last epoch of a log-linear schedule")
    schedule: Literal["constant", "one-cycle", "log-linear"] = "one-cycle"
    momentum: float = Field(0.0, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(0.0, ge=0, description="largest gradient norm; 0 does not clip")
    max_steps: int | None = Field(None, ge=1, description="stop after so many steps")
    freeze_backbone: bool | None = Field(None, description="train on cached features; none: where there is no GPU")
    cache_grid: int = Field(2, ge=1, description="side of the grid a cached level is condensed to")
    mirror: bool = Field(False, description="also see every picture mirrored")
    augment: bool = Field(False, description="random crops and mirroring when the backbone is trained")
    select: Literal["best", "last"] = Field("best", description="which epoch is kept; best on the validation part")
    validate_every: int = Field(1, ge=1, description="epochs between two scores of the validation part")
    checkpoint_every: float = Field(20.0, ge=0, description="seconds of work a killed training loses at most")
    workers: int | None = Field(None, ge=0, description="processes that read pictures; none: one a core")


class VocabularySettings(Strict):
    """The bag of words, made from the training texts alone."""

    max_words: int = Field(2000, ge=1)
    min_count: int = Field(2, ge=1, description="texts a word must occur in")


class DataSettings(Strict):
    """Which items, and what part each plays."""

    path: str | None = Field(None, description="folder, archive or matrix file; none: the embedded drawings")
    query: int | None = Field(None, ge=1, description="query items; none: a tenth, at most 2,000")
    train: int | None = Field(None, ge=2, description="training items; none: half, at most 10,000")
    validation: float = Field(0.1, ge=0, description="cut from the training items: a share below 1, or a count")
    split: str | None = Field(None, description="JSON file of ids instead of a seeded draw")
    vocabulary: VocabularySettings = VocabularySettings()


class Settings(Strict):
    """Everything a run is made from."""

    title: str = ""
    bits: int = Field(64, ge=1, le=4096, description="K, code length")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    data: DataSettings = DataSettings()
    towers: dict[str, TowerSettings] = Field(min_length=1)
    terms: dict[str, TermSettings] = Field(min_length=1)
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _has_a_term(self) -> Settings:
        if not any(term.weight > 0 for term in self.terms.values()):
            raise ValueError("every term has weight 0, so there is nothing to learn from")
        return self


class Layer(NamedTuple):
    """Some settings and where they come from."""

    origin: str
    values: dict[str, Any]


Origins = dict[str, str]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` on top, table by table; a part under another name is replaced whole.

    Example:
        >>> merge({"fusion": {"name": "bbi", "rank": 8}}, {"fusion": {"rank": 16}})
        {'fusion': {'name': 'bbi', 'rank': 16}}
        >>> merge({"fusion": {"name": "bbi", "rank": 8}}, {"fusion": "last"})
        {'fusion': {'name': 'last'}}
    """
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        # `fusion = "bbi"` and `fusion.rank = 16` must meet: a name is short for a table.
        if isinstance(old, Mapping) and "name" in old and isinstance(value, str):
            value = {"name": value}
        elif isinstance(old, str) and isinstance(value, Mapping):
            old = {"name": old}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            replaced = "name" in value and normalise(str(value["name"])) != normalise(
                str(old.get("name", value["name"]))
            )
            out[key] = dict(value) if replaced else merge(old, value)
        else:
            out[key] = value
    return out


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and leaves, in order."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def nest(key: str, value: Any) -> dict[str, Any]:
    """`nest("a.b", 1)` -> `{"a": {"b": 1}}`."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table.

    Raises:
        SettingsError: if it is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read settings from {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


def read_recipe(name: str) -> tuple[str, dict[str, Any]]:
    """A shipped recipe by name, or a TOML file by path, with the one recipe it builds on merged in.

    Returns:
        Its name and its values, `[frozen]` included.

    Raises:
        UnknownComponentError: no recipe of that name and no such file.
        SettingsError: a base that is unknown or itself has a base.
    """
    shipped = recipes()
    path = shipped.get(normalise(name))
    if path is None:
        if not name.endswith(".toml"):
            raise UnknownComponentError("recipe", name, shipped)
        path = Path(name)
    values = read_toml(path)
    base = values.pop("base", None)
    if base is not None:
        if not isinstance(base, str) or base not in shipped:
            raise SettingsError(f"recipe {name} builds on unknown recipe {base!r}.{did_you_mean(str(base), shipped)}")
        below = read_toml(shipped[base])
        if "base" in below:
            raise SettingsError(
                f"recipe {name} builds on {base}, which builds on {below['base']}; one step is the limit"
            )
        values = merge(below, values)
    return path.stem, values


def parse_value(text: str) -> Any:
    """The right side of `--set KEY=VALUE` as TOML, or as plain text; nothing is evaluated.

    Example:
        >>> parse_value("1e-4"), parse_value("[1, 2]"), parse_value("pairwise-nll"), parse_value("true")
        (0.0001, [1, 2], 'pairwise-nll', True)
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def parse_set(assignments: Sequence[str]) -> dict[str, Any]:
    """`--set` options as one table.

    Raises:
        SettingsError: for an option without `=`.
    """
    out: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"--set {assignment!r} is not KEY=VALUE, such as --set train.epochs=10")
        out = merge(out, nest(key.strip(), parse_value(value.strip())))
    return out


def _set_in_towers(values: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {"towers": {modality: nest(key, value) for modality in values.get("towers", {})}}


def _similarity(values: Mapping[str, Any], name: str, recipe: str) -> dict[str, Any]:
    terms: Mapping[str, Any] = values.get("terms", {})
    graded = [key for key, term in terms.items() if term.get("graded")]
    if not graded:
        raise SettingsError(
            f"recipe {recipe} has no graded term for --sim {name}; choose another with --recipe, such as hsidhn"
        )
    others = [
        key for key, term in terms.items() if term.get("criterion") and key not in graded and term.get("weight", 1)
    ]
    if normalise(name) == "hard" and others:
        return {"terms": {key: {"weight": 0.0} for key in graded}}
    # A recipe may carry its graded term switched off; naming a criterion switches it on.
    on = {key: terms[key].get("weight", 1.0) or 1.0 for key in graded}
    return {"terms": {key: {"criterion": {"name": name}, "weight": on[key]} for key in graded}}


def _leading_loss(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    terms: Mapping[str, Any] = values.get("terms", {})
    compared = sorted(
        (bool(term.get("graded")), i, key) for i, (key, term) in enumerate(terms.items()) if term.get("criterion")
    )
    if not compared:
        raise SettingsError(f"the recipe has no term with a criterion whose loss --loss {name} could replace")
    return {"terms": {compared[0][2]: {"loss": {"name": name}}}}


def flag_layers(values: Mapping[str, Any], flags: Mapping[str, Any], recipe: str) -> Iterator[Layer]:
    """The settings each flag of `chash train` stands for, given what the recipe says so far.

    Raises:
        SettingsError: a flag the recipe has no place for.
    """
    for flag, value in flags.items():
        if value is None:
            continue
        origin = f"--{flag.replace('_', '-')}"
        match flag:
            case "backbone" | "weights" | "text":
                modality = "text" if flag == "text" else "image"
                if modality not in values.get("towers", {}):
                    raise SettingsError(f"recipe {recipe} has no {modality} tower for {origin} {value}")
                key = "backbone.weights" if flag == "weights" else "backbone.name"
                yield Layer(origin, nest(f"towers.{modality}.{key}", value))
            case "fusion":
                yield Layer(origin, _set_in_towers(values, "fusion.name", value))
            case "sim":
                yield Layer(origin, _similarity(values, value, recipe))
            case "loss":
                yield Layer(origin, _leading_loss(values, value))
            case "epochs":
                yield Layer(origin, nest("train.epochs", value))
            case "freeze_backbone":
                yield Layer(origin if value else "--no-freeze-backbone", nest("train.freeze_backbone", value))
            case "data":
                yield Layer(origin, nest("data.path", value))
            case "query" | "train" | "split":
                yield Layer(origin, nest(f"data.{flag}", value))
            case _:
                yield Layer(origin, {flag: value})


class Resolved(NamedTuple):
    """Checked settings, and where each value came from."""

    recipe: str
    settings: Settings
    origins: Origins

    def entries(self) -> dict[str, dict[str, Any]]:
        """Dotted key -> value and origin: what `config.json` holds."""
        flat = flatten(self.settings.model_dump(mode="json"))
        return {key: {"value": value, "origin": self.origins.get(key, "default")} for key, value in flat}


def resolve(
    recipe: str = "default",
    *,
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    frozen_by_default: bool = True,
    extra: Sequence[Layer] = (),
) -> Resolved:
    """All layers, merged and checked.

    Args:
        recipe: name of a shipped recipe or path of a TOML file.
        file: a TOML file of settings over the recipe's.
        sets: `KEY=VALUE` texts.
        flags: flag of `chash train` without its dashes -> value; none means not given.
        frozen_by_default: whether the backbone is frozen where nobody says.
        extra: layers between the recipe and the file, such as what the data asks for.

    Raises:
        SettingsError: everything that is wrong, in one message.
        UnknownComponentError: no such recipe.
    """
    name, body = read_recipe(recipe)
    frozen_table = body.pop("frozen", {})
    check_tables({"frozen": frozen_table})
    user = [Layer(f"file {file}", read_toml(file))] if file else []
    user.append(Layer("--set", parse_set(sets)))
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    said = [_freezing(values) for values in (body, *(layer.values for layer in user))] + [given.get("freeze_backbone")]
    frozen = next((bool(value) for value in reversed(said) if value is not None), frozen_by_default)

    layers = [Layer(f"recipe {name}", body)]
    if frozen:
        layers.append(Layer(f"recipe {name} [frozen]", frozen_table))
    layers += [*extra, *user]
    values: dict[str, Any] = {}
    origins: Origins = {}

    def put(layer: Layer) -> None:
        nonlocal values
        before = dict(flatten(_expanded(values)))
        values = merge(values, layer.values)
        said = dict(flatten(_expanded(layer.values)))
        for key, value in flatten(_expanded(values)):
            if before.get(key) != value or key in said:
                origins[key] = layer.origin

    for layer in layers:
        put(layer)
    check_tables(values)
    for layer in flag_layers(values, given, name):
        put(layer)
    if values.get("train", {}).get("freeze_backbone") is None:
        put(Layer("default", nest("train.freeze_backbone", frozen)))
    return Resolved(name, check(values), origins)


def check_tables(values: Mapping[str, Any]) -> None:
    """Refuse a plain value where a table is needed: a flag, or a default, would silently take its place.

    Raises:
        SettingsError: naming the table.
    """
    for key in ("data", "train", "towers", "terms", "frozen"):
        table = values.get(key, {})
        inner = table.items() if isinstance(table, Mapping) and key in ("towers", "terms") else ()
        for where, value in [(key, table), *((f"{key}.{name}", value) for name, value in inner)]:
            if not isinstance(value, Mapping):
                raise SettingsError(f"{where} = {value!r} is not a table of settings; set one in it: {where}.KEY")


def _freezing(values: Mapping[str, Any]) -> Any:
    train = values.get("train")
    return train.get("freeze_backbone") if isinstance(train, Mapping) else None


PARTS = ("backbone", "pooling", "fusion", "head", "loss", "criterion")


def _expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with every part written as a table, so that its name has the same key however it was given."""
    return {
        key: _named(value) if key in PARTS else _expanded(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }


def check(values: Mapping[str, Any]) -> Settings:
    """The values as `Settings`.

    Raises:
        SettingsError: everything that is wrong, in one message: each with its key, the value and what would do.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(problems(error)) from None


def check_params(cls: type, params: Mapping[str, Any], where: str) -> None:
    """Refuse parameters of another type than the constructor of a component declares.

    Raises:
        SettingsError: everything that is wrong, in one message; `where` is the key of the component.
    """
    try:
        declared = inspect.signature(cls, eval_str=True).parameters
    except NameError:
        # A plug-in may name types that it imports for checkers alone; it checks its own parameters then.
        return
    kinds = {key: declared[key].annotation for key in params}
    fields: dict[str, Any] = {
        key: (Any if kind is inspect.Parameter.empty else kind, ...) for key, kind in kinds.items()
    }
    strict = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        create_model("Parameters", __config__=strict, **fields).model_validate(dict(params))
    except ValidationError as error:
        raise SettingsError(problems(error, f"{where}.")) from None


def problems(error: ValidationError, prefix: str = "") -> str:
    """All that pydantic found, in words."""
    return "; ".join(dict.fromkeys(prefix + _problem(detail) for detail in error.errors()))


def _problem(detail: Mapping[str, Any]) -> str:
    # Unions and validators add path elements of their own, which are not keys anybody wrote.
    where = [str(part) for part in detail["loc"] if not str(part).startswith(("function-", "int", "list["))]
    key, value = ".".join(where), detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            known = list(flatten_keys(Settings, where[:-1]))
            return f"unknown setting {key!r}.{did_you_mean(where[-1], known)} Known here: {', '.join(known)}"
        case "missing":
            return f"setting {key!r} is missing; give it, or build on a recipe with base = 'default'"
        case "model_type":
            return f"{key} = {value!r} is not a table of settings"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            said = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{key} = {value!r}: {said.replace('input ', '')}"


def flatten_keys(model: type[BaseModel], path: Sequence[str]) -> Iterator[str]:
    """The keys a table knows, for the table at `path` below `model`."""
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


def from_entries(entries: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from what `Resolved.entries` wrote."""
    values: dict[str, Any] = {}
    for key, entry in entries.items():
        values = merge(values, nest(key, entry["value"]))
    return check(values)
