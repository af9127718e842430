import json

import numpy as np
import pytest

from partwise import Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure import musical_facts
from partwise_lab.measure.stem_reader import StemReader
from stem_trees import RATE_HZ, tone, write_tone


@pytest.mark.parametrize(
    ("part", "programs", "expected"),
    [
        (Part.PIANO, [0, 3], "acoustic"),
        (Part.PIANO, [3, 4], None),
        (Part.BASS, [38], "synth"),
        (Part.GUITAR, [30, 29], "driven"),
        (Part.OTHER, [40, 55], "strings or voices"),
        (Part.OTHER, [24], None),
        (Part.OTHER, [], None),
        (Part.OTHER, [0], None),
    ],
)
def test_instrument(part, programs, expected):
    voice = {"soundfont": "a.sf2", "program_of": {str(i): p for i, p in enumerate(programs)}}
    assert musical_facts.instrument(part, voice) == expected


def test_kits_are_told_by_font_and_program():
    font = {"soundfont": "a.sf2", "program_of": {"0": 25, "8": 25}}
    assert musical_facts.instrument(Part.DRUMS, font) == "a.sf2 kit 25"
    assert musical_facts.instrument(Part.DRUMS, {"soundfont": "GMRock"}) == "GMRock"
    assert musical_facts.instrument(Part.DRUMS, None) is None


def test_instruments_come_from_the_metadata_of_a_rendered_folder(tmp_path):
    write_tone(tmp_path / "a" / "stems" / "bass.wav", 60.0)
    write_tone(tmp_path / "a" / "stems" / "piano.wav", 300.0)
    write_tone(tmp_path / "b" / "bass.wav", 60.0)
    stems = {"bass": {"soundfont": "x.sf2", "program_of": {"33": 36}}}
    (tmp_path / "a" / "metadata.json").write_text(json.dumps({"stems": stems}))
    told = [musical_facts.instruments(piece) for piece in find_pieces(tmp_path)]
    assert told == [{Part.BASS: "slap"}, {}]


@pytest.mark.parametrize(("degrees", "expected"), [("CDEFGAB", "C"), ("AGCDEF", "C")])
def test_scale_of_a_chroma(degrees, expected):
    chroma = np.full(12, 0.05)
    for place, degree in enumerate(degrees):
        chroma[musical_facts.SCALES.index(degree)] = 1.0 if place else 2.0
    for up in range(12):
        assert (
            musical_facts.SCALES[musical_facts.scale_of(np.roll(chroma, up))]
            == (musical_facts.SCALES[(musical_facts.SCALES.index(expected) + up) % 12])
        )


def test_scale_of_a_piece_is_that_of_its_pitched_stems(tmp_path):
    pytest.importorskip("librosa")
    semitones = (2, 4, 6, 7, 9, 11, 13, 14, 9, 6, 2)  # D major from C4, with its triad once more
    tune = np.concatenate([tone(261.63 * 2 ** (s / 12), 0.3) for s in semitones])
    pieces = [write_tone(tmp_path / "a" / f"{name}.wav", 500.0) for name in ("piano", "drums")]
    import soundfile

    soundfile.write(pieces[0], tune, RATE_HZ)
    reader = StemReader(find_pieces(tmp_path), RATE_HZ)
    scale = musical_facts.piece_scale(reader, 0)
    assert scale is not None and musical_facts.SCALES[scale] == "D"


def test_drums_alone_have_no_scale(tmp_path):
    write_tone(tmp_path / "a" / "drums.wav", 500.0)
    assert musical_facts.piece_scale(StemReader(find_pieces(tmp_path), RATE_HZ), 0) is None


def test_neighbours_on_the_circles():
    c, g, f_sharp = (musical_facts.on_circle_of_fifths(scale) for scale in (0, 7, 6))
    assert np.linalg.norm(c - g) < 0.6
    assert np.linalg.norm(c - f_sharp) == pytest.approx(2.0)
    np.testing.assert_allclose(
        musical_facts.folded_tempo(60.0), musical_facts.folded_tempo(240.0), atol=1e-12
    )


def test_loudness_and_brightness():
    low, high = tone(250.0, gain=0.1), tone(1000.0, gain=0.2)
    assert musical_facts.loudness_db(low, low + high) == pytest.approx(-7.0, abs=0.1)
    assert musical_facts.loudness_db(0.0 * low, high) == -40.0
    octaves = musical_facts.brightness(high, RATE_HZ) - musical_facts.brightness(low, RATE_HZ)
    assert octaves == pytest.approx(2.0, abs=0.2)
