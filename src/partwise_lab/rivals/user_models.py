"""Slots for large pretrained models whose weights the user brings: MERT, MuQ and CLAP.

Each takes a local folder, as its publisher's page offers it for download, and loads it through the
package that its users have; nothing is downloaded. MERT's folder holds program code of its own,
which `transformers` runs: give only a folder that you trust.

What was run: these adapters against stand-ins of the two packages with the calls that their
documentation shows (transformers 4 and 5, muq 0.1). The models themselves were not: neither their
packages nor their weights are among what partwise is tested with.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise_lab.rivals.distance import cosine
from partwise_lab.rivals.needs import checked, need


class UserModel(ABC):
    """A model of the user's: segments go through it one by one, their distance is the cosine.

    At loading, a second of silence is embedded, which tells the width and whether the folder fits.
    """

    name: str
    about: str
    sample_rate_hz: int
    package: str
    published: str  # where its weights are published

    def __init__(self, weights: Path | None) -> None:
        need(self.name, self.package, f"pip install {self.package}")
        need(self.name, "torch", "pip install partwise-lab -c constraints.txt")
        if weights is None:
            raise PartwiseError(
                f"the rival {self.name} needs a local folder of its weights, "
                f"for example a download of {self.published}"
            )
        if not weights.is_dir():
            raise PartwiseError(
                f"{weights}: is no folder; the rival {self.name} needs the one that holds a "
                f"download of {self.published}"
            )
        # What the packages raise for a folder that does not fit is not documented.
        try:
            self._load(str(weights))
            self._width = len(self._vector(np.zeros(self.sample_rate_hz, np.float32)))
        except Exception as error:
            raise PartwiseError(
                f"{weights}: cannot be used as the weights of the rival {self.name} "
                f"({type(error).__name__}: {error}): give a whole download of {self.published}"
            ) from error

    @property
    def bytes_per_segment(self) -> int:
        return 4 * self._width

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], a second at least, to float32 [segments, width]."""
        samples = checked(samples, self.name, self.sample_rate_hz, self.sample_rate_hz)
        return np.stack([self._vector(segment) for segment in samples])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, width] to float64 [segments, segments]."""
        return cosine(features)

    def _vector(self, segment: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self._hear(segment).float().numpy()

    @abstractmethod
    def _load(self, folder: str) -> None: ...

    @abstractmethod
    def _hear(self, segment: np.ndarray) -> Any:
        """float32 [samples] to a tensor [width]."""


class Mert(UserModel):
    """MERT: the mean over time and over all of its layers."""

    name = "mert"
    about = "MERT, weights of yours (through transformers): mean over layers and time, cosine"
    sample_rate_hz = 24000
    package = "transformers"
    published = "m-a-p/MERT-v1-95M"

    def _load(self, folder: str) -> None:
        transformers = importlib.import_module("transformers")
        here = {"trust_remote_code": True, "local_files_only": True}
        self._model = transformers.AutoModel.from_pretrained(folder, **here).eval()
        self._prepare = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder, **here)

    def _hear(self, segment: np.ndarray) -> Any:
        inputs = self._prepare(segment, sampling_rate=self.sample_rate_hz, return_tensors="pt")
        layers = self._model(**inputs, output_hidden_states=True).hidden_states
        return sum(layer[0].mean(dim=0) for layer in layers) / len(layers)


class Muq(UserModel):
    """MuQ: the mean of its last layer over time; in float32, as float16 gives NaN."""

    name = "muq"
    about = "MuQ, weights of yours (through muq): mean of the last layer over time, cosine"
    sample_rate_hz = 24000
    package = "muq"
    published = "OpenMuQ/MuQ-large-msd-iter"

    def _load(self, folder: str) -> None:
        muq = importlib.import_module("muq")
        self._model = muq.MuQ.from_pretrained(folder, local_files_only=True).eval()

    def _hear(self, segment: np.ndarray) -> Any:
        import torch

        return self._model(torch.from_numpy(segment)[None]).last_hidden_state[0].mean(dim=0)


class Clap(UserModel):
    """CLAP: its audio embedding, averaged over windows of 10 s.

    CLAP takes 10 s: a shorter segment is repeated by its own front end, of a longer one it would
    take a random cut, so it is cut here; what is left over goes.
    """

    name = "clap"
    about = "CLAP, weights of yours (through transformers): audio embedding, cosine"
    sample_rate_hz = 48000
    package = "transformers"
    published = "laion/larger_clap_music"
    _window = 10 * sample_rate_hz

    def _load(self, folder: str) -> None:
        transformers = importlib.import_module("transformers")
        self._model = transformers.ClapModel.from_pretrained(folder, local_files_only=True).eval()
        self._prepare = transformers.ClapFeatureExtractor.from_pretrained(
            folder, local_files_only=True
        )

    def _hear(self, segment: np.ndarray) -> Any:
        starts = range(0, max(len(segment) - self._window, 0) + 1, self._window)
        windows = [segment[start : start + self._window] for start in starts]
        inputs = self._prepare(windows, sampling_rate=self.sample_rate_hz, return_tensors="pt")
        heard = self._model.get_audio_features(**inputs)
        # A tensor up to transformers 4, an output that holds it from 5 on.
        return getattr(heard, "pooler_output", heard).mean(dim=0)
