"""Learning rates as a pure function of the step, so that nothing needs to be saved."""

from __future__ import annotations

import math

from crossmodal_hash.settings.schema import TrainSettings

WARM_UP = 0.3
"""Share of a one-cycle schedule in which the rate rises."""
START, END = 1 / 25, 1 / 250_000
"""First and last rate of a one-cycle schedule as a share of the highest (Smith and Topin, arXiv 1708.07120)."""


def learning_rate(train: TrainSettings, step: int, steps_per_epoch: int, *, guided: bool = False) -> float:
    """The rate of optimizer step `step`, counted from 0.

    In the first epochs of an in-batch training that is `guided`, guides learn at `lr`; the schedule is for the rest.

    From `lr` to `lr_end`, at epoch e of E, `linear` is lr + (lr_end - lr) e / (E - 1), as in the public code of DCMH
    and MLSPH, and `log-linear` the same for the exponents, 10^(a + (b - a) e / (E - 1)), as in HSIDHN and DSPAH.

    Example:
        >>> path = TrainSettings(schedule="log-linear", lr=1e-1, lr_end=1e-5, epochs=5)
        >>> [round(math.log10(learning_rate(path, epoch * 10, 10)), 6) for epoch in range(5)]
        [-1.0, -2.0, -3.0, -4.0, -5.0]
    """
    epochs = train.epochs
    if guided and train.memory == "batch":
        if step < train.guide_epochs * steps_per_epoch:
            return train.lr
        epochs, step = max(epochs - train.guide_epochs, 1), step - train.guide_epochs * steps_per_epoch
    match train.schedule:
        case "constant":
            return train.lr
        case "linear":
            return train.lr + (train.lr_end - train.lr) * _epochs_done(step, steps_per_epoch, epochs)
        case "log-linear":
            share = _epochs_done(step, steps_per_epoch, epochs)
            return float(train.lr * (train.lr_end / train.lr) ** share)
        case "one-cycle":
            done = step / max(epochs * steps_per_epoch - 1, 1)
            if done < WARM_UP:
                return train.lr * _between(START, 1.0, done / WARM_UP)
            return train.lr * _between(1.0, END, (done - WARM_UP) / (1 - WARM_UP))


def _epochs_done(step: int, steps_per_epoch: int, epochs: int) -> float:
    """0 in the first epoch, 1 in the last and in any after it."""
    return min(step // steps_per_epoch, epochs - 1) / max(epochs - 1, 1)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
