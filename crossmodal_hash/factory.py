"""Builds objects from settings, for the command line and the library."""

from __future__ import annotations

from collections.abc import Mapping

from crossmodal_hash.components import BACKBONES, CLOSED_FORMS, CRITERIA, FUSIONS, HEADS, LOSSES, POOLINGS, READERS
from crossmodal_hash.contracts import Backbone, ClosedForm
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.model import HashModel, Tower
from crossmodal_hash.objective import Objective, Term
from crossmodal_hash.registry import parameters
from crossmodal_hash.settings.parts import check_params, make
from crossmodal_hash.settings.schema import Settings, TermSettings, TowerSettings


def check_parts(settings: Settings) -> None:
    """Reject invalid names and parameters before any data is read; backbones are not built, because they are large.

    Raises:
        UnknownComponentError: for a name that no component has.
        SettingsError: for an unknown parameter or an invalid value.
    """
    for modality, tower in settings.towers.items():
        where = f"towers.{modality}"
        check_params(*BACKBONES.taking(tower.backbone.name, tower.backbone.params()), f"{where}.backbone")
        make(POOLINGS, tower.pooling, f"{where}.pooling")
        make(FUSIONS, tower.fusion, f"{where}.fusion")
        make(HEADS, tower.head, f"{where}.head")
    if settings.data.reader is not None:
        make(READERS, settings.data.reader, "data.reader")
    guided, train = guides(settings), settings.train
    for name, term in settings.terms.items():
        build_term(name, term)
        if term.between == "guide" and not guided:
            raise SettingsError(
                f"terms.{name}.between = 'guide', but no tower reads labels; give one the backbone "
                f"label-mlp, or use 'all'"
            )
    if guided and train.memory == "batch" and train.epochs <= train.guide_epochs:
        raise SettingsError(
            f"tower {guided[0]!r} learns alone for train.guide_epochs = {train.guide_epochs} of train.epochs = "
            f"{train.epochs}, which leaves none for the others; give more epochs"
        )
    build_closed_form(settings)


def guides(settings: Settings) -> list[str]:
    """Names of the towers that read labels."""
    return [name for name, tower in settings.towers.items() if reads(tower) == "label"]


def reads(tower: TowerSettings) -> str:
    """What input the backbone of a tower takes."""
    return BACKBONES.resolve(tower.backbone.name).reads


def build_backbone(settings: TowerSettings, in_features: int, *, where: str, pretrained: bool = True) -> Backbone:
    """A backbone that is set up.

    Args:
        settings: of its tower.
        in_features: width of the input: words, feature width, 3 colors, or 0 for unprocessed texts.
        where: key of the tower in the settings.
        pretrained: false leaves its own weights out, because others are about to be loaded.

    Raises:
        WeightsError: if its weights are not available.
    """
    part = settings.backbone
    if not pretrained and "weights" in parameters(BACKBONES.resolve(part.name)):
        part = part.model_copy(update={"weights": "none"})
    backbone = make(BACKBONES, part, f"{where}.backbone")
    backbone.setup(in_features)
    return backbone


def build_tower(
    settings: TowerSettings,
    in_features: int,
    bits: int,
    *,
    where: str,
    condense: int | None = None,
    pretrained: bool = True,
) -> Tower:
    """One tower, whose key in the settings is `where`; `condense` freezes a backbone that can be frozen."""
    backbone = build_backbone(settings, in_features, where=where, pretrained=pretrained)
    return Tower(
        backbone,
        wanted=settings.levels,
        pooling=make(POOLINGS, settings.pooling, f"{where}.pooling"),
        width=settings.width,
        input_dropout=settings.input_dropout,
        dropout=settings.dropout,
        fusion=make(FUSIONS, settings.fusion, f"{where}.fusion"),
        head=make(HEADS, settings.head, f"{where}.head"),
        level_heads=settings.level_heads,
        bits=bits,
        in_features=in_features,
        words=in_features if settings.words else 0,
        shortcut=settings.shortcut,
        condense=condense if backbone.freezable else None,
    )


def build_closed_form(settings: Settings) -> ClosedForm | None:
    """The closed-form method, if these settings name one."""
    return None if settings.closed_form is None else make(CLOSED_FORMS, settings.closed_form, "closed_form")


def build_fitted_tower(
    settings: TowerSettings,
    in_features: int,
    bits: int,
    *,
    modality: str,
    method: ClosedForm,
    grid: int,
    pretrained: bool = True,
) -> Tower:
    """A tower that ends in a hash function of `method`; nothing else in it learns.

    Raises:
        SettingsError: for a backbone whose weights have to be learned.
    """
    where = f"towers.{modality}"
    backbone = build_backbone(settings, in_features, where=where, pretrained=pretrained)
    if not backbone.freezable and any(True for _ in backbone.parameters()):
        raise SettingsError(
            f"{where}.backbone = {settings.backbone.name!r} has weights that must be trained, which a closed-form "
            f"method does not do; use raw, or a backbone with pre-trained weights"
        )
    return Tower(
        backbone,
        wanted=settings.levels,
        pooling=make(POOLINGS, settings.pooling, f"{where}.pooling"),
        width=0,
        input_dropout=0.0,
        dropout=0.0,
        fusion=method.function(modality),
        head=HEADS.make("identity"),
        level_heads=False,
        bits=bits,
        in_features=in_features,
        condense=grid,
    )


def build_model(settings: Settings, in_features: Mapping[str, int], *, pretrained: bool = True) -> HashModel:
    """The towers of `settings` for inputs of these widths.

    Args:
        settings: checked settings.
        in_features: modality name -> width of its input.
        pretrained: false leaves pre-trained weights out, because a run's own are about to be loaded.

    Raises:
        SettingsError: for a tower whose modality the data does not have.
    """
    missing = [modality for modality in settings.towers if modality not in in_features]
    if missing:
        raise SettingsError(
            f"the recipe has a tower for {missing[0]!r}, but the data has only {', '.join(in_features)}"
        )
    method = build_closed_form(settings)
    towers = {}
    for modality, tower in settings.towers.items():
        width, grid = in_features[modality], settings.train.cache_grid
        if method is not None:
            towers[modality] = build_fitted_tower(
                tower, width, settings.bits, modality=modality, method=method, grid=grid, pretrained=pretrained
            )
            continue
        condense = grid if settings.train.freeze_backbone or reads(tower) == "string" else None
        towers[modality] = build_tower(
            tower, width, settings.bits, where=f"towers.{modality}", condense=condense, pretrained=pretrained
        )
    return HashModel(towers)


def build_term(name: str, settings: TermSettings) -> Term:
    """One term of the objective.

    Raises:
        SettingsError: for a loss that compares pairs, but has no criterion.
    """
    loss = make(LOSSES, settings.loss, f"terms.{name}.loss")
    named = settings.criterion
    criterion = None if named is None else make(CRITERIA, named, f"terms.{name}.criterion")
    if loss.compares == "pairs" and criterion is None:
        raise SettingsError(
            f"terms.{name}: loss {settings.loss.name!r} compares pairs and needs a criterion; "
            f"set terms.{name}.criterion, such as hard or pairs"
        )
    return Term(
        loss,
        criterion,
        weight=settings.weight,
        inter=settings.inter,
        intra=settings.intra,
        heads=settings.heads,
        between=settings.between,
        on=settings.on,
    )


def build_objective(settings: Settings) -> Objective:
    """The terms of `settings` whose weight is not 0."""
    return Objective({name: build_term(name, term) for name, term in settings.terms.items() if term.weight > 0})
