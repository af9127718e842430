import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from listeners import CLIP_S, RATE_HZ
from partwise import PartwiseError
from partwise.parts import Part
from partwise_lab.measure.abx.answers import Clip
from partwise_lab.measure.abx.clips import Stretch, complete, find_clips, hear_clips, read_cuts

LENGTH = int(CLIP_S * RATE_HZ)


def test_what_is_cut_is_the_stem_or_the_mix_at_that_time(tree):
    clip = tree.triplets[0].second
    song = next(s for s in tree.songs if str(s.number) == clip.piece)
    start = clip.segment * LENGTH
    stems = {part: song.stem(part)[start : start + LENGTH] for part in song.pitch}
    for hears, truth in (("stem", stems[clip.part]), ("mix", sum(stems.values()))):
        (samples,) = tree.clips(hears).read([clip])
        assert len(samples) == LENGTH
        gain = np.dot(samples, truth) / np.dot(truth, truth)  # levels are the reader's affair
        np.testing.assert_allclose(samples, gain * truth, atol=2e-4 * gain)


def test_the_mix_is_read_from_its_own_file_where_there_is_one(tree, tmp_path):
    data = shutil.copytree(tree.data, tmp_path / "slakh")
    clip = tree.triplets[0].first
    wanted = np.linspace(-0.5, 0.5, 3 * RATE_HZ).astype(np.float32)
    soundfile.write(data / "test" / f"Track0{clip.piece}" / "mix.wav", wanted, RATE_HZ)
    (samples,) = find_clips(data, tree.place, [clip], RATE_HZ).read([clip])
    start = clip.segment * LENGTH
    np.testing.assert_allclose(samples, wanted[start : start + LENGTH], atol=1e-3)


def test_clips_already_cut_are_heard_as_they_are(tree, tmp_path):
    here, there, gone = tree.triplets[0].clips
    for clip, level in ((here, 0.1), (there, 0.2)):
        path = tmp_path / clip.path
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(LENGTH, level), RATE_HZ)
    clips = find_clips(tmp_path, tree.place, [here, there, gone], RATE_HZ)
    assert clips.hears == "cut"
    assert [round(float(s.mean()), 2) for s in clips.read([here, there])] == [0.1, 0.2]
    assert clips.missing(gone) == f"there is no file {gone.path}"


def test_missing_tracks_are_told_and_the_rest_is_scored(tree, tmp_path):
    data = shutil.copytree(tree.data, tmp_path / "slakh")
    shutil.rmtree(data / "test" / "Track01880")
    asked = tree.triplets
    clips = find_clips(data, tree.place, [c for t in asked for c in t.clips], RATE_HZ)
    there, reasons = complete(clips, asked)
    assert len(there) == sum("1880" not in t.pieces for t in asked)
    assert set(reasons) == {"Track01880 is not there"}
    assert reasons["Track01880 is not there"] == len(
        {c for t in asked for c in t.clips if c.piece == "1880"}
    )


def test_a_clip_that_cannot_be_there_is_missing(tree, tmp_path):
    data = shutil.copytree(tree.data, tmp_path / "slakh")
    clip = next(t.second for t in tree.triplets if t.second.segment == 2)
    track = data / "test" / f"Track0{clip.piece}"
    for stem in (track / "stems").iterdir():
        samples, rate_hz = soundfile.read(stem)
        soundfile.write(stem, samples[: int(2.3 * rate_hz)], rate_hz)
    other = tree.triplets[0].reference
    clips = find_clips(data, tree.place, [clip, other], RATE_HZ)
    assert "ends at 2.3 s, before the clip does" in str(clips.missing(clip))
    unknown = Clip("set9/9/bass/X_1877-0.wav", Part.BASS, "X", "1877", 0)
    assert "does not tell where" in str(clips.missing(unknown))
    (track / "stems" / "S01.wav").unlink()
    stems = find_clips(data, tree.place, [clip, other], RATE_HZ, "stem")
    guitar = next(
        c for t in tree.triplets for c in t.clips if c.piece == clip.piece and c.part == "guitar"
    )
    assert "has no guitar" in str(stems.missing(guitar))


def test_none_found_is_one_sentence(tree, tmp_path):
    wanted = [clip for triplet in tree.triplets for clip in triplet.clips]
    data = tmp_path / "slakh"
    shutil.copytree(tree.data / "test" / "Track01880", data / "test" / "Track00001")
    with pytest.raises(PartwiseError, match=r"has none of the \d+ clips: Track0\d+ is not there"):
        find_clips(data, tree.place, wanted, RATE_HZ)
    with pytest.raises(PartwiseError, match=r"no sample_configs/\*\.json"):
        find_clips(tree.data, tmp_path, wanted, RATE_HZ)


def test_where_clips_lie_is_read_from_the_configs(tree, tmp_path):
    cuts = read_cuts(tree.place)
    clip = tree.triplets[0].first
    start_s = clip.segment * CLIP_S
    assert cuts[clip.path] == Stretch(clip.piece, start_s, start_s + CLIP_S)
    assert read_cuts(next((tree.place / "csvs").glob("*.csv"))) == cuts
    configs = tmp_path / "sample_configs"
    configs.mkdir()
    one = {"ID": 1, "sr": 100, "index_s": 0, "index_e": 100, "filename": "X_1-0.wav"}

    def write(name: str, **changes: object) -> Path:
        clips = {"0": {"0": {"test1": {"bass": {"X": {**one, **changes}}}}}}
        (configs / name).write_text(json.dumps(clips))
        return configs / name

    write("a.json")
    write("b.json", index_e=200)
    with pytest.raises(PartwiseError, match=r"disagree on where set0/0/bass/X_1-0\.wav lies"):
        read_cuts(tmp_path)
    write("b.json", index_s=100)
    with pytest.raises(PartwiseError, match=r"b\.json does not tell .* ends before it starts"):
        read_cuts(tmp_path)
    (configs / "b.json").write_text('{"0": {"0": {"test1": {"bass": {"X": {}}}}}}')
    with pytest.raises(PartwiseError, match=r"b\.json does not tell .* 'sr' is missing"):
        read_cuts(tmp_path)
    (configs / "b.json").write_text("[")
    with pytest.raises(PartwiseError, match=r"b\.json does not tell where clips lie"):
        read_cuts(tmp_path)


def test_what_sounds_the_same_is_heard_once(tree):
    heard_lengths = []

    def embed(samples):
        heard_lengths.append(len(samples))
        return np.zeros((len(samples), 5, 2), np.float32), np.ones((len(samples), 5), np.float32)

    seen = []
    heard = hear_clips(
        tree.clips(), tree.triplets, embed, progress=lambda d, n: seen.append((d, n))
    )
    # Three moments of each of 14 songs at most; the mix is the same for piano and guitar.
    assert sum(heard_lengths) == len(heard.embeddings) <= 3 * 14
    assert set(heard.row) == {clip.path for t in tree.triplets for clip in t.clips}
    assert seen[-1] == (14, 14)
    stems = hear_clips(tree.clips("stem"), tree.triplets, embed)
    assert len(stems.embeddings) > len(heard.embeddings)
