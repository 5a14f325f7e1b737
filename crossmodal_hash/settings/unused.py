"""Which settings no chosen part uses, and why: in one place, so that none is silently ignored or shown as set.

`config` rejects such a setting if the user gave it, and leaves it out if it comes from a recipe or a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crossmodal_hash.components import BACKBONES, FUSIONS, LOSSES
from crossmodal_hash.errors import ChashError
from crossmodal_hash.registry import Registry, parameters
from crossmodal_hash.settings.schema import Settings, TermSettings, TowerSettings, TrainSettings, check

FITTED_TOWER = ("backbone", "levels", "pooling")
FITTED_TRAIN = ("freeze_backbone", "cache_grid", "workers", "refit")
"""The settings of a tower and of training that a closed-form method uses."""


class Unused(NamedTuple):
    """Why a setting has no effect with the others.

    Attributes:
        why: a clause that names the setting or part that is the reason.
        instead: the alternative, in the imperative; empty if the only fix is to leave the setting out.
    """

    why: str
    instead: str = ""

    def refusal(self, key: str, value: Any, origin: str) -> str:
        """The error message for the user who set it."""
        way_out = "leave it out" + (f", or {self.instead}" if self.instead else "")
        return f"{key} = {value!r} ({origin}) is not used, because {self.why}: {way_out}"


Found = dict[str, Unused]
Rules = Iterator[tuple[str, Unused]]


def unused(settings: Settings) -> Found:
    """Dotted keys that nothing uses, each with its reason; a part such as `towers.image.pooling` is one key.

    A part that cannot be loaded is ignored here: its error is reported when it is built.

    Example:
        >>> values = {"towers": {"text": {"backbone": "bow-mlp", "fusion": "cbam"}}}
        >>> found = unused(check({**values, "terms": {"hard": {"loss": "nll", "criterion": "hard"}}}))
        >>> [key for key in found if key.startswith("towers")]
        ['towers.text.width', 'towers.text.pooling', 'towers.text.words', 'towers.text.shortcut', 'towers.text.dropout']
    """
    of = _Classes()
    found = dict(_of_data(settings, of))
    if settings.closed_form is not None:
        return found | dict(_of_closed_form(settings, settings.closed_form.name))
    found["closed_form"] = Unused("terms are trained")
    frozen = bool(settings.train.freeze_backbone)
    for name, tower in settings.towers.items():
        found |= dict(_of_tower(f"towers.{name}", tower, of, frozen=frozen))
    no_heads = None
    if not any(tower.level_heads for tower in settings.towers.values()):
        no_heads = Unused("no tower has level heads", f"set towers.{next(iter(settings.towers))}.level_heads=true")
    for name, term in settings.terms.items():
        found |= dict(_of_term(f"terms.{name}", term, of, no_heads))
    return found | dict(_of_train(settings, of))


def reason(key: str, found: Mapping[str, Unused]) -> Unused | None:
    """Why a setting is unused, by its own key or that of a table that contains it.

    Example:
        >>> reason("a.pooling.bins", {"a.pooling": Unused("b")}), reason("a.pool", {"a.pooling": Unused("b")})
        (Unused(why='b', instead=''), None)
    """
    parts = key.split(".")
    tables = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((found[table] for table in tables if table in found), None)


def without(settings: Settings, found: Mapping[str, Unused]) -> Settings:
    """The settings with defaults instead of unused values, as read back from a run that leaves these out."""
    values = settings.model_dump()
    for key in found:
        *tables, last = key.split(".")
        table = values
        for name in tables:
            table = table.get(name, {})
        table.pop(last, None)
    return check(values)


class _Classes:
    """The classes of names, each looked up once; None if a class is not available."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}

    def get(self, registry: Registry[Any], name: str) -> Any:
        key = (registry.kind, name)
        if key not in self._known:
            try:
                self._known[key] = registry.resolve(name)
            except ChashError:
                self._known[key] = None
        return self._known[key]


def _of_tower(where: str, tower: TowerSettings, of: _Classes, *, frozen: bool) -> Rules:
    block = of.get(FUSIONS, tower.fusion.name)
    if block is not None and block.takes == "levels":
        why = f"{where}.fusion = {tower.fusion.name!r} takes levels that are neither pooled nor projected"
        yield f"{where}.width", Unused(why)
        yield f"{where}.pooling", Unused(why)
        yield f"{where}.words", Unused(why)
        yield f"{where}.shortcut", Unused(why)
        own = f"{where}.fusion.dropout or " if "dropout" in parameters(block) else ""
        yield f"{where}.dropout", Unused(why, f"set {own}{where}.input_dropout")
    elif block is not None and tower.width == 0:
        why = f"{where}.width = 0 does not project pooled levels"
        yield f"{where}.dropout", Unused(why, f"set {where}.input_dropout")
    backbone = of.get(BACKBONES, tower.backbone.name)
    if backbone is not None and backbone.reads != "string":
        why = f"{where}.backbone = {tower.backbone.name!r} does not read the texts themselves"
        yield f"{where}.words", Unused(why)
    if backbone is not None and not _is_kept(backbone, frozen=frozen):
        why = f"{where}.backbone = {tower.backbone.name!r} is trained, so its features do not stay the same"
        instead = "set train.freeze_backbone=true" if backbone.freezable else ""
        yield f"{where}.shortcut", Unused(why, instead)


def _of_term(where: str, term: TermSettings, of: _Classes, no_heads: Unused | None) -> Rules:
    loss = of.get(LOSSES, term.loss.name)
    if loss is not None and loss.compares != "pairs":
        with_what = {"codes": "binary codes", "items": "labels"}[loss.compares]
        why = f"{where}.loss = {term.loss.name!r} compares an item with its own {with_what}, not pairs of items"
        yield f"{where}.criterion", Unused(why)
        yield f"{where}.intra", Unused(why, f"set {where}.weight")
    if term.on == "features":
        yield f"{where}.heads", Unused(f"{where}.on = 'features' uses the features before the hash heads")
    elif no_heads is not None:
        yield f"{where}.heads", no_heads


def _of_train(settings: Settings, of: _Classes) -> Rules:
    train = settings.train
    if train.optimizer != "sgd":
        why = f"train.optimizer = {train.optimizer!r} has no momentum setting"
        yield "train.momentum", Unused(why, "set train.optimizer=sgd")
    if train.schedule not in ("linear", "log-linear"):
        why = f"train.schedule = {train.schedule!r} does not have a final rate"
        yield "train.lr_end", Unused(why, "set train.schedule=linear or log-linear")
    for tower in settings.towers.values():
        block = of.get(FUSIONS, tower.fusion.name)
        if block is not None and block.in_code_space:
            yield "train.rotate", Unused(f"fusion = {tower.fusion.name!r} ends in codes and has no layer to rotate")
    losses = [of.get(LOSSES, term.loss.name) for term in settings.terms.values() if term.weight > 0]
    if None not in losses and not any(loss.opposed for loss in losses):
        yield "train.opponent_lr", Unused("no term has a loss trained against the towers, such as adversary")
    backbones = [of.get(BACKBONES, tower.backbone.name) for tower in settings.towers.values()]
    if None not in backbones:
        if not any(backbone.reads == "label" for backbone in backbones):
            yield "train.guide_epochs", Unused("no tower reads labels, so there is no guide")
        elif train.memory != "batch":
            why = f"with train.memory = {train.memory!r} guides learn in every epoch"
            yield "train.guide_epochs", Unused(why, "set train.memory=batch")
        yield from _of_pictures(backbones, frozen=bool(train.freeze_backbone))


def _is_kept(backbone: Any, *, frozen: bool) -> bool:
    """Whether a backbone is not trained: those that read texts as they are never are."""
    return bool(backbone.freezable and (frozen or backbone.reads == "string"))


def _of_pictures(backbones: list[Any], *, frozen: bool) -> Rules:
    """How pictures reach a tower depends on whether its backbone is frozen, as in `factory` and `inputs`."""
    kept = {cls: _is_kept(cls, frozen=frozen) for cls in backbones}
    pictures = [cls for cls in backbones if cls.reads == "image"]
    if not any(kept[cls] for cls in pictures):
        instead = "set train.augment=true" if pictures else ""
        yield "train.mirror", Unused("no tower has a frozen backbone that reads pictures", instead)
    if all(kept[cls] for cls in pictures):
        instead = "set train.mirror=true" if pictures else ""
        yield "train.augment", Unused("no tower trains a backbone that reads pictures", instead)
    if not any(kept.values()):
        yield "train.cache_grid", Unused("no backbone is frozen, so no features are cached")


def _of_data(settings: Settings, of: _Classes) -> Rules:
    data = settings.data
    classes = {name: of.get(BACKBONES, tower.backbone.name) for name, tower in settings.towers.items()}
    read = {name: getattr(cls, "reads", None) for name, cls in classes.items()}
    unprocessed = [name for name, reads in read.items() if reads == "string" and not settings.towers[name].words]
    counted = {reads for name, reads in read.items() if reads in ("text", None) or settings.towers[name].words}
    if unprocessed and not counted:
        backbone = settings.towers[unprocessed[0]].backbone.name
        why = f"towers.{unprocessed[0]}.backbone = {backbone!r} reads the texts themselves, not word counts"
        yield "data.vocabulary", Unused(why)
    elif data.vocabulary.file is not None:
        why = f"data.vocabulary.file = {data.vocabulary.file!r} defines which words count"
        for key in ("max_words", "min_count"):
            yield f"data.vocabulary.{key}", Unused(why)
    if data.split is not None:
        for key in ("query", "train"):
            yield f"data.{key}", Unused(f"data.split = {data.split!r} defines the split")


def _of_closed_form(settings: Settings, method: str) -> Rules:
    fitted = Unused(f"{method} is fitted in closed form", "choose a recipe that is trained, such as hsidhn")
    yield "terms", fitted
    for name in settings.towers:
        yield from ((f"towers.{name}.{key}", fitted) for key in TowerSettings.model_fields if key not in FITTED_TOWER)
    yield from ((f"train.{key}", fitted) for key in TrainSettings.model_fields if key not in FITTED_TRAIN)
