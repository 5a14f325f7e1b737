import numpy as np
import pytest

from crossmodal_hash.settings.schema import TrainSettings
from crossmodal_hash.training.plan import epoch_plan

ROWS = np.arange(100, 141)


def seen(phase):
    return sorted(np.concatenate(phase.batches).tolist())


def test_in_batch_pairs_drop_the_last_incomplete_batch():
    (phase,) = epoch_plan(ROWS, TrainSettings(batch=10), ("image", "text"), seed=0, epoch=0)
    assert phase.learner is None
    assert [len(batch) for batch in phase.batches] == [10, 10, 10, 10]
    assert len(set(seen(phase))) == 40


def test_fewer_items_than_a_batch_are_one_batch():
    (phase,) = epoch_plan(ROWS, TrainSettings(batch=64), ("image", "text"), seed=0, epoch=0)
    assert [len(batch) for batch in phase.batches] == [41]


def test_the_alternating_form_visits_every_item_once_for_each_modality():
    phases = epoch_plan(ROWS, TrainSettings(batch=10, memory="full"), ("image", "text"), seed=0, epoch=0)
    assert [phase.learner for phase in phases] == ["image", "text"]
    for phase in phases:
        assert seen(phase) == ROWS.tolist()
        assert min(len(batch) for batch in phase.batches) >= 2


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_the_order_is_drawn_from_seed_and_epoch_alone(memory):
    train = TrainSettings(batch=10, memory=memory)

    def order(seed, epoch):
        return [b.tolist() for p in epoch_plan(ROWS, train, ("image", "text"), seed, epoch) for b in p.batches]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def test_in_batch_pairs_keep_a_last_batch_that_is_complete():
    (phase,) = epoch_plan(ROWS[:40], TrainSettings(batch=10), ("image", "text"), seed=0, epoch=0)
    assert [len(batch) for batch in phase.batches] == [10, 10, 10, 10]


@pytest.mark.parametrize(("memory", "learners"), [("batch", ["label"]), ("full", ["label", "image", "text"])])
def test_guides_learn_first(memory, learners):
    train = TrainSettings(batch=10, memory=memory, guide_epochs=2)

    def plan(epoch, *guides):
        return [phase.learner for phase in epoch_plan(ROWS, train, ("image", "text"), 0, epoch, guides)]

    assert plan(0, "label") == plan(1, "label") == learners
    assert plan(2, "label") == ([None] if memory == "batch" else learners)
    assert plan(0) == ([None] if memory == "batch" else ["image", "text"])
