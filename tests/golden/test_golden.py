"""Losses of the first steps of every recipe that is trained, frozen; rewritten by `python tests/golden/test_golden.py`.

Weights, codes and labels are drawn from a fixed seed on a CPU, so that a change of the mathematics shows here even when
every part still passes its own test. Made with torch 2.14; the tolerance allows for other builds.
"""

import json
from pathlib import Path

import pytest
import torch

from crossmodal_hash.factory import build_model, build_objective, reads
from crossmodal_hash.objective import in_batch
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.types import Level

FILE = Path(__file__).with_name("losses.json")
TRAINED = [name for name in recipes() if resolve(name).settings.terms]
WORDS, ITEMS, CLASSES = 50, 12, 6


def losses(recipe: str, *, frozen: bool) -> dict[str, float]:
    sets = ["towers.image.backbone.weights=none", "towers.image.backbone.size=64", "bits=16"]
    settings = resolve(recipe, sets=sets, frozen_by_default=frozen).settings
    if reads(settings.towers["text"]) == "string":
        sets.append("towers.text.backbone.weights=none")
        settings = resolve(recipe, sets=sets, frozen_by_default=frozen).settings
    torch.manual_seed(0)
    model = build_model(settings, {"image": 3, "text": WORDS, "label": CLASSES}).eval()
    objective = build_objective(settings)
    objective.setup(model.widths, settings.bits, CLASSES)
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (ITEMS, 3, 64, 64), dtype=torch.uint8, generator=generator)
    words = (torch.rand(ITEMS, WORDS, generator=generator) < 0.2).float()
    labels = (torch.rand(ITEMS, CLASSES, generator=generator) < 0.4).long()
    sentences = torch.randn(ITEMS, 384, generator=generator)
    evidence = {"labels": labels, "pairs": torch.arange(ITEMS)[:, None], "features": {"text": sentences}}
    objective.fit(evidence)
    text = (Level(sentences), Level(words)) if model.tower("text").words else words
    inputs = {"image": pictures, "text": text, "label": labels.float()}
    with torch.no_grad():
        outputs = model({name: inputs[name] for name in model.modalities})
        block = in_batch(outputs, evidence, constants=model.constants(inputs), guides=model.guides)
        _, shares = objective(block)
    return {name: round(float(value), 6) for name, value in shares.items()}


def everything() -> dict[str, dict[str, float]]:
    return {f"{name}{' [frozen]' if f else ''}": losses(name, frozen=f) for name in TRAINED for f in (False, True)}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("recipe", TRAINED)
def test_first_losses_are_what_they_were(recipe, frozen):
    golden = json.loads(FILE.read_text())[f"{recipe}{' [frozen]' if frozen else ''}"]
    assert losses(recipe, frozen=frozen) == pytest.approx(golden, rel=1e-3, abs=1e-5)


if __name__ == "__main__":
    FILE.write_text(json.dumps(everything(), indent=2) + "\n")
