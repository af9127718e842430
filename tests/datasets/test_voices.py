from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midi_file import write_midi
from partwise.parts import PARTS, Part
from partwise_lab.synthesis.hydrogen import DrumKit
from partwise_lab.synthesis.midi import read_midi
from partwise_lab.synthesis.soundfont import SoundFont
from partwise_lab.synthesis.voices import Touch, draw_manner, draw_voice, playing

GM = SoundFont(Path("gm.sf2"), "gm", tuple(range(128)), (0, 8, 16), drums_only=False)
AVL = SoundFont(Path("avl.sf2"), "avl", (0,), (), drums_only=True)
KIT = DrumKit(Path("kit"), "hydrogen", {})
MANNER: dict[str, Any] = {"room": True, "tuning_cents": 40.0, "touch": 1.0, "effects": 1.0}


@pytest.fixture
def piece(tmp_path):
    return read_midi(write_midi(tmp_path / "a.mid"))


def test_drums_only_play_drums():
    assert playing([GM, AVL, KIT], Part.DRUMS) == [GM, AVL, KIT]
    assert playing([GM, AVL, KIT], Part.OTHER) == [GM]


def test_kits_take_part_in_the_draw_as_a_family(piece):
    rng = np.random.default_rng(0)
    fonts = [GM, AVL, KIT, KIT, KIT]
    voices = [draw_voice(Part.DRUMS, fonts, piece, rng, 0.3) for _ in range(300)]
    counts = {
        name: sum(v.font.family == name for v in voices) for name in ("gm", "avl", "hydrogen")
    }
    assert min(counts.values()) > 70  # families are drawn first: three kits do not rule
    many = [draw_voice(Part.DRUMS, [GM, AVL, *12 * [KIT]], piece, rng, 0.3) for _ in range(300)]
    assert 150 < sum(voice.font is KIT for voice in many) < 210  # twelve weigh as much as three
    for voice in voices:
        record = voice.metadata()
        assert record["drums_only"] == (voice.font.family != "gm")
        if voice.font is KIT:  # FluidSynth does not play it, so it adds nothing to it
            assert not (voice.reverb or voice.chorus)


@pytest.mark.parametrize("part", [Part.BASS, Part.PIANO, Part.GUITAR])
def test_programs_stay_within_the_part(part, piece):
    rng = np.random.default_rng(0)
    drawn = [draw_voice(part, [GM], piece, rng, 0.0).program_of for _ in range(100)]
    (first,) = {next(iter(program_of)) for program_of in drawn}
    new = {program_of[first] for program_of in drawn}
    assert new == set(range(first // 8 * 8, first // 8 * 8 + 8))


def test_one_instrument_is_drawn_whatever_the_file_says(tmp_path):
    calm = read_midi(write_midi(tmp_path / "a.mid"))
    thin = read_midi(write_midi(tmp_path / "b.mid", channels=(0, 9)))
    for part in PARTS:
        draws = [np.random.default_rng(3) for _ in range(2)]
        a, b = (
            draw_voice(part, [GM], piece, rng, None)
            for piece, rng in zip((calm, thin), draws, strict=True)
        )
        assert len(set(a.program_of.values())) == 1
        assert set(b.program_of.values()) <= set(a.program_of.values())
        assert (a.reverb, a.reverb_room, a.chorus) == (b.reverb, b.reverb_room, b.chorus)
        assert draws[0].random() == draws[1].random()


def test_manners_are_within_bounds_and_can_be_switched_off():
    rng = np.random.default_rng(0)
    for part in PARTS:
        manners = [draw_manner(part, rng, **MANNER) for _ in range(200)]
        cents = np.array([cents for cents, _, _ in manners])
        farthest = 80 if part is Part.DRUMS else 40
        assert farthest / 2 < np.abs(cents).max() <= farthest
        assert all(touch != Touch() for _, touch, _ in manners)
        assert np.mean([bool(effects) for _, _, effects in manners]) > 0.85
        off = draw_manner(part, rng, room=True, tuning_cents=0.0, touch=0.0, effects=0.0)
        assert off == (0.0, Touch(), ())


def test_switching_one_manner_off_leaves_the_others():
    def drawn(**changed):
        return draw_manner(Part.GUITAR, np.random.default_rng(5), **(MANNER | changed))

    assert drawn(effects=0.0)[:2] == drawn()[:2]
    assert drawn(touch=0.0)[2] == drawn()[2]
    assert drawn(tuning_cents=0.0)[1:] == drawn()[1:]


def test_a_touch_keeps_the_order_and_the_range():
    assert [Touch()(velocity) for velocity in range(1, 128)] == list(range(1, 128))
    curve = Touch(bend=2.0, softest=30.0, hardest=110.0)
    struck = [curve(velocity) for velocity in range(1, 128)]
    assert struck == sorted(struck)
    assert struck[0] == 30
    assert struck[-1] == 110
    assert Touch(softest=0.0, bend=4.0)(1) == 1  # a velocity of 0 would end the note
