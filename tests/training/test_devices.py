"""No GPU is needed to see that nothing stays behind on the CPU: `meta` and fake tensors refuse mixed devices."""

from itertools import product

import pytest
import torch
from fake_gpu import fakes_a_gpu
from torch._subclasses.fake_tensor import FakeTensorMode

from crossmodal_hash.factory import build_model, build_objective, reads
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.memory_bank import Memory
from crossmodal_hash.training.optimizer import make_opponent, make_optimizer
from crossmodal_hash.training.step import losses, train_step
from crossmodal_hash.types import Batch, Level

WORDS, ITEMS, BATCH, CLASSES = 60, 12, 6, 4
RECIPES = [name for name in recipes() if resolve(name).settings.terms]


def parts(recipe, *, frozen):
    sets = ["towers.image.backbone.weights=none", "towers.image.backbone.size=64", "bits=16"]
    settings = resolve(recipe, sets=sets, frozen_by_default=frozen).settings
    if reads(settings.towers["text"]) == "string":
        sets.append("towers.text.backbone.weights=none")
        settings = resolve(recipe, sets=sets, frozen_by_default=frozen).settings
    model = build_model(settings, {"image": 3, "text": WORDS, "label": CLASSES}).train()
    objective = build_objective(settings)
    objective.setup(model.widths, settings.bits, CLASSES)
    return settings, model, objective


def batch_on(device, model, frozen):
    pictures = torch.zeros(BATCH, 3, 64, 64, dtype=torch.uint8, device=device)
    image = model.tower("image").choose(model.tower("image").levels(pictures)) if frozen else pictures
    text = torch.ones(BATCH, WORDS, device=device)
    if model.tower("text").words:
        text = (Level(torch.ones(BATCH, 384, device=device)), Level(text))
    inputs = {"image": image, "text": text, "label": torch.ones(BATCH, CLASSES, device=device)}
    return Batch(inputs, torch.arange(BATCH, device=device))


def evidence_on(device):
    labels = torch.ones(ITEMS, CLASSES, dtype=torch.uint8, device=device)
    features = {"text": torch.ones(ITEMS, 384, device=device)}
    return {"labels": labels, "pairs": torch.arange(ITEMS, device=device)[:, None], "features": features}


def learners(model, memory):
    return model.towers if memory else [*model.guides, None]


def memory_on(device, model, settings):
    if settings.train.memory != "full":
        return None
    heads = {m: 1 + (len(model.tower(m).chosen) if model.tower(m).supervises_levels else 0) for m in model.towers}
    return Memory(
        heads,
        evidence_on(device),
        settings.bits,
        torch.Generator(),
        features=model.widths,
        guides=model.guides,
        device=device,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "frozen"), list(product(RECIPES, [True, False])))
def test_a_whole_training_step_runs_on_the_meta_device(recipe, frozen):
    with torch.device("meta"):
        settings, model, objective = parts(recipe, frozen=frozen)
    objective = objective.to("meta")
    model = model.to("meta")
    optimizer, opponent = make_optimizer(model, objective, settings), make_opponent(objective, settings.train)
    batch = batch_on("meta", model, frozen)
    memory = memory_on("meta", model, settings)
    for learner in learners(model, memory):
        shares = train_step(
            model,
            objective,
            optimizer,
            evidence_on("meta"),
            batch,
            opponent=opponent,
            memory=memory,
            learner=learner,
            clip=1.0,
        )
        assert all(value.device.type == "meta" and value.ndim == 0 for value in shares.values())
    learned = [p for p in model.parameters() if p.requires_grad]
    assert any(p.grad is not None for p in learned)


@pytest.mark.slow
@fakes_a_gpu
@pytest.mark.parametrize(("recipe", "frozen"), list(product(RECIPES, [True, False])))
def test_forward_and_loss_run_on_a_fake_gpu(recipe, frozen):
    settings, model, objective = parts(recipe, frozen=frozen)
    with FakeTensorMode(allow_non_fake_inputs=False):
        for owner in [*model.modules(), *objective.modules()]:
            for name, p in owner._parameters.items():
                if p is not None:
                    fake = torch.empty(p.shape, dtype=p.dtype, device="cuda")
                    owner._parameters[name] = torch.nn.Parameter(fake, requires_grad=p.requires_grad)
            for name, b in owner._buffers.items():
                if b is not None:
                    owner._buffers[name] = torch.empty(b.shape, dtype=b.dtype, device="cuda")
        batch = batch_on("cuda", model, frozen)
        memory = memory_on("cuda", model, settings)
        for learner in learners(model, memory):
            total, shares, block = losses(model, objective, evidence_on("cuda"), batch, memory=memory, learner=learner)
            assert total.device.type == "cuda"
            assert all(output.u.device.type == "cuda" for output in block.live.values())
            assert all(value.device.type == "cuda" for value in shares.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("frozen", [True, False])
def test_a_whole_training_step_runs_on_a_gpu(frozen):
    settings, model, objective = parts("hsidhn", frozen=frozen)
    model, objective = model.cuda(), objective.cuda()
    optimizer = make_optimizer(model, objective, settings)
    batch = batch_on("cuda", model, frozen)
    memory = memory_on("cuda", model, settings)
    learner = "image" if memory else None
    shares = train_step(model, objective, optimizer, evidence_on("cuda"), batch, memory=memory, learner=learner)
    assert all(torch.isfinite(value) for value in shares.values())
