"""Which items are seen in which step; drawn from seed and epoch alone, so that nothing of it needs to be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossmodal_hash.settings.schema import TrainSettings
from crossmodal_hash.training.rows import Rows, cut


@dataclass(frozen=True)
class Phase:
    """Some steps of an epoch.

    Attributes:
        learner: the tower that learns; none: every tower but the guides at once.
        batches: rows of each step.
    """

    learner: str | None
    batches: list[Rows]


def epoch_plan(
    rows: Rows, train: TrainSettings, modalities: Sequence[str], seed: int, epoch: int, guides: Sequence[str] = ()
) -> list[Phase]:
    """The batches of one epoch, every training item once a phase.

    In-batch pairs drop the last incomplete batch, whose pairs would weigh more; guides learn in the first epochs, then
    the others. The alternating form visits everyone, guides first; a last batch of one, which batch norm cannot use,
    joins the one before.
    """
    generator = np.random.default_rng([seed, epoch])
    if train.memory == "batch":
        batches = cut(generator.permutation(rows), train.batch)
        whole = batches[:-1] if len(batches) > 1 and len(batches[-1]) < train.batch else batches
        return [Phase(learner, whole) for learner in (guides if guides and epoch < train.guide_epochs else [None])]
    phases = []
    for modality in (*guides, *modalities):
        batches = cut(generator.permutation(rows), train.batch)
        if len(batches) > 1 and len(batches[-1]) < 2:
            batches[-2:] = [np.concatenate(batches[-2:])]
        phases.append(Phase(modality, batches))
    return phases
