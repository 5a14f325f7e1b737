"""The readers on real data that are not part of the repository."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash.data import fit_vocabulary
from crossmodal_hash.opening.recognize import load_data

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "mirflickr25k-dev"


@pytest.fixture(scope="module")
def data():
    if not FOLDER.is_dir():
        pytest.skip("the development part of MIRFlickr-25K is not here")
    return load_data(FOLDER)


def test_the_metadata_and_the_matrix_of_labels_agree(data):
    from scipy.io import loadmat

    assert len(data) == 9840
    assert np.array_equal(data.labels, loadmat(FOLDER / "mirflickr25k-lall.mat")["LAll"])
    assert data.label_names == tuple((FOLDER / "labels24.txt").read_text().split())


def test_the_vocabulary_holds_the_tags_that_occur(data):
    from scipy.io import loadmat

    texts = data.modalities["text"].items
    tags = (FOLDER / "tags1386.txt").read_text().split()
    vocabulary = fit_vocabulary(texts, min_count=1)
    column = {word: j for j, word in enumerate(vocabulary.words)}
    chosen = [j for j, tag in enumerate(tags) if tag in column]
    given = loadmat(FOLDER / "mirflickr25k-yall.mat")["YAll"]
    # These two are no single words to us.
    assert {tags[j] for j in np.flatnonzero(given.any(axis=0))} - set(column) == {"360\u00b0", "geo:tool=gmif"}
    counted = vocabulary.transform(texts)[:, [column[tags[j]] for j in chosen]].toarray()
    differing = np.flatnonzero((given[:, chosen] != counted).any(axis=0))
    assert {tags[chosen[j]] for j in differing} <= {"geo", "tool"}


def test_pictures_are_read_from_the_tar_beside_the_metadata(data):
    assert data.modalities["image"].read(9839).mode == "RGB"
