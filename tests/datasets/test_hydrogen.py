import json

import numpy as np
import pytest
import soundfile

from partwise import PartwiseError
from partwise_lab.synthesis.hydrogen import play_kit, read_drumkit, read_drumkits
from partwise_lab.synthesis.midi import Note

RATE_HZ = 16000


def click(level, seconds=0.05):
    """A constant of one level: what is added where is easily seen."""
    return np.full(round(seconds * RATE_HZ), level, dtype=np.float32)


INSTRUMENTS = {
    "Kick": [("kick.wav", 0.4, 0.0, 1.0)],
    "Snare Soft and Hard": [("soft.wav", 0.1, 0.0, 0.5), ("hard.wav", 0.3, 0.5, 1.0)],
    "Closed HH": [("closed.wav", 0.05, 0.0, 1.0)],
    "Open HH": [("open.wav", 0.2, 0.0, 1.0)],
    "Snare Roll": [("roll.wav", 0.9, 0.0, 1.0)],
    "31": [],
}


def write_kit(folder, instruments=INSTRUMENTS, *, namespace="", missing=()):
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, layers in instruments.items():
        rows.append(f"<instrument><name>{name}</name><volume>0.5</volume><gain>2</gain>")
        for file, level, low, high in layers:
            rows.append(
                f"<layer><filename>{file}</filename><min>{low}</min><max>{high}</max>"
                "<gain>1</gain><pitch>0</pitch></layer>"
            )
            if file not in missing:
                soundfile.write(
                    folder / file, click(level, 1.0 if "open" in file else 0.05), RATE_HZ
                )
        rows.append("</instrument>")
    body = "".join(rows)
    (folder / "drumkit.xml").write_text(
        f"<drumkit_info{namespace}><instrumentList>{body}</instrumentList></drumkit_info>"
    )
    return folder


def hit(start_s, key, velocity=127):
    return start_s, Note(start_s, start_s + 0.1, 9, 0, key, velocity), velocity


def level_at(samples, time_s):
    return float(samples[round(time_s * RATE_HZ)])


def test_keys_strike_their_drums_at_the_sample(tmp_path):
    kit = read_drumkit(write_kit(tmp_path / "kit"))
    assert kit.family == "hydrogen"
    samples = play_kit(kit, [hit(0.5, 36), hit(1.00004, 38, 40), hit(1.5, 38)], 2.0, RATE_HZ)
    assert samples.dtype == np.float32
    assert len(samples) == 2 * RATE_HZ
    assert not samples[: RATE_HZ // 2].any()
    assert samples[RATE_HZ // 2] == pytest.approx(0.4, abs=1e-3)
    # A soft stroke plays the soft layer, and softly; a hard one the hard layer.
    assert level_at(samples, 1.02) == pytest.approx(0.1 * 40 / 127, abs=1e-3)
    assert level_at(samples, 1.52) == pytest.approx(0.3, abs=1e-3)


def test_a_closed_hat_silences_an_open_one(tmp_path):
    kit = read_drumkit(write_kit(tmp_path / "kit"))
    free = play_kit(kit, [hit(0.0, 46)], 1.0, RATE_HZ)
    choked = play_kit(kit, [hit(0.0, 46), hit(0.4, 42)], 1.0, RATE_HZ)
    assert level_at(free, 0.8) == pytest.approx(0.2, abs=1e-3)
    assert level_at(choked, 0.3) == pytest.approx(0.2, abs=1e-3)
    assert level_at(choked, 0.8) == 0.0


def test_a_drum_that_is_missing_is_played_by_its_kin(tmp_path):
    kit = read_drumkit(write_kit(tmp_path / "kit"))
    samples = play_kit(kit, [hit(0.0, 51), hit(0.5, 39), hit(0.8, 58)], 1.0, RATE_HZ)
    assert level_at(samples, 0.01) == pytest.approx(0.05, abs=1e-3)  # ride -> closed hat
    assert level_at(samples, 0.52) == pytest.approx(0.3, abs=1e-3)  # clap -> snare
    assert level_at(samples, 0.82) == 0.0  # a vibraslap has no kin


def test_tuning_makes_a_sample_shorter_and_variants_differ(tmp_path):
    more = INSTRUMENTS | {"Kick 2": [("other.wav", 0.7, 0.0, 1.0)]}
    kit = read_drumkit(write_kit(tmp_path / "kit", more))
    higher = play_kit(kit, [hit(0.0, 46)], 2.0, RATE_HZ, tuning_cents=100)
    assert np.count_nonzero(np.abs(higher) > 0.1) == pytest.approx(
        RATE_HZ / 2 ** (1 / 12), rel=0.01
    )
    levels = {
        round(float(play_kit(kit, [hit(0.0, 36)], 1.0, RATE_HZ, variant=variant)[0]), 2)
        for variant in range(4)
    }
    assert levels == {0.4, 0.7}


def test_old_and_new_kit_files_are_read(tmp_path):
    new = write_kit(tmp_path / "new", namespace=' xmlns="http://www.hydrogen-music.org/drumkit"')
    assert set(read_drumkit(new).instruments) == {"kick", "snare", "closed hat", "open hat"}
    old = write_kit(tmp_path / "old")
    text = "".join(
        f"<instrument><name>{name}</name><filename>{file}</filename></instrument>"
        for name, file in (("Kick", "kick.wav"), ("Snare", "hard.wav"))
    )
    (old / "drumkit.xml").write_text(f"<drumkit_info>{text}</drumkit_info>")
    assert set(read_drumkit(old).instruments) == {"kick", "snare"}
    assert [kit.path.name for kit in read_drumkits(tmp_path)] == ["new", "old"]


def test_what_is_no_kit_gets_a_sentence(tmp_path):
    with pytest.raises(PartwiseError, match="none does not exist"):
        read_drumkits(tmp_path / "none")
    with pytest.raises(PartwiseError, match=r"has no drumkit\.xml"):
        read_drumkits(tmp_path)
    broken = tmp_path / "broken"
    write_kit(broken)
    (broken / "drumkit.xml").write_text("<drumkit_info>")
    with pytest.raises(PartwiseError, match=r"drumkit\.xml cannot be read"):
        read_drumkit(broken)
    with pytest.raises(PartwiseError, match="no drum kit below"):
        read_drumkits(tmp_path)
    write_kit(tmp_path / "bare", missing=("kick.wav",))
    with pytest.raises(PartwiseError, match="has no kick with a sample"):
        read_drumkit(tmp_path / "bare")


def test_a_broken_sample_gets_a_sentence(tmp_path):
    kit = read_drumkit(write_kit(tmp_path / "kit"))
    (tmp_path / "kit" / "kick.wav").write_bytes(json.dumps("no sound").encode())
    with pytest.raises(PartwiseError, match=r"kick\.wav cannot be read"):
        play_kit(kit, [hit(0.0, 36)], 1.0, RATE_HZ)
