"""One optimizer step, the same on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from crossmodal_hash.errors import TrainingError
from crossmodal_hash.model import HashModel
from crossmodal_hash.objective import Block, Objective, in_batch
from crossmodal_hash.training.memory_bank import Memory
from crossmodal_hash.types import Batch, TowerInput


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 if the device multiplies it fast; losses always compute in float32."""
    return torch.autocast(device.type, torch.bfloat16) if device.type == "cuda" else nullcontext()


def move(x: TowerInput, device: torch.device) -> TowerInput:
    """An input on `device`; pictures in channels-last order, which is faster for convolutions."""
    if not isinstance(x, Tensor):
        return tuple(level.to(device) for level in x)
    x = x.to(device, non_blocking=True)
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The whole batch on `device`."""
    labels = None if batch.labels is None else batch.labels.to(device, non_blocking=True)
    inputs = {modality: move(x, device) for modality, x in batch.inputs.items()}
    return Batch(inputs, batch.rows.to(device, non_blocking=True), labels)


def losses(
    model: HashModel, objective: Objective, batch: Batch, *, memory: Memory | None = None, learner: str | None = None
) -> tuple[Tensor, dict[str, Tensor], Block]:
    """Forward and loss.

    Args:
        model: the towers.
        objective: the terms.
        batch: on the model's device.
        memory: buffers of the alternating form; None compares the batch with itself.
        learner: the only tower that learns in this step; None: all except the guides, which are constants then.

    Returns:
        The total, the share of each term, and what was compared.
    """
    with precision(batch.rows.device):
        learners = model.modalities if learner is None else (learner,)
        outputs = model({name: batch.inputs[name] for name in learners})
        if memory is not None and learner is not None:
            memory.write(learner, batch.rows, outputs[learner])
            block = memory.block(learner, outputs[learner], batch.rows)
        else:
            labels = batch.labels if batch.labels is not None else torch.empty(0)
            constants = model.constants(batch.inputs) if learner is None else {}
            block = in_batch(outputs, labels, constants=constants, guides=model.guides)
        total, shares = objective(block)
    return total, shares, block


def unreached(objective: Objective, shares: Mapping[str, Tensor], block: Block) -> list[tuple[str, str]]:
    """Pairs of a term and a tower that gets no gradient from it, by the backward pass of only the losses.

    Only the existence of gradients is checked, not their values, which would wait for the device. Some parts of a term
    may be only for logging, so all parts of a term are checked together; features of a tower that learns nothing before
    its hash head need no gradient.
    """
    reached: dict[tuple[str, str], bool] = {}
    for name, term in objective.each():
        parts = [share for key, share in shares.items() if name in (key, key.partition("/")[0])]
        for tower, output in block.live.items() if parts else ():
            made = [output.features] if term.on == "features" else output.heads()
            if asking := [x for x in made if x is not None and x.requires_grad]:
                found = [
                    torch.autograd.grad(part, asking, retain_graph=True, allow_unused=True)
                    for part in parts
                    if part.requires_grad
                ]
                reached[name, tower] = any(x is not None for xs in found for x in xs)
    return [pair for pair, is_reached in reached.items() if not is_reached]


def train_step(
    model: HashModel,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    *,
    opponent: torch.optim.Optimizer | None = None,
    memory: Memory | None = None,
    learner: str | None = None,
    clip: float = 0.0,
    watch: Callable[[Mapping[str, Tensor], Block], None] | None = None,
) -> dict[str, Tensor]:
    """Forward, backward, update; returns each term's share of the loss, detached.

    `opponent` updates the parameters of opposed losses, with the same outputs as constants. `watch` is called with the
    share of each term and what was compared, before the backward pass.

    Raises:
        TrainingError: if no loss carries a gradient.
    """
    optimizer.zero_grad(set_to_none=True)
    total, shares, block = losses(model, objective, batch, memory=memory, learner=learner)
    if not total.requires_grad:
        raise TrainingError(
            f"no term of the loss has a gradient ({', '.join(shares)}), so nothing can be learned: every loss "
            f"detaches the codes it compares; see 'chash check loss NAME'"
        )
    if watch is not None:
        watch(shares, block)
    torch.autograd.backward(total)
    if clip:
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], clip)
    optimizer.step()
    if opponent is not None:
        opponent.zero_grad(set_to_none=True)
        with precision(batch.rows.device):
            opposition = objective.opposition(block)
        if opposition is not None:
            torch.autograd.backward(opposition)
            opponent.step()
    return {name: value.detach() for name, value in shares.items()}
