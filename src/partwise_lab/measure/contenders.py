"""What stands in a row of a comparison: something that hears, and what it is given to hear.

A row is written `[NAME=]EMBEDDER[@HEARS]`.

EMBEDDER : `shipped`; an .onnx model; a .safetensors checkpoint of any recipe, individual networks
    among them; or the name of a rival (`rivals.frozen.RIVALS`), `mert:FOLDER` for those whose
    weights the user has.
HEARS : `mix`, `oracle` (the part's clean stem), or a separator as `separation.separator` names
    them: `hpss`, `demucs`, or a separator's checkpoint. Left out, networks of stems hear `oracle`
    and everything else the mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from partwise.audio.resample import resample
from partwise.embedding.logmel import LogMel, MelSettings
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.embed import EmbedSegments, checkpoint_embedder, segment_embedder
from partwise_lab.measure.pseudo_knn import squared_distances
from partwise_lab.rivals.frozen import RIVALS, FrozenEmbedder, rival

MIX, ORACLE = "mix", "oracle"


class Hearer(Protocol):
    """Segments of a sound in, features of one part out.

    part_at_a_time : whether each part costs a run of its own; else one run serves them all.
    bytes_per_segment : of the features of all parts.
    about : facts for the report (digest, recipe, budget, parameters), JSON-able.
    """

    @property
    def part_at_a_time(self) -> bool: ...

    @property
    def bytes_per_segment(self) -> int: ...

    @property
    def about(self) -> dict[str, Any]: ...

    def hear(self, samples: np.ndarray, part: Part) -> np.ndarray:
        """float32 [segments, samples] at the comparison's rate -> features [segments, width]."""
        ...

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, width] -> [segments, segments], smaller is more alike."""
        ...


@dataclass(frozen=True)
class Contender:
    """One row: `hears` is "mix", "oracle" or how a separator is named."""

    name: str
    hears: str
    hearer: Hearer


@dataclass(frozen=True)
class OneNetwork:
    """A network whose embeddings of a sound hold a subspace for every part."""

    embed: EmbedSegments
    dim: int
    about: dict[str, Any]
    part_at_a_time: bool = False

    @property
    def bytes_per_segment(self) -> int:
        return len(PARTS) * self.dim * 4

    def hear(self, samples: np.ndarray, part: Part) -> np.ndarray:
        """The part's subspace, [segments, dim]."""
        return self.embed(samples)[0][:, part.index]

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Squares of Euclidean distances, which rank alike."""
        return squared_distances(features)


@dataclass(frozen=True)
class Individuals:
    """Individual networks: each hears stems of its part alone.

    network : `model.individual.IndividualNetworks`
    """

    network: Any
    mel: MelSettings
    about: dict[str, Any]
    part_at_a_time: bool = True

    @property
    def bytes_per_segment(self) -> int:
        return len(PARTS) * self.network.settings.dim * 4

    def hear(self, samples: np.ndarray, part: Part) -> np.ndarray:
        """[segments, dim] of the part's network."""
        import torch

        transform = LogMel(self.mel)
        log_mel = torch.from_numpy(np.stack([transform(segment) for segment in samples]))
        with torch.inference_mode():
            return self.network.networks[part.index](log_mel).embeddings[:, 0].numpy()

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Squares of Euclidean distances, which rank alike."""
        return squared_distances(features)


class Frozen:
    """A rival, which takes every sound for one thing; it keeps a vector for each sound it hears."""

    def __init__(self, rival: FrozenEmbedder, sample_rate_hz: int, hears: str) -> None:
        self.rival, self.sample_rate_hz = rival, sample_rate_hz
        self.part_at_a_time = hears != MIX  # a stem for every part
        self.bytes_per_segment = rival.bytes_per_segment * (len(PARTS) if hears != MIX else 1)
        self.about: dict[str, Any] = {"rival": rival.name, "note": rival.about}

    def hear(self, samples: np.ndarray, part: Part) -> np.ndarray:
        """The rival's features, the same for every part of a mix."""
        rate_hz = self.rival.sample_rate_hz
        turned = [resample(segment, self.sample_rate_hz, rate_hz) for segment in samples]
        return self.rival.embed(np.stack(turned))

    def distances(self, features: np.ndarray) -> np.ndarray:
        """The rival's own."""
        return self.rival.distances(features)


def contender(spec: str, sample_rate_hz: int) -> Contender:
    """The row that `spec` describes (see the module's text).

    sample_rate_hz : of the samples that it will be given.
    Raises PartwiseError for what is unknown, missing or made for another rate.
    """
    name, _, rest = spec.rpartition("=")
    what, _, hears = rest.partition("@")
    if not what:
        raise PartwiseError(f"--row {spec!r} names nothing that hears: write EMBEDDER@HEARS")
    hearer, stems_only, label = _hearer(what, hears, sample_rate_hz)
    hears = hears or (ORACLE if stems_only else MIX)
    if stems_only and hears == MIX:
        raise PartwiseError(
            f"--row {spec!r}: individual networks hear stems; give @oracle or a separator"
        )
    return Contender(name or label, hears, hearer)


def _hearer(what: str, hears: str, sample_rate_hz: int) -> tuple[Hearer, bool, str]:
    """What hears, whether it knows stems only, and what it is called."""
    kind, _, folder = what.partition(":")
    if kind in RIVALS:
        frozen = rival(kind, weights=Path(folder) if folder else None)
        return Frozen(frozen, sample_rate_hz, hears or MIX), False, kind
    if what == "shipped" or what.endswith(".onnx"):
        return _onnx(None if what == "shipped" else Path(what), sample_rate_hz), False, what
    if what.endswith(".safetensors"):
        return _checkpoint(Path(what), sample_rate_hz)
    raise PartwiseError(
        f"--row: nothing that hears is called {what!r}: give shipped, an .onnx model, a "
        f".safetensors checkpoint, or one of {', '.join(RIVALS)}"
    )


def _onnx(path: Path | None, sample_rate_hz: int) -> Hearer:
    from partwise.embedding.encoder import load_encoder

    encoder = load_encoder(path)
    _check_rate(str(path or "the shipped model"), encoder.settings, sample_rate_hz)
    about = {"digest": encoder.digest, "recipe": encoder.config.recipe}
    return OneNetwork(segment_embedder(encoder), encoder.dim, about)


def _checkpoint(path: Path, sample_rate_hz: int) -> tuple[Hearer, bool, str]:
    try:
        import torch
    except ImportError:
        raise PartwiseError(
            f"{path} needs PyTorch: pip install partwise-lab -c constraints.txt"
        ) from None
    from partwise_lab.model.checkpoint import load_checkpoint, parameters
    from partwise_lab.model.individual import IndividualNetworks
    from partwise_lab.model.mask_unet import MaskUNet

    torch.set_num_threads(1)  # costs are told per core
    network, mel, description = load_checkpoint(path)
    _check_rate(str(path), mel, sample_rate_hz)
    told = ("recipe", "minutes", "clock", "steps", "segments", "data_digest")
    about = {key: description[key] for key in told if key in description}
    about["parameters"] = parameters(network)
    settings: Any = network.settings
    if isinstance(network, MaskUNet):
        raise PartwiseError(f"--row: {path} separates and does not embed: write EMBEDDER@{path}")
    if isinstance(network, IndividualNetworks):
        about["trained_on"] = description["recipe_settings"].get("hears", ORACLE)
        return Individuals(network, mel, about), True, path.parent.name
    return OneNetwork(checkpoint_embedder(network, mel), settings.dim, about), False, str(path)


def _check_rate(what: str, mel: MelSettings, sample_rate_hz: int) -> None:
    if mel.sample_rate_hz != sample_rate_hz:
        raise PartwiseError(
            f"--row: {what} hears {mel.sample_rate_hz} Hz, the others {sample_rate_hz} Hz"
        )
