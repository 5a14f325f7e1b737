"""All that a gradient training changes: what a checkpoint holds, and what one is taken up from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from crossmodal_hash.errors import RunError
from crossmodal_hash.model import HashModel, complete
from crossmodal_hash.objective import Objective
from crossmodal_hash.training import checkpoint
from crossmodal_hash.training.checkpoint import Progress
from crossmodal_hash.training.memory_bank import Memory


@dataclass
class State:
    """The parts of a training that steps change.

    Attributes:
        model: towers.
        objective: terms; criteria and losses may have buffers and parameters.
        optimizer: of the towers.
        opponent: optimizer of losses that learn against the towers, if there are such.
        memory: buffers of the alternating form, if it has them.
        progress: where training stands.
        best: learned state of the model in the best epoch so far, on the CPU; empty before there is one.
    """

    model: HashModel
    objective: Objective
    optimizer: torch.optim.Optimizer
    opponent: torch.optim.Optimizer | None = None
    memory: Memory | None = None
    progress: Progress = field(default_factory=Progress)
    best: dict[str, Tensor] = field(default_factory=dict)

    def keep_best(self) -> None:
        """Remember the model as it is."""
        self.best = {name: x.detach().cpu().clone() for name, x in self.model.learned_state().items()}

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        groups = {
            "model": self.model.learned_state(),
            "optimizer": checkpoint.optimizer_tensors(self.optimizer),
            "opponent": checkpoint.optimizer_tensors(self.opponent) if self.opponent else {},
            "objective": self.objective.state_dict(),
            "best": self.best,
        }
        if self.memory is not None:
            groups["memory"] = self.memory.state()
        checkpoint.save(path, self.progress, groups)

    def load(self, path: Path) -> None:
        """Take up a checkpoint.

        Raises:
            RunError: if it is missing, corrupt or of another model.
        """
        self.progress, groups = checkpoint.load(path)
        try:
            saved = complete(groups["model"], self.model.learned_state())
            missing, unexpected = self.model.load_state_dict(saved, strict=False)
            checkpoint.load_optimizer(self.optimizer, groups.get("optimizer", {}))
            if self.opponent is not None:
                checkpoint.load_optimizer(self.opponent, groups.get("opponent", {}))
            self.objective.load_state_dict(groups.get("objective", {}))
            if self.memory is not None:
                self.memory.load(groups["memory"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise RunError(f"checkpoint {path} is of another model ({error}); delete it and train again") from error
        if unexpected or set(missing) & set(self.model.learned_state()):
            raise RunError(f"checkpoint {path} is of another model; delete it and train again")
        self.best = groups.get("best", {})
