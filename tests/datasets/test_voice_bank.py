import json
import shutil

import numpy as np
import pytest
import soundfile

from partwise import PartwiseError
from partwise_lab.synthesis import voice_bank
from partwise_lab.synthesis.voice_bank import build_voice_bank, read_voice_bank

CLIP_S = 5.0


def spoken(text, speaker, pitch, pace):
    """A stand-in for eSpeak NG: a vowel-like buzz, another for each text and speaker."""
    rng = np.random.default_rng(abs(hash((text, speaker, pitch, pace))) % 2**32)
    time_s = np.arange(6000) / 22050
    harmonics = [rng.random() * np.sin(2 * np.pi * 120 * k * time_s) for k in range(1, 20)]
    return (0.1 * np.sum(harmonics, axis=0) + 0.01 * rng.standard_normal(6000)).astype("f4")


@pytest.fixture
def espeak(monkeypatch):
    monkeypatch.setattr(voice_bank, "_speak", spoken)
    monkeypatch.setattr(voice_bank, "CLIP_S", CLIP_S)
    monkeypatch.setattr(voice_bank.shutil, "which", lambda name: f"/usr/bin/{name}")


def test_a_bank_holds_what_its_index_says_and_is_small(espeak, tmp_path):
    seen = []
    count = build_voice_bank(
        tmp_path, 4 * CLIP_S, 1, jobs=1, progress=lambda done, total: seen.append((done, total))
    )
    assert count == 4 and seen[-1] == (4, 4)
    clips = json.loads((tmp_path / "voices.json").read_text())["clips"]
    assert len({clip["file"] for clip in clips}) == 4
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 4e6 * 4 * CLIP_S / 600
    for samples in read_voice_bank(tmp_path, 22050):
        assert samples.dtype == np.float32
        assert len(samples) == pytest.approx(CLIP_S * 22050, rel=1e-3)
        assert 0.3 < np.abs(samples).max() <= 1.0
        assert np.isfinite(samples).all() and np.sqrt(np.mean(samples**2)) > 0.01
    assert len(read_voice_bank(tmp_path, 16000)[0]) == pytest.approx(CLIP_S * 16000, rel=1e-3)


def test_the_same_seed_gives_the_same_voices_and_clips_are_kept(espeak, tmp_path, monkeypatch):
    for name in ("a", "b"):
        build_voice_bank(tmp_path / name, 2 * CLIP_S, 3, jobs=1)
    for ours, theirs in zip(*(read_voice_bank(tmp_path / n, 22050) for n in "ab"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    (tmp_path / "a" / "voices.json").unlink()
    monkeypatch.setattr(voice_bank, "_spoken", None)
    monkeypatch.setattr(voice_bank, "_sung", None)
    assert build_voice_bank(tmp_path / "a", 2 * CLIP_S, 3, jobs=1) == 2


def test_a_missing_espeak_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(voice_bank.shutil, "which", lambda name: None)
    with pytest.raises(PartwiseError, match="not installed: apt-get install espeak-ng"):
        build_voice_bank(tmp_path, 15.0, 0)


def test_a_folder_that_is_no_bank_or_a_broken_one_is_told(tmp_path):
    with pytest.raises(PartwiseError, match="holds no voices: make some with partwise-lab voices"):
        read_voice_bank(tmp_path, 22050)
    (tmp_path / "voices.json").write_text('{"clips": [{"file": "a.ogg"}]}')
    (tmp_path / "a.ogg").write_bytes(b"no sound")
    with pytest.raises(PartwiseError, match=r"cannot be read: .*a\.ogg"):
        read_voice_bank(tmp_path, 22050)


def test_an_out_that_is_a_file_is_one_sentence(espeak, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(PartwiseError, match="cannot be written"):
        build_voice_bank(tmp_path / "x", 15.0, 0)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_says_a_word_and_names_a_voice_it_lacks():
    word = voice_bank._speak("morning", "en-us+f2", 50, 150)
    assert 0.2 < len(word) / 22050 < 1.5 and np.abs(word).max() > 0.1
    with pytest.raises(PartwiseError, match="espeak-ng failed on voice xx-none"):
        voice_bank._speak("morning", "xx-none", 50, 150)


def test_written_files_are_vorbis(espeak, tmp_path):
    build_voice_bank(tmp_path, CLIP_S, 0, jobs=1)
    (path,) = tmp_path.glob("*.ogg")
    assert soundfile.info(path).subtype == "VORBIS" and soundfile.info(path).channels == 1
