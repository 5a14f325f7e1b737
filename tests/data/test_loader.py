import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from crossmodal_hash.data import Pictures, picture_batches
from crossmodal_hash.data import loader as loader_module
from crossmodal_hash.data.files import Folder, open_files
from crossmodal_hash.data.transforms import fit_square, random_square
from crossmodal_hash.errors import DataError


@pytest.fixture
def ten(write):
    rng = np.random.default_rng(0)
    contents = {}
    for i in range(10):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (40 + i, 60, 3), dtype=np.uint8)).save(file, "JPEG")
        contents[f"{i}.jpg"] = file.getvalue()
    return Pictures(Folder(write(contents)), list(contents))


PLAN = [np.array([3, 1, 4]), np.array([1]), np.array([9, 0])]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_the_order_asked_for(ten, workers):
    batches = list(picture_batches(ten, PLAN, 24, workers=workers))
    assert [batch.shape for batch in batches] == [(3, 3, 24, 24), (1, 3, 24, 24), (2, 3, 24, 24)]
    assert batches[0].dtype == torch.uint8
    for rows, batch in zip(PLAN, batches, strict=True):
        for row, picture in zip(rows, batch, strict=True):
            assert np.array_equal(picture.numpy(), fit_square(ten.read(row, side=24), 24))


@pytest.mark.parametrize("workers", [0, 2])
def test_random_views_are_the_same_however_many_workers_read(ten, workers):
    batches = list(picture_batches(ten, PLAN, 24, augment=(7, 2), workers=workers))
    expected = random_square(ten.read(9, side=48), 24, seed=7, epoch=2, row=9)
    assert np.array_equal(batches[2][0].numpy(), expected)
    assert torch.equal(batches[0][1], batches[1][0])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_picture_is_one_sentence_even_from_a_worker(write, ten, workers):
    folder = ten.files.path
    (folder / "4.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"^cannot decode picture '4.jpg' in .*; replace") as error:
        list(picture_batches(ten, [np.array([0, 1]), *PLAN], 24, workers=workers))
    assert "Traceback" not in str(error.value)


def test_workers_read_from_archives_that_were_open_before(ten, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for row, name in enumerate(ten.names):
            archive.writestr(name, ten.content(row))
    packed = Pictures(open_files(tmp_path / "x.zip"), ten.names)
    packed.read(0)
    here, there = (list(picture_batches(packed, PLAN, 24, workers=workers)) for workers in (0, 2))
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


@pytest.mark.parametrize(("few", "expected"), [(5, 2), (6, 0)])
def test_workers_are_started_only_for_many_pictures(ten, monkeypatch, few, expected):
    seen = []
    original = torch.utils.data.DataLoader

    def record(*args, **options):
        seen.append(options["num_workers"])
        return original(*args, **options | {"num_workers": 0})

    monkeypatch.setattr(loader_module, "FEW", few)
    monkeypatch.setattr(loader_module, "_cores", lambda: 2)
    monkeypatch.setattr("torch.utils.data.DataLoader", record)
    list(picture_batches(ten, PLAN, 24))
    assert seen == [expected]


def test_no_batches_give_nothing(ten):
    assert list(picture_batches(ten, [], 24)) == []
