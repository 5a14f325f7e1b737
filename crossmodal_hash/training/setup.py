"""What a training knows of its data before it starts: labels, split, words, widths."""

from __future__ import annotations

import numpy as np

from crossmodal_hash.data import (
    Dataset,
    Split,
    Texts,
    Vocabulary,
    cut_validation,
    fit_vocabulary,
    make_split,
    read_split,
    read_words,
    split_from_rows,
)
from crossmodal_hash.errors import DataError
from crossmodal_hash.factory import guides, reads
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.inputs import widths


def labels_of(dataset: Dataset) -> np.ndarray:
    """The labels (N, C).

    Raises:
        DataError: if there are none.
    """
    if dataset.labels is None:
        raise DataError(f"{dataset.name} has no labels, and training needs them; encode it with 'chash encode'")
    return np.asarray(dataset.labels)


def split_of(dataset: Dataset, settings: Settings) -> Split:
    """The split the settings name or draw."""
    data = settings.data
    share = data.validation if data.validation < 1 else int(data.validation)
    if data.split is not None:
        split = read_split(data.split, dataset.ids)
    elif dataset.split_rows is not None and data.query is None and data.train is None:
        split = split_from_rows(dataset.split_rows, len(dataset))
    else:
        return make_split(len(dataset), query=data.query, train=data.train, validation=share, seed=settings.seed)
    return split if len(split.validation) else cut_validation(split, share, seed=settings.seed)


def vocabulary_of(dataset: Dataset, settings: Settings, split: Split) -> Vocabulary | None:
    """The words of the training texts, if the data has texts whose towers count words."""
    asis = {name for name, tower in settings.towers.items() if reads(tower) in Texts.feeds}
    texts = [source for name, source in dataset.of(Texts).items() if name not in asis]
    if not texts:
        return None
    words = settings.data.vocabulary
    return fit_vocabulary(
        [source.items[i] for source in texts for i in split.train],
        max_words=words.max_words,
        min_count=words.min_count,
        weighting=words.weighting,
        words=None if words.file is None else read_words(words.file),
    )


def input_widths(settings: Settings, dataset: Dataset, vocabulary: Vocabulary | None) -> dict[str, int]:
    """Tower name -> width of its input; guides read the labels."""
    classes = int(labels_of(dataset).shape[1])
    return widths(dataset, vocabulary) | dict.fromkeys(guides(settings), classes)
