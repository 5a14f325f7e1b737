"""What is said about data that does not fit a model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from vectors import vectors

from crossmodal_hash.data import Texts, View, fit_vocabulary
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.training.inputs import Streamed, count_words, prepare
from crossmodal_hash.training.setup import split_of


@pytest.mark.parametrize(
    ("reads", "wanted"),
    [("image", "pictures"), ("string", "texts as they were written"), ("text", "words"), ("smell", "smell")],
)
@pytest.mark.parametrize(("kind", "such"), [("vector", ", such as mlp"), ("sound", "")])
def test_a_backbone_that_reads_something_else_is_named_with_one_that_fits(reads, wanted, kind, such):
    tower = SimpleNamespace(backbone=SimpleNamespace(reads=reads))
    model = SimpleNamespace(modalities=("ear",), tower=lambda name: tower)
    data = SimpleNamespace(modalities={"ear": SimpleNamespace(feeds=(), kind=kind, things="sounds")})
    said = f"^ear: the model reads {wanted}, but the data has sounds; give {wanted}, or train .* reads sounds{such}$"
    with pytest.raises(SettingsError, match=said):
        prepare(data, model, None, torch.device("cpu"))


def test_texts_without_a_word_of_the_vocabulary_are_counted_and_told():
    vocabulary = fit_vocabulary(["cat dog", "cat dog"], max_words=10, min_count=1)
    notes = []
    callback = SimpleNamespace(on_note=notes.append)
    texts = Texts(("cat", "mouse", "dog cat"))
    assert count_words("text", texts, vocabulary, 2, callback).width == 2
    assert [note.partition(",")[0] for note in notes] == ["1 of 3 texts have none of the 2 words of the run"]
    count_words("text", Texts(("cat", "dog")), vocabulary, 2, callback)
    count_words("text", texts, vocabulary, 2)
    assert len(notes) == 1


def test_the_split_that_comes_with_the_data_is_used_unless_a_size_is_asked_for():
    rows = {"query": np.arange(10), "train": np.arange(10, 60)}
    data = replace(vectors(), split_rows=rows)

    def split(*sets):
        found = split_of(data, resolve("hsidhn", sets=["data.validation=0", *sets]).settings)
        return found.query.tolist(), found.train.tolist()

    assert split() == (rows["query"].tolist(), rows["train"].tolist())
    for size in ("data.query=10", "data.train=50"):
        assert split(size) != split()


def test_a_split_without_validation_items_gives_some_of_its_training_items():
    data = replace(vectors(), split_rows={"query": np.arange(10), "train": np.arange(10, 60)})
    for share, held_out in ((0.2, 10), (7, 7), (0, 0)):
        found = split_of(data, resolve("hsidhn", sets=[f"data.validation={share}"]).settings)
        assert (len(found.validation), len(found.train)) == (held_out, 50 - held_out)
        assert set(found.validation) | set(found.train) == set(range(10, 60))


def test_pictures_that_are_read_again_each_epoch_are_cropped_in_training_only():
    seen = []

    class Spy:
        def batches(self, plan, view):
            seen.append(view.augment)
            yield from plan

    stream = Streamed(Spy(), View(32), augment_seed=7)
    for some, epoch in ((stream, 2), (stream.plain(), 2), (replace(stream, augment_seed=None), 3)):
        assert list(some.batches([np.arange(2)], epoch))
    assert seen == [(7, 2), None, None]
