"""How well frozen features can rank items never trained on, and which share of that the codes of some runs reach.

    python benchmarks/ceiling.py DATA --query 1250 --train 4800 RUN [RUN ...]

Towers like those of a recipe, with one output a class, learn the labels: pictures and texts each on their own, several
times from different starts, whose logits are averaged. Then P(an item of each side share a label) =
1 - prod_c (1 - p_c q_c) ranks the unseen database for the queries, and the ranking is scored as codes are. How long the
classifiers learn is their regularization and is chosen by the likelihood of the labels of the validation items;
queries choose nothing. It is no bound in the strict sense, for another estimate of the labels could be better.

Runs must be trained on DATA and encoded. The ceiling is computed once for each of their splits, or for the splits of
every --seed where no run is given; of several splits the mean comes last. Prints Markdown; DATA is `-` for the embedded
drawings.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch.nn import functional as nnf

from crossmodal_hash.codes import load
from crossmodal_hash.data import Dataset, Split
from crossmodal_hash.evaluation import score
from crossmodal_hash.factory import build_model
from crossmodal_hash.metrics.ap import average_precision
from crossmodal_hash.metrics.ties import runs as ranking
from crossmodal_hash.model import HashModel
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.runs.folder import open_run
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.inputs import Inputs, prepare, widths
from crossmodal_hash.training.real_codes import real_codes
from crossmodal_hash.training.schedule import learning_rate
from crossmodal_hash.training.setup import split_of, vocabulary_of
from crossmodal_hash.training.statistics import fit_inputs, renew_statistics

EPOCHS = (8, 12, 18)
"""Lengths of training tried."""
DIRECTIONS = ("image->text", "text->image")
CPU = torch.device("cpu")
Logits = NDArray[np.float32]


def classifier(settings: Settings, dataset: Dataset) -> Settings:
    """The towers of a recipe with one linear output a class."""
    towers = {m: t.model_dump() | {"head": "identity", "level_heads": False} for m, t in settings.towers.items()}
    changed = settings.model_dump() | {"towers": towers, "bits": len(dataset.label_names)}
    return Settings.model_validate(changed)


@dataclass(frozen=True)
class Classifiers:
    """Towers that tell labels, in training on one split.

    Attributes:
        settings: of the towers, with one output a class.
        dataset: N items.
        split: which of them to learn from.
    """

    settings: Settings
    dataset: Dataset
    split: Split

    def logits(self, modality: str, epochs: int, seed: int) -> Logits:
        """(N, C) of one tower that has learned for so many epochs, with the optimizer and batches of the settings."""
        train = self.settings.train.model_copy(update={"epochs": epochs})
        torch.manual_seed(seed)
        model, inputs = self._parts()
        tower, rows = model.tower(modality), self.split.train
        fit_inputs(model, {modality: inputs.streams[modality]}, rows, self.settings.seed)
        tower.train()
        learned = [p for p in tower.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learned, weight_decay=train.weight_decay, fused=True)
        generator = np.random.default_rng(seed)
        steps = max(len(rows) // train.batch, 1)
        for epoch in range(epochs):
            plan = np.array_split(generator.permutation(rows), steps)
            for step, batch in enumerate(inputs.batches(plan, [modality]), epoch * steps):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(train, step, steps)
                assert inputs.labels is not None
                labels = inputs.labels[batch.rows].float()
                loss = nnf.binary_cross_entropy_with_logits(tower(batch.inputs[modality]).u, labels)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
        renew_statistics(model, inputs, rows, batch=train.batch, seed=seed, device=CPU, names=[modality])
        return real_codes(model, inputs, np.arange(len(self.dataset)), CPU, modalities=[modality])[modality]

    def probabilities(self, modality: str, members: int) -> tuple[NDArray[np.float64], int]:
        """(N, C) from the mean logits of some towers, and the length of training that suits the validation items."""
        truth = _labels(self.dataset)[self.split.validation].astype(np.float64)

        def misfit(logits: Logits) -> float:
            z = logits[self.split.validation].astype(np.float64)
            return float((np.logaddexp(0, z) - truth * z).mean())

        first = {epochs: self.logits(modality, epochs, seed=0) for epochs in EPOCHS}
        best = min(EPOCHS, key=lambda epochs: misfit(first[epochs]))
        every = [first[best], *(self.logits(modality, best, seed) for seed in range(1, members))]
        return expit(np.mean(every, axis=0, dtype=np.float64)), best

    def _parts(self) -> tuple[HashModel, Inputs]:
        vocabulary = vocabulary_of(self.dataset, self.settings, self.split)
        model = build_model(self.settings, widths(self.dataset, vocabulary))
        return model, prepare(self.dataset, model, vocabulary, CPU)


def _labels(dataset: Dataset) -> NDArray[np.int64]:
    if dataset.labels is None:
        raise SystemExit(f"{dataset.name} has no labels, so it has no ceiling")
    return dataset.labels.astype(np.int64)


def share_a_label(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log P(no label in common), which rises with P(some in common): (Q, C), (N, C) -> (Q, N)."""
    none = np.zeros((len(p), len(q)))
    for one, other in zip(p.T, q.T, strict=True):
        none += np.log1p(-np.minimum(one[:, None] * other, 1 - 1e-9))
    return -none


def mean_average_precision(similarity: NDArray[np.float64], relevant: NDArray[np.bool_]) -> float:
    """mAP@all of rankings by a similarity (Q, N); a query without a relevant item counts 0, as in `chash evaluate`."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    grades = np.take_along_axis(relevant, order, axis=1).astype(np.uint8)
    return float(average_precision(ranking(grades, np.full(len(grades), grades.shape[1]), None)).mean())


def ceiling(settings: Settings, dataset: Dataset, split: Split, members: int) -> tuple[dict[str, float], str]:
    """Direction -> mAP@all against the unseen database, and how the classifiers were trained."""
    classifiers = Classifiers(settings, dataset, split)
    found = {modality: classifiers.probabilities(modality, members) for modality in ("image", "text")}
    labels, asked, searched = _labels(dataset), split.query, split.unseen
    relevant = (labels[asked] @ labels[searched].T) > 0
    out = {}
    for direction in DIRECTIONS:
        a, _, b = direction.partition("->")
        out[direction] = mean_average_precision(share_a_label(found[a][0][asked], found[b][0][searched]), relevant)
    return out, ", ".join(f"{epochs} epochs for {modality}" for modality, (_, epochs) in found.items())


def reached(run: Path) -> Mapping[str, float]:
    """Direction -> mAP@all of a run's codes against the unseen database."""
    codes = {name: load(run / "codes" / f"{name}.safetensors") for name in ("image", "text")}
    return {s.direction: s.result.values["map@all"] for s in score(codes) if s.database == "unseen"}


def report(found: Mapping[str, float], folders: Sequence[Path]) -> None:
    """Lines of the table for one split."""
    print("| ceiling | | " + " | ".join(f"{found[d]:.4f}" for d in DIRECTIONS) + " |")
    for folder in folders:
        values = reached(folder)
        cells = [f"{values[d]:.4f} ({values[d] / found[d]:.1%})" for d in DIRECTIONS]
        print(f"| {folder.name} | {open_run(folder).settings().bits} | " + " | ".join(cells) + " |")


def main() -> None:
    """Group the runs by their split, and print each ceiling with the runs below it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--query", type=int)
    parser.add_argument("--train", type=int)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--recipe", default="labels")
    options = parser.parse_args()
    dataset = load_data(None if options.data == "-" else options.data)
    sizes = [f"data.{part}={getattr(options, part)}" for part in ("query", "train") if getattr(options, part)]

    def settings_of(seed: int) -> Settings:
        sets = [*sizes, f"seed={seed}", "train.lr=1e-3"]
        return resolve(options.recipe, sets=sets, frozen_by_default=True).settings

    splits: dict[str, tuple[Split, list[Path]]] = {}
    for folder in options.runs:
        split = open_run(folder).split(dataset.ids)
        splits.setdefault(split.fingerprint(), (split, []))[1].append(folder)
    if not splits:
        splits = {f"seed {seed}": (split_of(dataset, settings_of(seed)), []) for seed in options.seed}
    print("| run | bits | " + " | ".join(f"{direction}, unseen" for direction in DIRECTIONS) + " |")
    print("|---|---|---|---|")
    ceilings = []
    for split, folders in splits.values():
        found, how = ceiling(classifier(settings_of(options.seed[0]), dataset), dataset, split, options.members)
        ceilings.append(found)
        report(found, folders)
        print(f"\nclassifiers: {options.members} a side, {how}\n", flush=True)
    if len(ceilings) > 1:
        means = [np.mean([found[direction] for found in ceilings]) for direction in DIRECTIONS]
        print(f"mean ceiling of {len(ceilings)} splits: " + ", ".join(f"{mean:.4f}" for mean in means))


if __name__ == "__main__":
    main()
