"""The optimizers: one for the towers, another for the losses that are trained against them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from crossmodal_hash.model import HashModel
from crossmodal_hash.objective import Objective
from crossmodal_hash.settings.schema import Settings, TrainSettings


def make_optimizer(model: HashModel, objective: Objective, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of everything that learns, including parameters of losses except opposed ones.

    Each tower is a group, whose learning rate is the schedule's times the group's `factor`; parameters that two towers
    share belong to the first one.
    """
    train = settings.train
    owners: list[tuple[nn.Module, float]] = [(model.tower(m), settings.towers[m].lr_factor) for m in model.towers]
    owners += [(term, 1.0) for _, term in objective.each() if not term.loss.opposed]
    taken: set[nn.Parameter] = set()
    groups: list[dict[str, Any]] = []
    for owner, factor in owners:
        own = [p for p in owner.parameters() if p.requires_grad and p not in taken]
        taken.update(own)
        if own:
            groups.append({"params": own, "factor": factor})
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, train.lr, momentum=train.momentum, weight_decay=train.weight_decay)
    return _adamw(groups, train.lr, train.weight_decay)


def make_opponent(objective: Objective, train: TrainSettings) -> torch.optim.Optimizer | None:
    """The optimizer of the opposed losses, if there are any."""
    parameters = [p for term in objective.opposed() for p in term.parameters()]
    return _adamw([{"params": parameters}], train.opponent_lr, train.weight_decay) if parameters else None


def _adamw(groups: list[dict[str, Any]], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    # One kernel for all parameters: on a CPU four times faster than one parameter after another.
    fused = all(p.device.type in ("cpu", "cuda") for group in groups for p in group["params"])
    return torch.optim.AdamW(groups, lr, weight_decay=weight_decay, fused=fused)
