"""The items of each step, drawn only from seed and epoch, so that nothing needs to be saved."""

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
        learner: the tower that learns; None: every tower except the guides at once.
        batches: rows of each step.
    """

    learner: str | None
    batches: list[Rows]


def epoch_plan(
    rows: Rows, train: TrainSettings, modalities: Sequence[str], seed: int, epoch: int, guides: Sequence[str] = ()
) -> list[Phase]:
    """The batches of one epoch, every training item once per phase.

    With in-batch pairs, the last incomplete batch is dropped, because its pairs would have a larger weight; guides
    learn in the first epochs, then the others. The alternating form visits all items, guides first; a last batch of
    one item, which batch norm cannot use, is added to the previous batch.
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
