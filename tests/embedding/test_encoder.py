"""The ladder from samples and files to embeddings, on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from measured import run_measured
from partwise.audio.decode import DecodeError, RecordingError, decode
from partwise.embedding.encoder import SHIPPED_MODEL, Encoder, load_encoder
from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from sounds import encode, sound, tone, write
from tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(tiny_model)


SONG = {Part.DRUMS: 0.2, Part.GUITAR: 0.7}


def test_encode_gives_unit_vectors_or_zeros(encoder: Encoder):
    log_mel = np.stack([encoder.logmel(sound(SONG)), encoder.logmel(sound({Part.BASS: 0.5}))])
    embeddings, presence = encoder.encode(log_mel)
    assert embeddings.shape == (2, len(PARTS), encoder.dim)
    assert presence.shape == (2, len(PARTS))
    assert embeddings.dtype == presence.dtype == np.float32
    present = presence >= encoder.presence_threshold
    expected = [[p in SONG for p in PARTS], [p is Part.BASS for p in PARTS]]
    np.testing.assert_array_equal(present, expected)
    norms = np.linalg.norm(embeddings, axis=2)
    np.testing.assert_allclose(norms[present], 1.0, atol=1e-5)
    assert np.all(embeddings[~present] == 0.0)


def test_thresholds_come_from_the_description(tmp_path: Path):
    path = write_tiny_model(tmp_path)
    described = json.loads(path.with_suffix(".json").read_text())
    described["presence_threshold"] = [0.0, 0.5, 0.5, 2.0, 0.5]
    path.with_suffix(".json").write_text(json.dumps(described))
    heard = load_encoder(path).embed(sound(SONG), 22050)
    norms = np.linalg.norm(heard.embeddings[0], axis=1)
    np.testing.assert_allclose(norms, [1, 0, 0, 0, 0], atol=1e-5)
    assert heard.parts_present() == (Part.DRUMS,)


@pytest.mark.parametrize("threads", [1, 2])
def test_embed(tiny_model: Path, threads: int):
    heard = load_encoder(tiny_model, threads).embed(sound(SONG, 28.0), 22050)
    assert heard.embeddings.shape == (5, 5, 16)
    assert heard.start_s.tolist() == [0.0, 5.0, 10.0, 15.0, 18.0]
    assert (heard.end_s - heard.start_s).tolist() == [10.0] * 5
    assert heard.seconds == 28.0
    assert heard.parts_present() == tuple(SONG)
    assert heard.notes == ()


def test_a_segment_is_embedded_as_if_it_were_cut_out(encoder: Encoder):
    rng = np.random.default_rng(3)
    parts = [sound({Part.BASS: p, Part.OTHER: 1 - p}, 4.0) for p in (0.0, 0.3, 0.6, 1.0)]
    samples = np.concatenate(parts) + rng.normal(0, 1e-3, 16 * 22050).astype(np.float32)
    heard = encoder.embed(samples, 22050, segment_s=3.0, hop_s=1.7)
    for index in range(len(heard)):
        start = round(heard.start_s[index] * 22050)
        alone = encoder.embed(samples[start : start + 3 * 22050], 22050, segment_s=3.0)
        np.testing.assert_allclose(alone.embeddings[0], heard.embeddings[index], atol=1e-4)
        np.testing.assert_allclose(alone.presence[0], heard.presence[index], atol=1e-4)


def test_gain_rate_and_channels_change_little(encoder: Encoder):
    """The same sound at another rate, in stereo, in 16 bits."""
    plain = encoder.embed(sound(SONG, 6.0), 22050)
    wide = sound(SONG, 6.0, 44100)
    others = [
        encoder.embed(wide, 44100),
        encoder.embed(np.stack([wide * 1.5, wide * 0.5], axis=1), 44100),
        encoder.embed((wide * 32767).astype(np.int16), 44100),
        encoder.embed((wide * 127 + 128).round().astype(np.uint8), 44100),
        encoder.embed(wide.astype(np.float64) * 0.1, 44100),
    ]
    for other in others:
        assert other.seconds == pytest.approx(6.0, abs=0.001)
        similarities = np.einsum("pd,pd->p", plain.track()[0], other.embeddings[0])
        for part in SONG:
            assert similarities[part.index] > 0.99


def test_alike_parts_are_near_and_others_are_not(encoder: Encoder):
    """A song that shares the drums, one that shares the guitar: each part finds its own."""
    query, _ = encoder.embed(sound(SONG), 22050).track()
    drums, _ = encoder.embed(sound({Part.DRUMS: 0.2, Part.GUITAR: 0.1}), 22050).track()
    guitar, _ = encoder.embed(sound({Part.DRUMS: 0.9, Part.GUITAR: 0.7}), 22050).track()
    similarities = np.einsum("pd,npd->np", query, np.stack([drums, guitar]))
    assert similarities[0, Part.DRUMS.index] > 0.95
    assert similarities[1, Part.GUITAR.index] > 0.95
    assert similarities[0, Part.GUITAR.index] < 0.6
    assert similarities[1, Part.DRUMS.index] < 0.6
    assert np.all(similarities[:, Part.PIANO.index] == 0.0)


def test_silent_segments_hold_nothing(encoder: Encoder):
    samples = sound(SONG, 40.0)
    samples[22050 * 15 :] *= 1e-5
    heard = encoder.embed(samples, 22050)
    sounding = heard.start_s < 15.0
    assert np.all(heard.presence[sounding][:, Part.DRUMS.index] > 0.5)
    assert np.all(heard.presence[~sounding] == 0.0)
    assert np.all(heard.embeddings[~sounding] == 0.0)


def test_samples_that_cannot_be_embedded(encoder: Encoder):
    with pytest.raises(PartwiseError, match=r"too short \(0\.2 s; at least 1 s is needed\)"):
        encoder.embed(tone(0.2), 22050)
    with pytest.raises(PartwiseError, match=r"too short \(0 s"):
        encoder.embed(np.zeros(0, np.float32), 22050)
    with pytest.raises(PartwiseError, match=r"\[n\] or \[n, channels\], not \[2, 44100\]"):
        encoder.embed(np.zeros((2, 44100), np.float32), 22050)
    with pytest.raises(PartwiseError, match="must be numbers, not <U1"):
        encoder.embed(np.array(["a"]), 22050)
    with pytest.raises(PartwiseError, match="0 Hz is not usable"):
        encoder.embed(tone(2.0), 0)
    with pytest.raises(PartwiseError, match=r"segments of 0\.2 s are not possible"):
        encoder.embed(tone(2.0), 22050, segment_s=0.2)


def test_samples_that_are_not_numbers(encoder: Encoder):
    samples = sound(SONG)
    samples[1000] = np.nan
    heard = encoder.embed(samples, 22050)
    assert np.isfinite(heard.embeddings).all()
    assert heard.notes == ("some samples were not finite numbers and were taken as silence",)


# Files


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.wav", write),
        ("a.flac", write),
        ("a.mp3", write),
        ("a.m4a", lambda path, x, hz: encode(path, x, hz, codec="aac", container="ipod")),
    ],
)
def test_embed_file_is_embed_of_the_decoded_file(
    tmp_path: Path, encoder: Encoder, name: str, make: Callable[[Path, np.ndarray, int], Path]
):
    path = make(tmp_path / name, sound(SONG, 23.0, 44100), 44100)
    calls: list[float] = []
    heard = encoder.embed_file(path, progress=calls.append)
    audio = decode(path, 22050)
    same = encoder.embed(audio.samples, 22050)
    np.testing.assert_array_equal(heard.start_s, same.start_s)
    np.testing.assert_allclose(heard.embeddings, same.embeddings, atol=1e-5)
    assert heard.seconds == same.seconds == audio.seconds
    assert heard.parts_present() == tuple(SONG)
    assert calls[-1] == heard.end_s[-1]


def test_embed_file_carries_notes(tmp_path: Path, encoder: Encoder):
    path = write(tmp_path / "a.flac", sound(SONG, 4.0)).rename(tmp_path / "a.mp3")
    assert encoder.embed_file(path).notes == ("named as MP3 but holds FLAC",)


def test_files_that_cannot_be_embedded(tmp_path: Path, encoder: Encoder):
    short = write(tmp_path / "short.wav", tone(0.2))
    with pytest.raises(RecordingError) as caught:
        encoder.embed_file(short)
    assert caught.value.reason == "too short (0.2 s; at least 1 s is needed)"
    assert str(caught.value) == f"{short}: {caught.value.reason}"
    silent = write(tmp_path / "silent.flac", tone(30.0) * np.float32(1e-4))
    with pytest.raises(RecordingError) as caught:
        encoder.embed_file(silent)
    assert caught.value.reason == "silent (below -70 dBFS throughout)"
    with pytest.raises(DecodeError):
        encoder.embed_file(tmp_path / "none.mp3")
    assert not isinstance(caught.value, DecodeError)


def test_a_long_file_needs_no_more_memory(tmp_path: Path, tiny_model: Path):
    """An hour against half a minute, in processes of their own."""
    code = (
        "from partwise.embedding.encoder import load_encoder\n"
        "print(len(load_encoder(sys.argv[1]).embed_file(sys.argv[2])))\n"
    )

    def embed(seconds: int) -> tuple[int, float]:
        samples = np.tile(sound(SONG, 30.0, 8000), seconds // 30)
        path = write(tmp_path / f"{seconds}.wav", samples, 8000)
        output, peak_bytes = run_measured(code, tiny_model, path)
        path.unlink()
        return int(output), peak_bytes

    segments, short_peak = embed(30)
    assert segments == 5
    segments, long_peak = embed(3600)
    assert segments == 719
    assert long_peak < short_peak + 60e6  # the samples alone would be 318 MB
    assert long_peak < 600e6


# Loading


def test_digest_tells_models_apart(tmp_path: Path, tiny_model: Path):
    digest = load_encoder(tiny_model).digest
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    assert load_encoder(write_tiny_model(tmp_path / "same")).digest == digest
    assert load_encoder(write_tiny_model(tmp_path / "other", seed=1)).digest != digest


def test_where_a_model_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_tiny_model(tmp_path, name="partwise")
    digest = load_encoder(path).digest
    assert load_encoder(str(tmp_path)).digest == digest  # a folder
    monkeypatch.setenv("PARTWISE_MODEL", str(path))
    assert load_encoder().digest == digest
    other = write_tiny_model(tmp_path / "other", seed=1)
    assert load_encoder(other).path == other  # what is named goes before the environment
    monkeypatch.setenv("PARTWISE_MODEL", str(tmp_path / "none.onnx"))
    with pytest.raises(PartwiseError, match=r"the model .*none\.onnx cannot be read \(No such"):
        load_encoder()


@pytest.mark.skipif(not SHIPPED_MODEL.exists(), reason="no weights are in this tree")
def test_the_shipped_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PARTWISE_MODEL", raising=False)
    encoder = load_encoder()
    rng = np.random.default_rng(0)
    heard = encoder.embed(rng.normal(0, 0.1, 22050 * 12).astype(np.float32), 22050)
    assert heard.embeddings.shape == (1, len(PARTS), encoder.dim)
    norms = np.linalg.norm(heard.embeddings, axis=2)
    present = heard.presence >= encoder.presence_threshold
    np.testing.assert_allclose(norms[present], 1.0, atol=1e-4)
    assert np.all(norms[~present] == 0.0)
    short = encoder.embed(rng.normal(0, 0.1, 22050).astype(np.float32), 22050)
    assert np.isfinite(short.embeddings).all()


def changed(folder: Path, **fields: object) -> Path:
    """A tiny model with some fields of its description replaced, or removed where None."""
    path = write_tiny_model(folder)
    described = json.loads(path.with_suffix(".json").read_text())
    described.update(fields)
    described = {key: value for key, value in described.items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(described))
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"parts": ["drums", "bass", "vocals"]},
            "a model of the parts drums, bass, vocals: this version has drums, bass, piano, guitar",
        ),
        ({"parts": ["bass", "drums", "piano", "guitar", "other"]}, "parts bass, drums, piano"),
        ({"format": 7}, "has format 7: this version reads format 1"),
        (
            {"mel": {"bands": 96, "power": 1}},
            "the settings bands, power: this version has bands",
        ),
        ({"mel": None}, "is not a model description \\('mel' is missing\\)"),
        ({"dim": "many"}, "is not a model description"),
        ({"dim": 64}, "has 16 dim in embeddings, .*json says 64"),
        ({"presence_threshold": [0.5]}, "has 1 presence thresholds: 5 are needed"),
    ],
)
def test_models_that_do_not_fit(tmp_path: Path, fields: dict[str, object], message: str):
    with pytest.raises(PartwiseError, match=message):
        load_encoder(changed(tmp_path, **fields))


def test_a_front_end_that_the_network_was_not_made_for(tmp_path: Path):
    path = write_tiny_model(tmp_path)
    write_tiny_model(tmp_path, settings=MelSettings(bands=64), name="other")
    (tmp_path / "other.json").replace(path.with_suffix(".json"))
    with pytest.raises(PartwiseError, match=r"has 192 bands in log_mel, .*json says 64"):
        load_encoder(path)


def test_broken_models(tmp_path: Path):
    path = write_tiny_model(tmp_path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(PartwiseError, match=r"tiny\.json is not a model description"):
        load_encoder(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(PartwiseError, match=r"the model .*tiny\.json cannot be read"):
        load_encoder(path)
    path = write_tiny_model(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(PartwiseError, match=r"tiny\.onnx is not a usable ONNX model"):
        load_encoder(path)


def test_another_network(tmp_path: Path):
    path = write_tiny_model(tmp_path)
    model = onnx.load(path)
    model.graph.output[1].name = "loudness"
    for node in model.graph.node:
        node.output[:] = ["loudness" if name == "presence" else name for name in node.output]
    onnx.save(model, path)
    with pytest.raises(PartwiseError, match="has no presence: it is not a partwise model"):
        load_encoder(path)
