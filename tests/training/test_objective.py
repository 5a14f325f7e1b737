import math
from dataclasses import replace

import pytest
import torch

import crossmodal_hash as ch
from crossmodal_hash.contracts import Criterion, HashLoss
from crossmodal_hash.criteria.hard import Hard
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.factory import build_objective
from crossmodal_hash.losses.pairwise_nll import PairwiseNLL
from crossmodal_hash.losses.quantization import Quantization
from crossmodal_hash.objective import Block, Objective, Term, binary, head_pairs, in_batch
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.memory_bank import Memory
from crossmodal_hash.types import HashOutput


class Named(HashLoss):
    """Writes down which pairs of matrices it is given, by their first values."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, float]] = []

    def compute(self, u, v, s):
        self.seen.append((u[0, 0].item(), v[0, 0].item()))
        return u.sum() * 0 + 1


def output(value, levels=0):
    return HashOutput(torch.full((3, 2), value), tuple(torch.full((3, 2), value + (i + 1) / 10) for i in range(levels)))


LABELS = torch.tensor([[1, 0], [1, 1], [0, 1]])


def test_each_pair_of_modalities_is_compared_once_and_each_modality_with_itself():
    loss = Named()
    outputs = {"image": output(1.0), "text": output(2.0), "label": output(3.0)}
    total, shares = Objective({"t": Term(loss, Hard(), inter=2.0, intra=0.5)})(in_batch(outputs, LABELS))
    assert loss.seen == [(1, 2), (1, 3), (2, 3), (1, 1), (2, 2), (3, 3)]
    # Both sides of a pair within a modality learn, so it counts half.
    assert total.item() == pytest.approx(2.0 * 3 + 0.5 * 3 / 2)
    assert shares["t"].item() == total.item()


def test_in_the_alternating_form_one_modality_meets_the_memory_of_all():
    loss = Named()
    live = output(1.0)
    others = {"image": output(-1.0), "text": output(2.0)}
    block = Block({"image": live}, others, {"labels": (LABELS, LABELS)}, others, torch.ones(3, 2))
    Objective({"t": Term(loss, Hard(), inter=1.0, intra=1.0)})(block)
    assert loss.seen == [(1, 2), (1, -1)]


@pytest.mark.parametrize("learner", ["image", "text"])
def test_either_modality_may_be_the_learner(learner):
    loss = Named()
    others = {"image": output(1.0), "text": output(2.0)}
    block = Block({learner: output(5.0)}, others, {"labels": (LABELS, LABELS)}, others, torch.ones(3, 2))
    Objective({"t": Term(loss, Hard())})(block)
    assert loss.seen == [(5, 2 if learner == "image" else 1)]


def test_level_heads_are_aligned_from_the_top_and_weighed_by_their_mean():
    a, b = output(1.0, levels=3), output(2.0, levels=2)
    pairs = [(u[0, 0].item(), v[0, 0].item(), w) for u, v, w in head_pairs(a, b, "levels+fused")]
    assert pairs == [
        (1, 2, 1.0),
        (pytest.approx(1.2), pytest.approx(2.1), 0.5),
        (pytest.approx(1.3), pytest.approx(2.2), 0.5),
    ]
    assert [w for *_, w in head_pairs(a, b, "sum")] == [1.0, 1.0, 1.0]
    assert len(head_pairs(a, b, "fused")) == 1


def test_losses_on_codes_get_the_partner_rows_and_the_sign_of_the_sum():
    u = torch.tensor([[0.5, -0.2]])
    v = torch.tensor([[-0.1, 0.1]])
    block = in_batch({"image": HashOutput(u), "text": HashOutput(v)}, torch.tensor([[1]]))
    assert block.codes.tolist() == [[1.0, -1.0]]
    total, _ = Objective({"q": Term(Quantization(third=True), weight=0.1)})(block)
    b = block.codes
    slow = sum(((x - y) ** 2).mean() for x, y in ((b, u), (b, v), (u, v)))
    assert total.item() == pytest.approx(0.1 * slow.item())


def test_binary_follows_the_sign_rule():
    assert binary(torch.tensor([-0.0, 0.0, -1e-9])).tolist() == [1.0, 1.0, -1.0]


def test_the_hsidhn_objective_equals_its_sum_written_out():
    settings = resolve("hsidhn", flags={"bits": 8}).settings
    objective = build_objective(settings)
    generator = torch.Generator().manual_seed(1)
    labels = (torch.rand(6, 4, generator=generator) < 0.4).long()
    labels[:, 0] |= labels.sum(1) == 0
    objective.fit(labels)
    f, g, f1, g1 = (torch.rand(6, 8, generator=generator) * 2 - 1 for _ in range(4))
    block = in_batch({"image": HashOutput(f, (f1,)), "text": HashOutput(g, (g1,))}, labels)
    total, shares = objective(block)

    hard = ((labels.float() @ labels.float().T) > 0).float()
    d = torch.cdist(labels.float(), labels.float()) ** 2
    n = len(labels)
    soft = torch.exp(-d / (d.sum() / (n * (n - 1))))

    def nll(u, v):
        theta = 16 / 8 * u @ v.T
        return (torch.log1p(torch.exp(theta)) - hard * theta).mean()

    def mse(u, v):
        return (((u @ v.T) / 8 + 1) / 2 - soft).square().mean()

    b = binary(f + g)
    slow_hard = sum(nll(a, c) for a, c in ((f, g), (f1, g1))) + sum(nll(a, a) for a in (f, g, f1, g1)) / 2
    slow_soft = mse(f, g) + mse(f, f) / 2 + mse(g, g) / 2
    slow_quant = 0.1 * sum((a - c).square().mean() for a, c in ((b, f), (b, g), (f, g)))
    assert shares["hard"].item() == pytest.approx(slow_hard.item(), rel=1e-5)
    assert shares["soft"].item() == pytest.approx(slow_soft.item(), rel=1e-5)
    assert shares["quantization"].item() == pytest.approx(slow_quant.item(), rel=1e-5)
    assert total.item() == pytest.approx((slow_hard + slow_soft + slow_quant).item(), rel=1e-5)


def test_the_nll_of_codes_that_say_nothing_is_log_two():
    block = in_batch({"image": output(0.0), "text": output(0.0)}, LABELS)
    total, _ = Objective({"t": Term(PairwiseNLL(), Hard())})(block)
    assert total.item() == pytest.approx(math.log(2))


def test_memory_holds_the_latest_codes_and_renews_b_once_an_epoch():
    memory = Memory({"image": 1, "text": 1}, LABELS, 2, torch.Generator().manual_seed(0))
    before = memory.codes.clone()
    rows = torch.tensor([2, 0])
    live = HashOutput(torch.tensor([[3.0, -3.0], [-3.0, 3.0]], requires_grad=True))
    memory.write("image", rows, live)
    assert memory.buffers["image"][0][rows].tolist() == live.u.tolist()
    assert not memory.buffers["image"][0].requires_grad
    assert torch.equal(memory.codes, before)
    memory.renew_codes()
    assert torch.equal(memory.codes, binary(memory.buffers["image"][0] + memory.buffers["text"][0]))
    block = memory.block("image", live, rows)
    assert torch.equal(block.labels, LABELS[rows])
    assert torch.equal(block.partners["text"].u, memory.buffers["text"][0][rows])
    assert block.others["text"].u.shape == (3, 2)


def test_the_two_buffers_are_not_one_tensor():
    memory = Memory({"image": 2, "text": 2}, LABELS, 2, torch.Generator().manual_seed(0))
    tensors = [x for buffers in memory.buffers.values() for x in buffers]
    assert len({x.data_ptr() for x in tensors}) == 4


def test_memory_state_round_trips():
    first = Memory({"image": 1, "text": 2}, LABELS, 2, torch.Generator().manual_seed(0))
    second = Memory({"image": 1, "text": 2}, LABELS, 2, torch.Generator().manual_seed(1))
    second.load(first.state())
    assert all(torch.equal(a, b) for a, b in zip(first.state().values(), second.state().values(), strict=True))


class Near(Criterion):
    """Sees features."""

    sees = "features"

    def compute(self, a, b):
        return (a @ b.T).clamp(0, 1)


class Given(HashLoss):
    """Writes down the similarity it is given."""

    def compute(self, u, v, s):
        self.s = s
        return u.sum() * 0 + v.sum() * 0


def test_a_criterion_is_given_the_evidence_it_says_it_sees():
    loss, features = Given(), torch.eye(3)
    block = in_batch({"image": output(1.0), "text": output(2.0)}, LABELS)
    block = replace(block, evidence={**block.evidence, "features": (features, features)})
    Objective({"t": Term(loss, Near())})(block)
    assert torch.equal(loss.s, features)
    Objective({"t": Term(loss, Hard())})(block)
    assert torch.equal(loss.s, Hard()(LABELS, LABELS))


def test_a_criterion_that_sees_what_training_does_not_have_is_refused():
    ch.register("criterion", "near", Near)
    with pytest.raises(SettingsError, match="'near' needs features, but training has only labels; choose"):
        build_objective(resolve("hsidhn", sets=["terms.soft.criterion=near"]).settings)
