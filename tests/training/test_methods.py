"""The objective of every published deep method, as its recipe composes it, against its formula written out slowly."""

import math
from itertools import product

import pytest
import torch

from crossmodal_hash.evidence import between
from crossmodal_hash.factory import build_objective
from crossmodal_hash.objective import Block, in_batch
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.step import unreached
from crossmodal_hash.types import HashOutput

B, K, C, D, LEVELS = 6, 4, 5, 3, 2
DEEP = [name for name in recipes() if resolve(name).settings.terms]
# The gradient of a sign is that of a surrogate on purpose.
SMOOTH = [name for name in DEEP if name != "asymmetric"]
CASES = {
    "several labels": [
        [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 1, 1, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 0, 0]
    ],
    "one label each": [*torch.eye(C).tolist(), [1, 0, 0, 0, 0]],
    "disjoint": torch.eye(B)[:, :C].tolist(),
    "one class": [[1, 0, 0, 0, 0]] * B,
    "unlabeled": [[0] * C] * B,
}  # fmt: skip


def labels_of(case):
    return torch.tensor(CASES[case], dtype=torch.float64)


def outputs(recipe, seed=0, *, alike=False):
    """Codes, level codes and features of every tower, in double precision; all items alike if asked for."""
    generator = torch.Generator().manual_seed(seed)

    def one():
        def draw(width):
            x = torch.randn(1 if alike else B, width, generator=generator, dtype=torch.float64)
            return x.repeat(B // len(x), 1).requires_grad_()

        return HashOutput(draw(K), tuple(draw(K) for _ in range(LEVELS)), draw(D))

    return {name: one() for name in resolve(recipe).settings.towers}


def evidence_of(labels):
    sentences = torch.randn(len(labels), 7, generator=torch.Generator().manual_seed(3))
    return {"labels": labels, "pairs": torch.arange(len(labels))[:, None], "features": {"text": sentences}}


def objective_of(recipe, labels):
    torch.manual_seed(0)
    objective = build_objective(resolve(recipe, sets=[f"bits={K}"]).settings)
    objective.setup({"image": D, "text": D, "label": D}, K, C)
    objective.double().fit(evidence_of(labels))
    return objective


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("recipe", DEEP)
def test_every_term_of_a_recipe_reaches_every_tower_that_learns(recipe, case):
    labels, made = labels_of(case), outputs(recipe)
    objective = objective_of(recipe, labels)
    assert unreached(objective, objective(block := block_of(made, labels))[1], block) == []
    kept = {name: constant(output) for name, output in made.items()}
    codes, guides = torch.ones(B, K, dtype=torch.float64), [name for name in made if name == "label"]
    for name, output in made.items():
        alone = Block({name: output}, kept, both(labels), kept | {name: output}, codes, guides)
        assert unreached(objective, objective(alone)[1], alone) == []


def constant(output):
    return HashOutput(output.u.detach(), tuple(x.detach() for x in output.per_level), output.features.detach())


def both(labels):
    return between(evidence_of(labels), evidence_of(labels))


def block_of(made, labels):
    live = {name: output for name, output in made.items() if name != "label"}
    constants = {name: output for name, output in made.items() if name == "label"}
    return in_batch(live, evidence_of(labels), constants=constants, guides=list(constants))


@pytest.mark.parametrize("recipe", DEEP)
def test_both_forms_of_the_optimization_pull_a_tower_alike(recipe):
    """The gradient of every code in a batch is that of the alternating form, where the others are constants."""
    labels, made = labels_of("several labels"), outputs(recipe)
    if recipe == "tdh":  # with one positive and one negative for each anchor nothing is left to draw
        labels, made = labels[1:3], {name: HashOutput(x.u[:2], (), x.features[:2]) for name, x in made.items()}
    objective = objective_of(recipe, labels)
    block = block_of(made, labels)
    everything = [u for name in block.live for u in made[name].heads()]
    together = torch.autograd.grad(objective(block)[0], everything, allow_unused=True)
    kept = {name: constant(output) for name, output in made.items()}
    alone = []
    for name in block.live:
        live, partners = {name: made[name]}, kept | {name: made[name]}
        one = Block(live, kept, both(labels), partners, block.codes, block.guides)
        alone += torch.autograd.grad(objective(one)[0], made[name].heads(), allow_unused=True)
    for a, b in zip(together, alone, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)


def plain(made):
    """The outputs as lists of numbers."""
    return {
        name: HashOutput(y.u.tolist(), tuple(z.tolist() for z in y.per_level), y.features.tolist())
        for name, y in made.items()
    }


def similar(labels):
    return [[float(any(a * b for a, b in zip(x, y, strict=True))) for y in labels.tolist()] for x in labels.tolist()]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cos(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def over_pairs(u, v, value):
    return sum(value(i, j) for i, j in product(range(len(u)), range(len(v)))) / (len(u) * len(v))


def nll(u, v, s, slope, product=dot):
    def value(i, j):
        theta = slope * product(u[i], v[j])
        return math.log(1 + math.exp(theta)) - s[i][j] * theta

    return over_pairs(u, v, value)


def signs(made):
    towers = zip(*(output.u for output in made.values()), strict=True)
    return [[1.0 if sum(values) >= 0 else -1.0 for values in zip(*rows, strict=True)] for rows in towers]


def mean_square(b, u):
    return sum((b[i][k] - u[i][k]) ** 2 for i in range(B) for k in range(len(b[0]))) / (B * len(b[0]))


def quantization(made, names=("image", "text")):
    return sum(mean_square(signs(made), made[name].u) for name in names)


def balance(u):
    return sum((sum(u[i][k] for i in range(B)) / B) ** 2 for k in range(K)) / K


def decorrelation(u):
    mean = [sum(u[i][k] for i in range(B)) / B for k in range(K)]
    pairs = [(k, m) for k in range(K) for m in range(k)]
    covariance = [sum((u[i][k] - mean[k]) * (u[i][m] - mean[m]) for i in range(B)) / B for k, m in pairs]
    return sum(x**2 for x in covariance) / len(pairs)


def dcmh(made, labels):
    f, g = made["image"].u, made["text"].u
    return nll(f, g, similar(labels), 0.5) + quantization(made) + balance(f) + balance(g)


def prdh(made, labels):
    f, g, s = made["image"].u, made["text"].u, similar(labels)
    pairs = nll(f, g, s, 0.25) + nll(f, f, s, 0.25) / 2 + nll(g, g, s, 0.25) / 2
    return pairs + decorrelation(f) + decorrelation(g) + quantization(made) + balance(f) + balance(g)


def chn(made, labels):
    f, g, s = made["image"].u, made["text"].u, similar(labels)
    hinge = over_pairs(f, g, lambda i, j: max(0.0, 0.5 - (2 * s[i][j] - 1) * cos(f[i], g[j])))
    bits = sum(max(0.0, 0.5 - abs(x)) for u in (f, g) for row in u for x in row) / (B * K)
    return hinge + 0.01 * bits


def cmhh(made, labels):
    f, g, s = made["image"].u, made["text"].u, similar(labels)
    beta, alike = 2 / K, sum(map(sum, s))

    def value(i, j):
        p = math.exp(-beta * K / 2 * (1 - cos(f[i], g[j])))
        if s[i][j]:
            return -(B * B / (2 * max(alike, 1))) * (1 - p) ** 2 * math.log(p)
        return -(B * B / (2 * max(B * B - alike, 1))) * p**2 * math.log(1 - p)

    def flat(row):
        return sum(abs(x) for x in row) / (math.sqrt(dot(row, row)) * math.sqrt(K))

    prior = sum(beta * K / 2 * (1 - flat(row)) for u in (f, g) for row in u) / B
    return over_pairs(f, g, value) + 0.01 * prior


def scahn(made, labels):
    s, slope = similar(labels), 32 / K

    def pairs(f, g):
        return nll(f, g, s, slope) + nll(f, f, s, slope) / 2 + nll(g, g, s, slope) / 2

    image, text = made["image"], made["text"]
    levels = [pairs(f, g) for f, g in zip(image.per_level, text.per_level, strict=True)]
    return pairs(image.u, text.u) + sum(levels) / LEVELS + 0.1 * quantization(made)


def mlsph(made, labels):
    f, g, rows = made["image"].u, made["text"].u, labels.tolist()

    def fgsc(i, j):
        return dot(rows[i], rows[j]) / math.sqrt(max(sum(rows[i]), 1) * max(sum(rows[j]), 1))

    def error(u, v):
        return over_pairs(u, v, lambda i, j: (fgsc(i, j) - cos(u[i], v[j])) ** 2)

    return 10 * error(f, g) + 14 / 2 * error(f, f) + 14 / 2 * error(g, g) + quantization(made)


def ssah(made, labels):
    """Without the parts that have parameters, which are checked by themselves."""
    s, guide = similar(labels), made["label"]
    total = 0.0
    for name in ("image", "text"):
        tower = made[name]
        total += nll(tower.features, guide.features, s, 8, product=cos) + nll(tower.u, guide.u, s, 8 / K)
        total += 0.1 * quantization(made, (name, "label"))
    return total


FORMULAS = {f.__name__: f for f in (dcmh, prdh, chn, cmhh, scahn, mlsph, ssah)}


@pytest.mark.filterwarnings("ignore:decorrelation of")
@pytest.mark.parametrize(("name", "case"), list(product(FORMULAS, CASES)))
def test_the_objective_is_the_formula_written_out(name, case):
    labels, made = labels_of(case), outputs(name)
    _, shares = objective_of(name, labels)(block_of(made, labels))
    shares = {term: value for term, value in shares.items() if term not in ("labels", "adversary")}
    # Criteria answer in single precision.
    assert sum(value.item() for value in shares.values()) == pytest.approx(
        FORMULAS[name](plain(made), labels), rel=1e-6
    )


def test_tdh_adds_triplets_of_both_directions_and_both_modalities():
    # With one positive and one negative for each anchor nothing is left to draw.
    labels = torch.tensor([[1.0, 0], [0, 1]]).double()
    made = {name: HashOutput(x.u[:2], (), None) for name, x in outputs("tdh").items()}
    objective = build_objective(resolve("tdh", sets=[f"bits={K}"]).settings)
    _, shares = objective(block_of(made, labels))

    def ranking(u, v):
        theta = [[8 / K * dot(a, b) for b in v] for a in u]
        return sum(math.log(1 + math.exp(theta[i][1 - i] - theta[i][i])) for i in range(2)) / 2

    f, g = made["image"].u.tolist(), made["text"].u.tolist()
    slow = ranking(f, g) + ranking(g, f) + ranking(f, f) / 2 + ranking(g, g) / 2
    assert shares["hard"].item() == pytest.approx(slow, rel=1e-6)


def gradients(recipe, labels, made):
    """Value of the objective, the tensors it depends on, and its gradient there."""

    def value():
        torch.manual_seed(0)  # triplets are drawn
        return objective(block_of(made, labels))[0]

    objective = objective_of(recipe, labels)
    live = [x for name, y in made.items() if name != "label" for x in (y.u, *y.per_level, y.features)]
    found = torch.autograd.grad(value(), live, allow_unused=True)
    return value, live, [torch.zeros_like(x) if g is None else g for x, g in zip(live, found, strict=True)]


@pytest.mark.filterwarnings("ignore:decorrelation of")
@pytest.mark.parametrize(("name", "case"), list(product(SMOOTH, CASES)))
def test_the_gradient_is_the_slope_of_the_value(name, case):
    labels = labels_of(case)
    value, live, found = gradients(name, labels, outputs(name))
    generator = torch.Generator().manual_seed(5)
    moves = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in live]
    expected = sum((g * m).sum().item() for g, m in zip(found, moves, strict=True))
    there, back = (moved(live, moves, step, value) for step in (1e-6, -1e-6))
    assert (there - back) / 2e-6 == pytest.approx(expected, rel=1e-3, abs=1e-6)


def moved(live, moves, step, value):
    with torch.no_grad():
        for x, m in zip(live, moves, strict=True):
            x += step * m
        found = value().item()
        for x, m in zip(live, moves, strict=True):
            x -= step * m
    return found


@pytest.mark.filterwarnings("ignore:decorrelation of")
@pytest.mark.parametrize(("name", "case"), list(product(DEEP, CASES)))
def test_items_that_are_all_alike_leave_value_and_gradient_finite(name, case):
    value, _, found = gradients(name, labels_of(case), outputs(name, alike=True))
    assert value().isfinite()
    assert all(g.isfinite().all() for g in found)
