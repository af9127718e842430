"""How the five parts share the spectrogram of a mix, cell by cell, and putting that on sound.

The network beside the encoder (``masks.onnx``) is its trunk and a small decoder. It is read when
somebody asks for it, and never while a library is indexed or searched. What comes of it is a filter
for listening, which makes a part easier to hear in its mix; it is no separated stem: the others
shine through, and where two parts share a cell both are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from partwise.audio.mono import mono_of
from partwise.audio.resample import resample
from partwise.embedding.encoder import FORMAT, Encoder, bytes_of, check_pair, session_of
from partwise.embedding.logmel import MelSettings, band_edges_hz
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part

MASKS_NAME = "masks.onnx"
# The trunk's stride in frames: the network gives masks for a multiple of it.
_STRIDE = 8
_WINDOW_S = 10.0  # heard at a time; windows overlap by half
_HOPS = 8  # a window of the spectrogram that is filtered


class PartMasks:
    """The masks that belong to an encoder; they lie beside it.

    threads : cores that one call may use.
    Raises PartwiseError where there are none, or they belong to another encoder.
    """

    def __init__(self, encoder: Encoder, threads: int = 1) -> None:
        self.path = encoder.path.with_name(MASKS_NAME)
        if not self.path.exists():
            raise PartwiseError(
                f"the model {encoder.path} has no masks to listen with: there is no {self.path}"
            )
        network, json_path = bytes_of(self.path), self.path.with_suffix(".json")
        try:
            described = json.loads(bytes_of(json_path))
            found = described["format"], tuple(described["parts"]), MelSettings(**described["mel"])
            trunk = described["trunk"]
        except (ValueError, KeyError, TypeError) as error:
            raise PartwiseError(f"{json_path} describes no masks ({error})") from None
        check_pair(hashlib.sha256(network).hexdigest(), described, self.path)
        ours = FORMAT, tuple(PARTS), encoder.settings
        if found != ours or not trunk or trunk != encoder.config.trunk:
            raise PartwiseError(f"the masks {self.path} do not belong to the model {encoder.path}")
        self.encoder = encoder
        self._session = session_of(network, self.path, threads)

    def __call__(self, log_mel: np.ndarray) -> np.ndarray:
        """float32 [frames, bands] in dB to each part's share of the power [parts=5, frames, bands].

        Shares are 0 to 1 and sum to 1 over the parts.
        """
        frames = len(log_mel)
        padded = np.pad(log_mel, ((0, -frames % _STRIDE), (0, 0)), mode="edge")
        (masks,) = self._session.run(["masks"], {"log_mel": padded[None]})
        return np.asarray(masks)[0, :, :frames]

    def of(self, samples: np.ndarray, sample_rate_hz: float) -> np.ndarray:
        """The masks of float32 [n] or [n, channels], heard as one window."""
        mono, _ = mono_of(samples[:, None] if samples.ndim == 1 else samples, sample_rate_hz)
        heard = resample(mono, sample_rate_hz, self.encoder.settings.sample_rate_hz)
        return self(self.encoder.logmel(heard))

    def audition(
        self, blocks: Iterable[np.ndarray], sample_rate_hz: float, parts: Sequence[Part]
    ) -> Iterator[np.ndarray]:
        """A recording's blocks float32 [n, channels] as filtered for the parts, in other blocks.

        What is filtered for all five is the recording. Windows of 10 s overlap by half and are
        faded into each other, so memory does not grow with the recording.
        """
        hop = self.hop(sample_rate_hz)

        def windows() -> Iterator[np.ndarray]:
            held: np.ndarray | None = None
            for block in blocks:
                held = block if held is None else np.concatenate([held, block])
                while len(held) >= 2 * hop:
                    yield held[: 2 * hop]
                    held = held[hop:]
            if held is not None and len(held):
                yield held

        return self._joined(windows(), self.of, sample_rate_hz, parts)

    def passage(
        self,
        read: Callable[[int, int], np.ndarray],
        sample_rate_hz: float,
        parts: Sequence[Part],
        first: int,
        last: int,
        masks_of: Callable[[int, np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Frames ``first`` to ``last`` of what ``audition`` makes of a whole recording.

        Only the windows that reach them are heard.

        read : the recording's frames from one to another, float32 [n, channels]; fewer, or none,
            where it ends.
        masks_of : the masks of a window, given where it starts and its frames, as ``of`` makes
            them; for who keeps them.
        returns : float32 [n, channels], n at most last - first
        """
        hop = self.hop(sample_rate_hz)
        begin = max(0, first // hop - 1)
        starts = range(begin * hop, last, hop)

        def windows() -> Iterator[np.ndarray]:
            for start in starts:
                samples = read(start, start + 2 * hop)
                if len(samples) < (hop if start else 1):  # the window before reaches to the end
                    return
                yield samples

        at = iter(starts)

        def masks(samples: np.ndarray, rate_hz: float) -> np.ndarray:
            start = next(at)
            return self.of(samples, rate_hz) if masks_of is None else masks_of(start, samples)

        joined = list(self._joined(windows(), masks, sample_rate_hz, parts))
        if not joined:
            return read(0, 0)
        whole = np.concatenate(joined)
        return whole[first - begin * hop : last - begin * hop]

    @staticmethod
    def hop(sample_rate_hz: float) -> int:
        """Frames from the start of a window to that of the next."""
        return round(_WINDOW_S * sample_rate_hz / 2)

    def _joined(
        self,
        windows: Iterable[np.ndarray],
        masks_of: Callable[[np.ndarray, float], np.ndarray],
        sample_rate_hz: float,
        parts: Sequence[Part],
    ) -> Iterator[np.ndarray]:
        """Windows that overlap by half, filtered and faded into each other."""
        chosen = sorted({part.index for part in parts})
        hop = self.hop(sample_rate_hz)
        rising = (0.5 - 0.5 * np.cos(np.pi * (np.arange(hop) + 0.5) / hop)).astype(np.float32)
        rising = rising[:, None]
        before: np.ndarray | None = None  # the second half of the window before
        for samples in windows:
            share = masks_of(samples, sample_rate_hz)[chosen].sum(axis=0)
            result = filtered(samples, sample_rate_hz, share, self.encoder.settings)
            if before is not None:
                result[:hop] = before + rising * (result[:hop] - before)
            yield result[:hop]
            before = result[hop:]
        if before is not None and len(before):
            yield before


def filtered(
    samples: np.ndarray, sample_rate_hz: float, gains: np.ndarray, settings: MelSettings
) -> np.ndarray:
    """Samples with their spectrogram weighed by the mel bands' gains, the phase left as it is.

    samples : float32 [n, channels] at any rate, n > 0
    gains : [frames, bands] of the log-mel of these samples as ``settings`` define it; bins between
        two bands take what lies between their gains, those outside all bands the outermost ones'.
    returns : float32 [n, channels]; with gains of 1 the samples themselves
    """
    ratio = sample_rate_hz / settings.sample_rate_hz
    n_fft = 1 << max(4, round(np.log2(settings.n_fft * ratio)))
    hop, half = n_fft // _HOPS, n_fft // 2
    count, channels = samples.shape
    mode = "reflect" if count > half else "constant"
    padded = np.pad(samples, ((half, half), (0, 0)), mode=mode)
    spans = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=0)
    framed = spans[::hop]  # [frames, channels, n_fft], nothing copied yet
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)

    centres_hz = band_edges_hz(settings)[1:-1]
    bins_hz = np.fft.rfftfreq(n_fft, 1.0 / sample_rate_hz)
    place = np.interp(bins_hz, centres_hz, np.arange(settings.bands))
    below = np.minimum(place.astype(int), settings.bands - 2)
    upper = (place - below).astype(np.float32)
    seconds = np.arange(len(framed)) * hop / sample_rate_hz
    rows = np.minimum(np.rint(seconds * settings.frames_per_s).astype(int), len(gains) - 1)

    total = np.zeros((len(framed) + _HOPS - 1, hop, channels), np.float32)
    weight = np.zeros((len(total), hop, 1), np.float32)
    squared = np.square(window).reshape(_HOPS, hop, 1)
    for first in range(0, len(framed), _HOPS):
        some = slice(first, first + _HOPS)
        own = gains[rows[some]]  # [frames, bands]
        spread = own[:, below] + upper * (own[:, below + 1] - own[:, below])  # [frames, bins]
        spectrum = np.fft.rfft(framed[some] * window) * spread[:, None]
        back = np.fft.irfft(spectrum, n_fft) * window  # [frames, channels, n_fft]
        for step in range(_HOPS):
            reached = slice(first + step, first + step + len(own))
            piece = back[:, :, step * hop : (step + 1) * hop]
            total[reached] += piece.transpose(0, 2, 1)
            weight[reached] += squared[step]
    total /= np.maximum(weight, 1e-6)
    return total.reshape(-1, channels)[half : half + count]
