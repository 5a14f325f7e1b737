"""A finished run that is kept in memory to encode queries as they come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.backbones.fold import folded
from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.data import Dataset, Source
from crossmodal_hash.device import pick_device
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.training.feature_cache import levels_now
from crossmodal_hash.training.inputs import prepare
from crossmodal_hash.training.real_codes import real_codes


class QueryEncoder:
    """Encodes what `encode` encodes with the same result, but loads the model once and writes no file.

    Not safe in several threads at once.

    Args:
        run: a finished run.
        device: auto, cpu, cuda, cuda:N.

    Raises:
        RunError: for a run that is not finished.

    Attributes:
        fingerprint: of the model, as in its codes files.
        reads: modality -> what its backbone reads, such as `image`, `string` or `text`.
        sides: modality -> side of the pictures that its backbone reads, in pixels.
    """

    def __init__(self, run: Run, device: str = "auto") -> None:
        self._device = pick_device(device)
        self._model = run.load_model(self._device)
        self._vocabulary = run.vocabulary()
        self.fingerprint = self._model.fingerprint()[:16]
        towers = {name: self._model.tower(name) for name in self._model.modalities}
        for tower in towers.values():
            if tower.condense is not None:
                # What the feature cache computes with, too; the weights as they were saved are not needed any more.
                tower.backbone = folded(tower.backbone)
        self.reads = {name: tower.backbone.reads for name, tower in towers.items()}
        self.sides = {name: tower.backbone.size for name, tower in towers.items() if tower.backbone.reads == "image"}

    @property
    def bits(self) -> int:
        """K."""
        return self._model.bits

    def reads_words(self, modality: str) -> bool:
        """Whether texts are something that the tower can read."""
        reads = self.reads.get(modality)
        return reads == "string" or (reads in ("text", "vector") and self._vocabulary is not None)

    def encode(self, modality: str, source: Source) -> tuple[Codes, NDArray[np.float32]]:
        """Codes of N items of one modality, N > 0, and the same before the sign, (N, K).

        Raises:
            DataError: for items that the tower does not read.
        """
        ids = tuple(map(str, range(len(source))))
        inputs = prepare(
            Dataset("queries", ids, {modality: source}),
            self._model,
            self._vocabulary,
            self._device,
            modalities=[modality],
            workers=0,
            extract=levels_now,
        )
        u = real_codes(self._model, inputs.every(), np.arange(len(source)), self._device, modalities=[modality])
        values = u[modality]
        return Codes(pack(values), values.shape[1], np.array(ids), modality, fingerprint=self.fingerprint), values
