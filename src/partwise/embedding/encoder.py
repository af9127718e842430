"""The encoder on ONNX Runtime: log-mel in, one embedding per part out; or samples, or files in."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from partwise.audio.decode import Path as AnyPath
from partwise.audio.decode import RecordingError, finite, stream
from partwise.audio.mono import mono_of
from partwise.audio.resample import resample
from partwise.audio.segment import HOP_S, SEGMENT_S, SHORTEST_S, SILENCE_DBFS, Segment, segments
from partwise.embedding.embeddings import PartEmbeddings
from partwise.embedding.logmel import LogMel, MelSettings
from partwise.embedding.windows import Hearing
from partwise.errors import PartwiseError
from partwise.parts import PARTS

FORMAT = 1
_TOLD = ("trunk", "recipe", "data_digest", "created")
MODEL_VARIABLE = "PARTWISE_MODEL"
SHIPPED_MODEL = Path(__file__).parent / "weights" / "partwise.onnx"

# Segments that are cut before the network hears them.
_BATCH = 4

Progress = Callable[[float], None]


@dataclass(frozen=True)
class EncoderConfig:
    """What stands in the JSON beside an exported network.

    mel : the front end that the network was trained on.
    presence_threshold : five floats, from which presence on a part counts as present.
    window_s : seconds that the network hears at a time; None hears segments as a whole.
    trunk : what the weights below embeddings and presence are called; masks name it too.
    recipe, data_digest, created : where the network comes from.
    """

    dim: int
    mel: MelSettings
    presence_threshold: tuple[float, ...]
    window_s: float | None = None
    trunk: str = ""
    recipe: str = ""
    data_digest: str = ""
    created: str = ""

    @classmethod
    def read(cls, text: str | bytes, path: Path) -> EncoderConfig:
        """From the JSON's text. Raises PartwiseError, naming ``path``, where it does not fit."""
        try:
            raw = json.loads(text)
            found, parts = raw["format"], [str(part) for part in raw["parts"]]
            dim, mel = int(raw["dim"]), dict(raw["mel"])
            threshold = tuple(float(value) for value in raw["presence_threshold"])
            window_s = None if raw.get("window_s") is None else float(raw["window_s"])
        except (ValueError, KeyError, TypeError) as error:
            cause = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise PartwiseError(f"{path} is not a model description ({cause})") from None
        if found != FORMAT:
            raise PartwiseError(f"{path} has format {found}: this version reads format {FORMAT}")
        if parts != [str(part) for part in PARTS]:
            raise PartwiseError(
                f"{path} is a model of the parts {', '.join(parts)}: "
                f"this version has {', '.join(PARTS)}"
            )
        known = {item.name for item in fields(MelSettings)}
        if set(mel) != known:
            raise PartwiseError(
                f"{path} has a front end with the settings {', '.join(sorted(mel))}: "
                f"this version has {', '.join(sorted(known))}"
            )
        if len(threshold) != len(PARTS):
            raise PartwiseError(
                f"{path} has {len(threshold)} presence thresholds: {len(PARTS)} are needed"
            )
        if window_s is not None and not SHORTEST_S <= window_s <= 600.0:
            raise PartwiseError(
                f"{path} has windows of {window_s:g} s: they must be {SHORTEST_S:g} to 600 s long"
            )
        origin = {key: str(raw.get(key, "")) for key in _TOLD}
        return cls(dim, MelSettings(**mel), threshold, window_s, **origin)


class Encoder:
    """An exported network with its front end.

    onnx_path : the network; its description is the JSON file of the same name beside it.
    threads : cores that one call may use. Several files at a time, one thread each, are faster
    than several threads on one file.
    digest : 16 hexadecimal digits that identify network and description; embeddings of different
    digests must never be compared.

    Raises PartwiseError where a file is missing or the two do not fit each other or this version.
    """

    def __init__(self, onnx_path: str | os.PathLike[str], threads: int = 1) -> None:
        self.path = Path(onnx_path)
        json_path = self.path.with_suffix(".json")
        network, description = bytes_of(self.path), bytes_of(json_path)
        self.config = EncoderConfig.read(description, json_path)
        digest = hashlib.sha256(network)
        check_pair(digest.hexdigest(), json.loads(description), self.path)
        digest.update(description)
        self.digest = digest.hexdigest()[:16]
        self.presence_threshold = np.asarray(self.config.presence_threshold, np.float32)
        self.logmel = LogMel(self.config.mel)
        self._session = session_of(network, self.path, threads)
        self._check_graph(json_path)

    @property
    def dim(self) -> int:
        """Length of one part's embedding."""
        return self.config.dim

    @property
    def settings(self) -> MelSettings:
        """The front end's constants."""
        return self.config.mel

    def encode(self, log_mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [batch, frames, bands] to embeddings [batch, 5, dim] and presence [batch, 5].

        Embeddings have unit norm where the part's presence reaches its threshold, else all zeros.
        This is the network alone, which hears each row as one window: ``embed`` may hear a segment
        in several.
        """
        return self._gated(*self.encode_ungated(log_mel))

    def encode_ungated(self, log_mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As ``encode``, but every embedding has unit norm, also that of an absent part.

        What the network says before presence has its word: for measuring it.
        """
        outputs = self._session.run(["embeddings", "presence"], {"log_mel": log_mel})
        return np.asarray(outputs[0]), np.asarray(outputs[1])

    def hear_segments(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [segments, samples] to embeddings [segments, 5, dim] and presence [segments, 5].

        Segments as ``embed`` hears them, but not gated by presence: for measuring what is shipped.
        """
        length = samples.shape[1]
        return self._hearing().hear([(i * length, row) for i, row in enumerate(samples)])

    def embed(
        self,
        samples: np.ndarray,
        sample_rate_hz: float,
        segment_s: float = SEGMENT_S,
        hop_s: float = HOP_S,
    ) -> PartEmbeddings:
        """Embed samples: [n] or [n, channels], floats of full scale 1 or integers.

        Segments quieter than -70 dBFS have presence 0 and embeddings 0. Raises PartwiseError for
        less than 1 s of samples, or a shape, sample rate, segment or hop that is not possible.
        """
        mono, notes = _mono(samples, sample_rate_hz)
        audio = resample(mono, sample_rate_hz, self.settings.sample_rate_hz)
        heard, _ = self._hear([audio], segment_s, hop_s, notes, _refuse_samples, None)
        return heard

    def embed_file(
        self,
        path: AnyPath,
        segment_s: float = SEGMENT_S,
        hop_s: float = HOP_S,
        progress: Progress | None = None,
    ) -> PartEmbeddings:
        """Embed a recording; it is decoded, embedded and forgotten block by block.

        progress : called now and then with the seconds embedded so far.

        Raises RecordingError for a file that cannot be decoded (DecodeError), is shorter than 1 s
        or is silent throughout; PartwiseError for a segment length or hop that is not possible.
        """
        refuse = partial(RecordingError, path)
        blocks = stream(path, self.settings.sample_rate_hz)
        try:
            heard, silent = self._hear(blocks, segment_s, hop_s, blocks.notes, refuse, progress)
        finally:
            blocks.close()
        if silent:
            raise refuse(f"silent (below {SILENCE_DBFS:g} dBFS throughout)")
        return heard

    def _hear(
        self,
        blocks: Iterable[np.ndarray],
        segment_s: float,
        hop_s: float,
        notes: list[str],
        refuse: Callable[[str], PartwiseError],
        progress: Progress | None,
    ) -> tuple[PartEmbeddings, bool]:
        """Embed a recording's blocks; also whether all of it is silent. ``notes`` may grow."""
        rate_hz = self.settings.sample_rate_hz
        counted = _Counted(blocks)
        times: list[tuple[float, float]] = []
        embeddings: list[np.ndarray] = []  # [batch, 5, dim] each
        presence: list[np.ndarray] = []  # [batch, 5] each
        silent = True
        hearing = self._hearing()
        for batch in _batches(segments(counted, rate_hz, segment_s, hop_s)):
            if batch[0].end_s < SHORTEST_S:
                break
            cut = [(round(segment.start_s * rate_hz), segment.samples) for segment in batch]
            vectors, heard = self._gated(*hearing.hear(cut))
            silent = silent and not heard.any()
            embeddings.append(vectors)
            presence.append(heard)
            times.extend((segment.start_s, segment.end_s) for segment in batch)
            if progress is not None:
                progress(times[-1][1])
        seconds = counted.samples / rate_hz
        if not times:
            raise refuse(f"too short ({seconds:.2g} s; at least {SHORTEST_S:g} s is needed)")
        windows = np.array(times)  # [segments, 2]
        result = PartEmbeddings(
            embeddings=np.concatenate(embeddings),
            presence=np.concatenate(presence),
            start_s=windows[:, 0].copy(),
            end_s=windows[:, 1].copy(),
            seconds=seconds,
            presence_threshold=self.presence_threshold,
            notes=tuple(notes),
        )
        return result, silent

    def _hearing(self) -> Hearing:
        window_s, rate_hz = self.config.window_s, self.settings.sample_rate_hz
        window = None if window_s is None else round(window_s * rate_hz)
        return Hearing(self.logmel, self.encode_ungated, self.dim, window)

    def _gated(self, embeddings: np.ndarray, presence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zeros in place of the embeddings of parts that are not present."""
        absent = presence < self.presence_threshold
        if absent.any():
            embeddings = np.where(absent[:, :, None], np.float32(0.0), embeddings)
        return embeddings, presence

    def _check_graph(self, json_path: Path) -> None:
        """What the network takes and gives must be what its description says."""
        shapes = {
            value.name: value.shape
            for value in (*self._session.get_inputs(), *self._session.get_outputs())
        }
        expected = {
            "log_mel": (2, "bands", self.settings.bands),
            "embeddings": (2, "dim", self.dim),
            "presence": (1, "parts", len(PARTS)),
        }
        for name, (axis, what, wanted) in expected.items():
            if name not in shapes:
                raise PartwiseError(f"{self.path} has no {name}: it is not a partwise model")
            found = shapes[name][axis] if axis < len(shapes[name]) else "no"
            # An axis that the export left open has a name here instead of a number.
            if found != wanted and (isinstance(found, int) or found == "no"):
                raise PartwiseError(
                    f"{self.path} has {found} {what} in {name}, {json_path} says {wanted}"
                )


def load_encoder(path: str | os.PathLike[str] | None = None, threads: int = 1) -> Encoder:
    """Load an exported network.

    path : an ONNX file, or the folder that holds ``partwise.onnx``. None takes the one that the
    environment variable PARTWISE_MODEL names, else the one that ships with partwise.
    threads : cores that one call may use.

    Raises PartwiseError where the model is missing or does not fit this version.
    """
    chosen = Path(path or os.environ.get(MODEL_VARIABLE) or SHIPPED_MODEL)
    if chosen.is_dir():
        chosen = chosen / SHIPPED_MODEL.name
    return Encoder(chosen, threads)


class _Counted:
    """Passes blocks on and counts their samples."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def _batches(cut: Iterable[Segment]) -> Iterator[list[Segment]]:
    iterator = iter(cut)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _refuse_samples(reason: str) -> PartwiseError:
    return PartwiseError(f"the samples are {reason}")


def _mono(samples: np.ndarray, sample_rate_hz: float) -> tuple[np.ndarray, list[str]]:
    """[n] or [n, channels] of any number type to float32 [n] of full scale 1, and notes."""
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 0 < samples.shape[1] <= 64):
        raise PartwiseError(
            f"samples must have the shape [n] or [n, channels], not {list(samples.shape)}"
        )
    if samples.dtype.kind not in "fiu":
        raise PartwiseError(f"samples must be numbers, not {samples.dtype}")
    if samples.ndim == 1:
        samples = samples[:, None]
    mono, notes = mono_of(samples, sample_rate_hz)
    mono, strange = finite(mono)
    return mono, notes + strange


def check_pair(network_sha256: str, description: Mapping[str, Any], path: Path) -> None:
    """Raise PartwiseError where the description beside ``path`` is of another network."""
    named = description.get("network_sha256")  # older ones name none
    if named not in (None, network_sha256):
        json_path = path.with_suffix(".json")
        raise PartwiseError(f"{json_path} describes another network than {path}")


def session_of(network: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A network of one thread or more. Raises PartwiseError, naming ``path``, where it is none."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads would burn the cores that other files are being decoded on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; its warnings are for whoever exports
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        cause = str(error).strip().splitlines()[0]
        raise PartwiseError(f"{path} is not a usable ONNX model ({cause})") from error


def bytes_of(path: Path) -> bytes:
    """A file of a model. Raises PartwiseError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PartwiseError(f"the model {path} cannot be read ({error.strerror})") from None
