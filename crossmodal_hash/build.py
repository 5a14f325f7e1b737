"""Settings become objects; the command line and the library both come through here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from crossmodal_hash.components import BACKBONES, CRITERIA, FUSIONS, HEADS, LOSSES, POOLINGS
from crossmodal_hash.config import Settings, TermSettings, TowerSettings
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.model import HashModel, Tower
from crossmodal_hash.objective import Objective, Term
from crossmodal_hash.pooling.pyramid import Pyramid


def build_backbone(settings: TowerSettings, in_features: int, *, pretrained: bool = True) -> Backbone:
    """A backbone that is set up.

    Args:
        settings: of its tower.
        in_features: width of the input: words, feature width, or 3 colours.
        pretrained: false leaves its own weights out, because others are about to be loaded.

    Raises:
        WeightsError: if its weights cannot be had.
    """
    params = settings.backbone.params()
    if not pretrained and BACKBONES.resolve(settings.backbone.name).freezable:
        params["weights"] = "none"
    backbone = BACKBONES.make(settings.backbone.name, **params)
    backbone.setup(in_features)
    return backbone


def build_tower(
    settings: TowerSettings, in_features: int, bits: int, *, condense: int | None = None, pretrained: bool = True
) -> Tower:
    """One tower; `condense` freezes a backbone that can be frozen."""
    backbone = build_backbone(settings, in_features, pretrained=pretrained)
    return Tower(
        backbone,
        wanted=settings.levels,
        pooling=cast(Pyramid, POOLINGS.make(settings.pooling.name, **settings.pooling.params())),
        width=settings.width,
        dropout=settings.dropout,
        fusion=FUSIONS.make(settings.fusion.name, **settings.fusion.params()),
        head=HEADS.make(settings.head.name, **settings.head.params()),
        level_heads=settings.level_heads,
        bits=bits,
        in_features=in_features,
        condense=condense if backbone.freezable else None,
    )


def build_model(settings: Settings, in_features: Mapping[str, int], *, pretrained: bool = True) -> HashModel:
    """The towers of `settings` for inputs of these widths.

    Args:
        settings: checked settings.
        in_features: modality name -> width of its input.
        pretrained: false leaves pre-trained weights out, because a run's own are about to be loaded.

    Raises:
        SettingsError: a tower for a modality the data does not have.
    """
    missing = [modality for modality in settings.towers if modality not in in_features]
    if missing:
        raise SettingsError(
            f"the recipe has a tower for {missing[0]!r}, but the data has only {', '.join(in_features)}"
        )
    condense = settings.train.cache_grid if settings.train.freeze_backbone else None
    return HashModel(
        {
            modality: build_tower(tower, in_features[modality], settings.bits, condense=condense, pretrained=pretrained)
            for modality, tower in settings.towers.items()
        }
    )


def build_term(name: str, settings: TermSettings) -> Term:
    """One term of the objective.

    Raises:
        SettingsError: a loss that compares pairs without a criterion.
    """
    loss = LOSSES.make(settings.loss.name, **settings.loss.params())
    named = settings.criterion
    criterion = None if named is None else CRITERIA.make(named.name, **named.params())
    if loss.compares == "pairs" and criterion is None:
        raise SettingsError(
            f"terms.{name}: loss {settings.loss.name!r} compares pairs and needs a criterion; "
            f"set terms.{name}.criterion, such as hard"
        )
    return Term(
        loss,
        criterion,
        weight=settings.weight,
        inter=settings.inter,
        intra=settings.intra,
        heads=settings.heads,
    )


def build_objective(settings: Settings) -> Objective:
    """The terms of `settings` whose weight is not 0."""
    return Objective({name: build_term(name, term) for name, term in settings.terms.items() if term.weight > 0})
