"""Towers that read labels: whom they meet, when they learn, and that they stay at home afterwards."""

import pytest
import torch
from vectors import vectors

import crossmodal_hash as ch
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.criteria.hard import Hard
from crossmodal_hash.errors import SettingsError, ShapeError
from crossmodal_hash.factory import build_model, build_objective, check_parts
from crossmodal_hash.losses.adversary import Adversary
from crossmodal_hash.losses.classify import Classify
from crossmodal_hash.objective import Block, Objective, Term, in_batch
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.settings.schema import TrainSettings
from crossmodal_hash.training import gradient
from crossmodal_hash.training.memory_bank import Memory
from crossmodal_hash.training.optimizer import make_opponent, make_optimizer
from crossmodal_hash.training.plan import epoch_plan
from crossmodal_hash.training.schedule import learning_rate
from crossmodal_hash.training.step import losses, train_step
from crossmodal_hash.types import Batch, HashOutput

LABELS = torch.tensor([[1.0, 0], [1, 1], [0, 1]])


class Seen(HashLoss):
    """Writes down the first values of what it is given."""

    def __init__(self):
        super().__init__()
        self.pairs = []

    def compute(self, u, v, s):
        self.pairs.append((u[0, 0].item(), v[0, 0].item(), u.shape[1]))
        return u.sum() * 0


class OfItems(Seen):
    compares = "items"


def output(value):
    return HashOutput(torch.full((3, 2), value), (), torch.full((3, 5), value + 0.5))


IMAGE, TEXT, LABEL = output(1.0), output(2.0), output(9.0)


def seen(loss, block, **options):
    criterion = Hard() if loss.compares == "pairs" else None
    Objective({"t": Term(loss, criterion, **options)})(block)
    return loss.pairs


def guided():
    return in_batch({"image": IMAGE, "text": TEXT}, {"labels": LABELS}, constants={"label": LABEL}, guides=["label"])


def test_between_guide_pairs_every_tower_with_the_guide_alone():
    assert seen(Seen(), guided(), between="guide") == [(1, 9, 2), (2, 9, 2)]
    assert seen(Seen(), guided()) == [(1, 2, 2), (1, 9, 2), (2, 9, 2)]


def test_a_guide_that_learns_meets_itself():
    block = in_batch({"label": LABEL}, {"labels": LABELS}, guides=["label"])
    assert seen(Seen(), block, between="guide") == [(9, 9, 2)]


def test_a_guide_that_learns_in_the_alternating_form_meets_its_buffer():
    others = {"image": IMAGE, "text": TEXT, "label": LABEL}
    block = Block({"label": output(7.0)}, others, {"labels": (LABELS, LABELS)}, others, torch.ones(3, 2), ["label"])
    assert seen(Seen(), block, between="guide") == [(7, 9, 2)]


def test_a_term_on_features_sees_the_fused_features():
    assert seen(Seen(), guided(), between="guide", on="features") == [(1.5, 9.5, 5), (2.5, 9.5, 5)]


def test_items_are_taken_once_for_every_other_modality_with_equal_shares():
    assert seen(OfItems(), in_batch({"image": IMAGE, "text": TEXT}, {"labels": LABELS})) == [(1, 2, 2), (2, 1, 2)]
    assert seen(OfItems(), in_batch({"image": IMAGE}, {"labels": LABELS})) == [(1, 1, 2)]
    assert seen(OfItems(), guided(), between="guide") == [(1, 9, 2), (2, 9, 2)]


def test_classify_has_a_layer_for_every_tower_and_predicts_labels_from_features():
    term = Term(Classify(), on="features")
    term.setup({"image": 5, "text": 5}, 2, 2)
    value = term(in_batch({"image": IMAGE, "text": TEXT}, {"labels": LABELS}), None)[""]
    slow = 0.0
    for name, tower in (("image", IMAGE), ("text", TEXT)):
        p = torch.sigmoid(term.copies[name].to_labels(tower.features))
        slow -= (LABELS * p.log() + (1 - LABELS) * (1 - p).log()).mean()
    assert value.item() == pytest.approx(slow.item(), rel=1e-5)
    assert not torch.equal(term.copies["image"].to_labels.weight, term.copies["text"].to_labels.weight)


def test_the_adversary_and_its_tower_pull_in_opposite_directions():
    torch.manual_seed(0)
    loss = Adversary(hidden=(4,))
    loss.setup(5, 2)
    u, v = torch.randn(6, 5, requires_grad=True), torch.randn(6, 5)
    d = torch.sigmoid(loss.discriminator(u)), torch.sigmoid(loss.discriminator(v))
    assert loss(u, v, LABELS.repeat(2, 1)).item() == pytest.approx(-d[0].log().mean().item(), rel=1e-5)
    slow = -d[1].log().mean() - (1 - d[0]).log().mean()
    assert loss.oppose(u, v, LABELS).item() == pytest.approx(slow.item(), rel=1e-5)


def test_an_adversary_between_features_of_two_widths_is_refused():
    loss = Adversary(hidden=(4,))
    loss.setup(5, 2)
    with pytest.raises(ShapeError, match="same width"):
        loss(torch.ones(3, 5), torch.ones(3, 4), LABELS)
    with pytest.raises(SettingsError, match="without units"):
        Adversary(hidden=(4, 0))


def test_nobody_plays_against_himself():
    term = Term(Adversary(hidden=(4,)), between="guide", on="features")
    term.setup({"label": 5}, 2, 2)
    objective = Objective({"adversary": term})
    assert objective.opposition(in_batch({"label": LABEL}, {"labels": LABELS}, guides=["label"])) is None


def test_a_guide_learns_first_and_alone_then_all_the_others():
    train = TrainSettings(batch=2, guide_epochs=2)
    rows = torch.arange(4).numpy()
    learners = [[p.learner for p in epoch_plan(rows, train, ("image", "text"), 0, e, ("label",))] for e in range(4)]
    assert learners == [["label"], ["label"], [None], [None]]
    phases = epoch_plan(rows, TrainSettings(batch=2, memory="full"), ("image", "text"), 0, 0, ("label",))
    assert [phase.learner for phase in phases] == ["label", "image", "text"]


def test_the_schedule_begins_when_the_guide_has_learned():
    train = TrainSettings(epochs=12, guide_epochs=2, lr=0.1)
    plain = TrainSettings(epochs=10, lr=0.1)
    assert learning_rate(train, 19, 10, guided=True) == 0.1
    assert [learning_rate(train, step, 10, guided=True) for step in range(20, 120, 7)] == [
        learning_rate(plain, step, 10) for step in range(0, 100, 7)
    ]


def test_the_memory_keeps_features_where_a_term_sees_them():
    memory = Memory(
        {"image": 1, "label": 1}, {"labels": LABELS}, 2, torch.Generator(), features={"image": 5}, guides=["label"]
    )
    rows = torch.tensor([2])
    memory.write("image", rows, HashOutput(torch.ones(1, 2), (), torch.full((1, 5), 3.0)))
    block = memory.block("image", IMAGE, rows)
    assert block.partners["image"].features.tolist() == [[3.0] * 5]
    assert block.others["image"].features.shape == (3, 5)
    assert block.others["label"].features is None
    other = Memory(
        {"image": 1, "label": 1}, {"labels": LABELS}, 2, torch.Generator(), features={"image": 5}, guides=["label"]
    )
    other.load(memory.state())
    assert torch.equal(other.features["image"], memory.features["image"])


SMALL = [
    "towers.image.backbone=mlp",
    'towers.text.backbone={name="bow-mlp", hidden=[8]}',
    "towers.label.backbone.hidden=[8]",
    "bits=4",
]


def small():
    settings = resolve("ssah", sets=[*SMALL, *(f"towers.{m}.width=6" for m in ("image", "text", "label"))])[1]
    torch.manual_seed(0)
    model = build_model(settings, {"image": 7, "text": 20, "label": 3})
    objective = build_objective(settings)
    objective.setup(model.widths, 4, 3)
    inputs = {"image": torch.randn(6, 7), "text": torch.ones(6, 20), "label": torch.eye(3).repeat(2, 1)}
    return settings, model.train(), objective, Batch(inputs, torch.arange(6))


def evidence_in(batch):
    return {"labels": batch.inputs["label"]}


def moved(module, before):
    return {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}


def test_the_guide_is_a_constant_while_the_others_learn_and_learns_when_it_is_its_turn():
    settings, model, objective, batch = small()
    optimizer, opponent = make_optimizer(model, objective, settings), make_opponent(objective, settings.train)
    for learner, learning in ((None, ("image", "text")), ("label", ("label",))):
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        train_step(model.train(), objective, optimizer, evidence_in(batch), batch, opponent=opponent, learner=learner)
        assert {name.split(".")[1] for name in moved(model, before)} == set(learning)


def test_opposed_parameters_are_moved_by_their_own_optimizer_alone():
    settings, model, objective, batch = small()
    optimizer, opponent = make_optimizer(model, objective, settings), make_opponent(objective, settings.train)
    owned = {id(p) for group in opponent.param_groups for p in group["params"]}
    assert owned == {id(p) for p in objective.terms["adversary"].copies.parameters()}
    assert not owned & {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in objective.terms["adversary"].named_parameters()}
    train_step(model, objective, optimizer, evidence_in(batch), batch, learner=None)
    assert not moved(objective.terms["adversary"], before)
    train_step(model, objective, optimizer, evidence_in(batch), batch, opponent=opponent, learner=None)
    assert {name.split(".")[1] for name in moved(objective.terms["adversary"], before)} == {"image", "text"}


def test_a_guide_is_no_modality_to_encode():
    _, model, objective, batch = small()
    assert (model.modalities, model.guides) == (("image", "text"), ("label",))
    _, _, block = losses(model, objective, evidence_in(batch), batch)
    assert list(block.live) == ["image", "text"]


@pytest.mark.parametrize(
    ("recipe", "sets", "said"),
    [
        ("dcmh", ["terms.hard.between=guide"], "no tower reads labels"),
        ("ssah", ["train.epochs=5"], "leaves none for the others"),
    ],
)
def test_settings_without_sense_are_one_sentence(recipe, sets, said):
    with pytest.raises(SettingsError, match=said):
        check_parts(resolve(recipe, sets=sets).settings)


def test_after_each_epoch_alone_the_statistics_of_guides_are_renewed(tmp_path, monkeypatch):
    renewed = []
    monkeypatch.setattr(gradient, "renew_statistics", lambda *given, names, **others: renewed.append(sorted(names)))
    sizes = ["data.query=30", "data.train=100", "data.validation=0", "train.batch=50"]
    method = ch.build("ssah", bits=8, epochs=3, sets=[*sizes, "train.guide_epochs=2"])
    ch.train(method, vectors(), out=tmp_path / "run")
    assert renewed == [["label"], ["label"], ["image", "label", "text"]]
