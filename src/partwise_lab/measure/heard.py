"""One loop for every protocol: put sounds together, cut out segments, embed them.

A protocol is a list of things to hear, a function that cuts one of them into segments, and a score
over what an encoder made of these. `hear` works on a few at a time (NumPy's FFT, soxr, FFmpeg and
ONNX Runtime all work side by side), and of each keeps the embeddings alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from partwise.embedding.encoder import Encoder
from partwise.embedding.logmel import LogMel, MelSettings
from partwise.parts import Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.stem_reader import StemReader

Item = TypeVar("Item")
Result = TypeVar("Result")
Sound = TypeVar("Sound")

# samples [segments, samples] -> embeddings [segments, parts, dim], presence [segments, parts]
EmbedSegments = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Cut(Generic[Sound]):
    """What is embedded in one call, and what is true of it.

    sound : float32 [segments, samples], or what the embedder takes instead
    truths : columns of [segments, ...], the same ones in every cut of a protocol
    """

    sound: Sound
    truths: Sequence[Any]


@dataclass(frozen=True)
class Heard:
    """All segments of a protocol, in the order of the cuts.

    embeddings : [segments, parts, dim]; presence : [segments, parts]
    truths : columns of [segments, ...], those of the cuts
    """

    embeddings: np.ndarray
    presence: np.ndarray
    truths: list[np.ndarray]


def hear(
    items: Iterable[Item],
    cut: Callable[[Item], Iterable[Cut[Sound]]],
    embed: Callable[[Sound], Result],
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Result, Sequence[Any]]]:
    """What `embed` made of each cut, and the cut's truths; in the order of the items.

    threads : items worked on at a time; no number depends on it
    progress : called with how many items are done
    """

    def work(item: Item) -> list[tuple[Result, Sequence[Any]]]:
        return [(embed(found.sound), found.truths) for found in cut(item)]

    for done, found in enumerate(in_order(work, items, threads), start=1):
        yield from found
        if progress:
            progress(done)


def together(heard: Iterable[tuple[tuple[np.ndarray, ...], Sequence[Any]]]) -> Heard | None:
    """All that `hear` gives of an encoder; None of nothing."""
    rows = [(*found, *truths) for found, truths in heard]
    if not rows:
        return None
    embeddings, presence, *truths = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Heard(embeddings, presence, truths)


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int = 1
) -> Iterator[Result]:
    """`work(item)` of each item, in their order; at most twice as many ahead as threads.

    `items` is gone through by the calling thread, so a generator that draws random numbers draws
    the same ones with any number of threads.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque(
            pool.submit(work, item) for item in islice(remaining, 2 * threads)
        )
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
                yield result
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Trial:
    """An encoder, and the pieces that it is tried on.

    threads : mixes worked on at a time; no number depends on it.
    progress : called with the work done and all of it.
    """

    pieces: Sequence[StemPiece]
    reader: StemReader
    embed: EmbedSegments
    seed: int = 0
    threads: int = 1
    progress: Callable[[int, int], None] = lambda done, total: None

    def hear(
        self,
        items: Iterable[Item],
        cut: Callable[[Item], Iterable[Cut[np.ndarray]]],
        *,
        begun: int = 0,
        total: int = 0,
        each: int = 1,
    ) -> Heard | None:
        """The segments that `cut` makes of the items, as the encoder hears them; None of none.

        begun, total : mixes done before and in all, each : of one item, for the progress; without
            a total it stays silent
        """

        def progress(done: int) -> None:
            if total:
                self.progress(min(begun + each * done, total), total)

        return together(hear(items, cut, self.embed, threads=self.threads, progress=progress))

    def samples(self, seconds: float) -> int:
        """How many samples a segment has."""
        return round(seconds * self.reader.sample_rate_hz)

    def having(self, part: Part) -> int:
        """How many pieces have a stem of the part."""
        return sum(part in piece.stems for piece in self.pieces)

    def named(self, sources: Mapping[Part, int]) -> dict[str, str]:
        """part -> name of the piece, of the sources of a mix."""
        return {str(part): self.pieces[index].name for part, index in sources.items()}


def segment_embedder(encoder: Encoder) -> EmbedSegments:
    """`embed(samples [segments, samples])` at the encoder's sample rate.

    The embeddings are those of the network itself: the protocols judge them also where the
    presence head would have called the part absent. Segments are heard as `embed` hears them.
    """
    return encoder.hear_segments


def checkpoint_embedder(model: Any, mel: MelSettings, device: str = "cpu") -> EmbedSegments:
    """The same for a PyTorch network of any recipe, as `load_checkpoint` returns it.

    It hears segments as a whole; an exported network may hear them in windows (`window_s`).

    model : gives `.embeddings` [segments, parts, dim] and `.presence_logits` [segments, parts].
    """
    import torch

    transform = LogMel(mel)
    network = model.to(device).eval()

    def embed(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_mel = torch.from_numpy(np.stack([transform(segment) for segment in samples]))
        with torch.inference_mode():
            heard = network(log_mel.to(device))
            presence = torch.sigmoid(heard.presence_logits.float())
            return heard.embeddings.float().cpu().numpy(), presence.cpu().numpy()

    return embed
