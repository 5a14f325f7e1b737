"""Training by gradient: epochs of steps, the epoch that validation chooses, and a second pass with all items."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor

from crossmodal_hash.callbacks import Callback, EpochRecord
from crossmodal_hash.data import Dataset, Split, Vocabulary
from crossmodal_hash.device import pick_device
from crossmodal_hash.errors import TrainingError
from crossmodal_hash.factory import build_model, build_objective
from crossmodal_hash.objective import Block, Objective
from crossmodal_hash.runs import best_epoch, history
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.runs.weights import save_weights
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.checkpoint import Progress
from crossmodal_hash.training.inputs import Inputs, prepare
from crossmodal_hash.training.interrupt import Interrupt, deferred
from crossmodal_hash.training.memory_bank import Memory
from crossmodal_hash.training.optimizer import make_opponent, make_optimizer
from crossmodal_hash.training.plan import Phase, epoch_plan
from crossmodal_hash.training.resources import peak_memory
from crossmodal_hash.training.rotation import last_layers, rotate
from crossmodal_hash.training.schedule import learning_rate
from crossmodal_hash.training.setup import classes_of, input_widths
from crossmodal_hash.training.state import State
from crossmodal_hash.training.statistics import fit_inputs, renew_statistics
from crossmodal_hash.training.step import to_device, train_step, unreached
from crossmodal_hash.training.training_evidence import gather_evidence
from crossmodal_hash.training.validation import LABELS, validation_scores
from crossmodal_hash.types import Batch

CHECK_EVERY = 50
"""Steps between two looks at whether the loss is finite; each look waits for the device."""


class Training:
    """State of one training; `fit` runs it to its end.

    Args:
        settings: checked settings.
        dataset: N items.
        split: which are trained on, and which choose the epoch.
        vocabulary: for texts.
        callback: told the progress.
        inputs: of all items, where they are ready.
        progress: where it starts: the second pass of a refit knows its epochs.
    """

    def __init__(
        self,
        settings: Settings,
        dataset: Dataset,
        split: Split,
        vocabulary: Vocabulary | None,
        callback: Callback,
        *,
        inputs: Inputs | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings, self.split, self.callback = settings, split, callback
        self.dataset, self.vocabulary = dataset, vocabulary
        self.device = device = pick_device(settings.device)
        torch.manual_seed(settings.seed)
        self.model = build_model(settings, input_widths(settings, dataset, vocabulary)).to(device)
        if device.type == "cuda":
            self.model.to(memory_format=torch.channels_last)
        objective = build_objective(settings)
        objective.setup(self.model.widths, settings.bits, classes_of(dataset))
        objective.to(device)
        self.inputs = inputs or prepare(
            dataset,
            self.model,
            vocabulary,
            device,
            guides=True,
            mirror=settings.train.mirror,
            augment_seed=settings.seed if settings.train.augment else None,
            draw_seed=settings.seed,
            workers=settings.train.workers,
            callback=callback,
        )
        self.evidence = gather_evidence(objective.needs, dataset, self.model, self.inputs, split.train, device)
        objective.fit(self.evidence)
        fit_inputs(self.model, self.inputs.streams, split.train, settings.seed)
        self.state = State(
            self.model,
            objective,
            make_optimizer(self.model, objective, settings),
            make_opponent(objective, settings.train),
            self._memory(objective),
            progress or Progress(),
        )
        # The memory is addressed by position among the training items, batches by row of the data set.
        self.position = torch.full((len(dataset.ids),), -1)
        self.position[torch.from_numpy(split.train)] = torch.arange(len(split.train))
        self.watched: set[str | None] = set()
        self.saved = time.monotonic()

    def at(self, progress: Progress) -> Training:
        """This training, or its second pass where `progress` is one of that."""
        if not progress.chosen:
            return self
        start = Progress(chosen=progress.chosen, before=progress.before)
        return Training(
            self.settings,
            self.dataset,
            self.split.given(),
            self.vocabulary,
            self.callback,
            inputs=self.inputs,
            progress=start,
        )

    def fit(self, run: Run) -> None:
        """Run to the end, or until interrupted; then the state is saved first."""
        train, progress = self.settings.train, self.state.progress
        with deferred() as interrupt:
            for epoch in range(progress.epoch, progress.chosen or train.epochs):
                phases = self._plan(epoch)
                if self._is_enough(epoch, phases):
                    break
                try:
                    self._epoch(run, epoch, phases, interrupt)
                except torch.OutOfMemoryError as error:
                    raise TrainingError(
                        f"{self.device} has no memory left at train.batch={train.batch}; train again into another "
                        f"folder, with a smaller one"
                    ) from error
        if train.refit and len(self.split.validation):
            chosen = progress.best_epoch if train.select == "best" and self.state.best else progress.epoch
            self.at(Progress(chosen=chosen, before=progress.epoch)).fit(run)
            return
        if train.select == "best" and self.state.best:
            self.model.load_state_dict(self.state.best, strict=False)
        else:
            self._finish()
        save_weights(run.weights, self.model)

    def restore(self, run: Run) -> None:
        """Take up the last checkpoint, if there is one.

        Raises:
            RunError: if it is corrupt or of another model.
        """
        if run.checkpoint.exists():
            self.state.load(run.checkpoint)
        progress = self.state.progress
        history.keep_until(run.metrics, progress.before + progress.epoch)

    def _memory(self, objective: Objective) -> Memory | None:
        """The buffers of the alternating form, if that is what the settings ask for."""
        model, settings = self.model, self.settings
        if settings.train.memory != "full":
            return None
        towers = {name: model.tower(name) for name in model.towers}
        heads = {name: 1 + (len(tower.chosen) if tower.supervises_levels else 0) for name, tower in towers.items()}
        generator = torch.Generator().manual_seed(settings.seed)
        features = model.widths if objective.sees_features else None
        return Memory(
            heads,
            self.evidence,
            settings.bits,
            generator,
            features=features,
            guides=model.guides,
            device=self.device,
        )

    def _plan(self, epoch: int) -> list[Phase]:
        train, model = self.settings.train, self.model
        return epoch_plan(self.split.train, train, model.modalities, self.settings.seed, epoch, model.guides)

    def _renew_statistics(self, towers: Iterable[str]) -> None:
        batch, seed = self.settings.train.batch, self.settings.seed
        renew_statistics(
            self.model, self.inputs, self.split.train, batch=batch, seed=seed, device=self.device, names=towers
        )

    def _finish(self) -> None:
        """From the weights of training to those that are kept."""
        self._renew_statistics(self.model.towers)
        if self.settings.train.rotate:
            rotate(self.model, self.inputs, self.split.train, self.device)

    @contextmanager
    def _finished(self) -> Iterator[None]:
        """The model as it would be kept now; training goes on with the codes it has learned, not with turned ones."""
        layers = last_layers(self.model) if self.settings.train.rotate else {}
        kept = [(layer, {k: x.clone() for k, x in layer.state_dict().items()}) for layer in chain(*layers.values())]
        self._finish()
        try:
            yield
        finally:
            for layer, state in kept:
                layer.load_state_dict(state)

    def _guides_alone(self, epoch: int) -> bool:
        train = self.settings.train
        return bool(self.model.guides) and train.memory == "batch" and epoch < train.guide_epochs

    def _is_enough(self, epoch: int, phases: list[Phase]) -> bool:
        limit = self.settings.train.max_steps
        return limit is not None and epoch * sum(len(phase.batches) for phase in phases) >= limit

    def _epoch(self, run: Run, epoch: int, phases: list[Phase], interrupt: Interrupt) -> None:
        train, progress = self.settings.train, self.state.progress
        per_epoch = sum(len(phase.batches) for phase in phases)
        steps = min(per_epoch, (train.max_steps or math.inf) - epoch * per_epoch)
        started = time.monotonic()
        before = progress.seconds
        sums = {name: torch.tensor(value, dtype=torch.float64) for name, value in progress.sums.items()}

        def measure() -> None:
            progress.sums = {name: float(value) for name, value in sums.items()}
            progress.seconds = before + time.monotonic() - started
            check_finite(progress.sums, epoch * per_epoch + progress.step)

        self.model.train()
        with self.callback.task(f"epoch {self._counted(epoch + 1)}", int(steps)) as advance:
            advance(progress.step)
            for learner, batches in self._remaining(epoch, phases, progress.step):
                if progress.step >= steps:
                    break
                step = epoch * per_epoch + progress.step
                # Dropout and mirroring draw from the global generator; seeded by the step, a resumed run draws alike.
                torch.manual_seed((self.settings.seed << 32) + step)
                rate = learning_rate(train, step, per_epoch, guided=bool(self.model.guides))
                for group in self.state.optimizer.param_groups:
                    group["lr"] = rate * group["factor"]
                shares = train_step(
                    self.model,
                    self.state.objective,
                    self.state.optimizer,
                    self.evidence,
                    self._placed(next(batches)),
                    opponent=self.state.opponent,
                    memory=self.state.memory,
                    learner=learner,
                    clip=train.clip,
                    watch=None if learner in self.watched else self._warn_of_terms,
                )
                self.watched.add(learner)
                for name, value in shares.items():
                    # Summed on the device: reading a value would wait for the GPU at every step.
                    sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64, device=value.device)) + value
                progress.step += 1
                advance(1)
                due = interrupt.requested or time.monotonic() - self.saved > train.checkpoint_every
                if due or progress.step % CHECK_EVERY == 0:
                    measure()
                if due:
                    self.state.save(run.checkpoint)
                    self.saved = time.monotonic()
                if interrupt.requested:
                    raise KeyboardInterrupt
        if self.state.memory is not None:
            self.state.memory.renew_codes()
        measure()
        self._end_epoch(run, epoch + 1)

    def _warn_of_terms(self, shares: Mapping[str, Tensor], block: Block) -> None:
        """At the first step of each learner, say which losses teach a tower nothing, or little."""
        for term, why in self.state.objective.doubts(block):
            loss, criterion = self.settings.terms[term].loss.name, self.settings.terms[term].criterion
            warnings.warn(
                f"the term {term!r} teaches the loss {loss!r} little with the criterion "
                f"{'' if criterion is None else criterion.name!r}: {why}",
                stacklevel=2,
            )
        for term, tower in unreached(self.state.objective, shares, block):
            loss = self.settings.terms[term].loss.name
            warnings.warn(
                f"no gradient of the term {term!r} reaches the tower {tower!r}, which learns nothing from it: the loss "
                f"{loss!r} detaches its codes, or does not use them; see 'chash check loss {loss}'",
                stacklevel=2,
            )

    def _remaining(self, epoch: int, phases: list[Phase], done: int) -> Iterator[tuple[str | None, Iterator[Batch]]]:
        """For every step still to do: who learns, and where its batch comes from when asked for."""
        for phase in phases:
            left = phase.batches[done:]
            done = max(done - len(phase.batches), 0)
            batches = self.inputs.batches(left, None if phase.learner is None else [phase.learner], epoch=epoch)
            for _ in left:
                yield phase.learner, batches

    def _placed(self, batch: Batch) -> Batch:
        return to_device(Batch(batch.inputs, self.position[batch.rows]), self.device)

    def _end_epoch(self, run: Run, epoch: int) -> None:
        train, progress = self.settings.train, self.state.progress
        losses = {name: value / max(progress.step, 1) for name, value in progress.sums.items()}
        scores: dict[str, float] = {}
        best = False
        due = epoch % train.validate_every == 0 or epoch == train.epochs
        if self._guides_alone(epoch - 1):
            # From here on they are constants for the others, and so is what their batch norms say.
            self._renew_statistics(self.model.guides)
        elif len(self.split.validation) and due:
            with self._finished():
                by = self.state.objective.needs or LABELS
                scores = validation_scores(self.model, self.inputs.plain(), self.split, self.device, by=by)
                score = best_epoch.selection_score(scores)
                best = best_epoch.replaces(score, progress.best_score)
                if best:
                    progress.best_epoch, progress.best_score = epoch, score
                    self.state.keep_best()
        memory = peak_memory(self.device)
        of, again = progress.chosen or train.epochs, progress.before
        record = EpochRecord(again + epoch, again + of, progress.seconds, memory, losses, scores, best, bool(again))
        history.append(run.metrics, record)
        self.callback.on_epoch_end(record)
        progress.epoch, progress.step, progress.sums, progress.seconds = epoch, 0, {}, 0.0

    def _counted(self, epoch: int) -> str:
        """`3 of 25`; a second pass counts on."""
        before = self.state.progress.before
        last = self.state.progress.chosen or self.settings.train.epochs
        return f"{before + epoch} of {before + last}" + (", with all items" if before else "")


def check_finite(sums: Mapping[str, float], step: int) -> None:
    """Stop a training whose loss is no number.

    Raises:
        TrainingError: naming the term.
    """
    for name, value in sums.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"term {name!r} of the loss is {value} by step {step}; train again into another folder, with a lower "
                f"train.lr or --set train.clip=1"
            )
