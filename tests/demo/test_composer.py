"""The demo's composer: what its plan guarantees, and that it makes what is shipped."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("mido", reason="the composer needs mido (extra dev or train)")

from demo_composer import effects, mix, score, sound
from demo_composer.harmony import read_chord, voicing
from demo_composer.plan import ROSTER, compose
from partwise.demo.groups import load_groups
from partwise.parts import PARTS, Part

RATE_HZ = sound.SAMPLE_RATE_HZ


def test_the_shipped_pieces_come_from_the_plan() -> None:
    shipped = load_groups().pieces
    planned = compose(7)
    assert [(p.title, p.key, p.bpm) for p in planned] == [(p.title, p.key, p.bpm) for p in shipped]
    for plan, piece in zip(planned, shipped, strict=True):
        assert {part: player.name for part, player in plan.players.items()} == piece.players


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_plan_keeps_the_design(seed: int) -> None:
    pieces = compose(seed)
    assert compose(seed) == pieces
    for a, b in itertools.combinations(pieces, 2):
        assert len(set(a.players.values()) & set(b.players.values())) <= 1
    for part in PARTS:
        counts = Counter(p.players[part] for p in pieces if part in p.players)
        assert set(counts) == set(ROSTER[part])
        assert set(counts.values()) == {5}


def test_players_play_at_home_and_long_enough() -> None:
    for piece in compose(7):
        for part, player in piece.players.items():
            assert player.tempo[0] <= piece.bpm <= player.tempo[1]
            assert len(piece.active[part]) >= 0.5 * len(piece.bars)
            assert len(piece.bars) - 1 in piece.active[part]
        # Somebody may begin alone; after that nobody is ever left alone.
        for bar in piece.bars:
            playing = sum(bar.index in bars for bars in piece.active.values())
            assert playing >= (1 if bar.index == 0 else 2)


def test_players_keep_to_their_instrument_and_differ_between_pieces() -> None:
    notes: dict[tuple[type, int], list[score.Note]] = {}
    for piece in compose(7):
        for part, player in piece.players.items():
            rng = np.random.default_rng([piece.seed, part.index])
            played = player(rng).play(piece.bars)
            notes[player, piece.number] = played
            assert played
            for note in played:
                assert 0 < note.velocity <= 1
                assert note.beats > 0
                low, high = {Part.BASS: (24, 64), Part.GUITAR: (38, 100)}.get(part, (21, 108))
                assert low <= note.key <= high, (player.name, note)
    for (a, piece_a), (b, piece_b) in itertools.combinations(notes, 2):
        if a is b:
            assert notes[a, piece_a] != notes[b, piece_b]


def test_chords_are_read_as_degrees() -> None:
    assert read_chord("I", 0, "major").tones == (0, 4, 7)
    assert read_chord("bVII", 2, "mixolydian").tones == (0, 4, 7)
    assert read_chord("ii7", 0, "major").tones == (2, 5, 9, 0)
    assert read_chord("IVmaj7", 7, "major").tones == (0, 4, 7, 11)
    assert voicing((0, 4, 7), 60) == [55, 60, 64]
    with pytest.raises(ValueError, match="not a degree"):
        read_chord("H", 0, "major")


def test_swing_moves_only_what_is_off_the_beat() -> None:
    straight = [score.Note(beat, 0.25, 60, 0.5) for beat in (0.0, 0.5, 1.0, 1.5)]
    assert [note.beat for note in score.swung(straight, 0.0)] == [0.0, 0.5, 1.0, 1.5]
    assert [note.beat for note in score.swung(straight, 1.0)] == pytest.approx(
        [0.0, 2 / 3, 1.0, 5 / 3]
    )


def _sine(hz: float, amplitude: float = 0.1, seconds: float = 2.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def test_loudness_of_a_sine_at_1_khz() -> None:
    # BS.1770: a 997 Hz sine at full scale in one channel is -3.01 LUFS.
    assert mix.loudness_lufs(_sine(997, 1.0)) == pytest.approx(-3.01, abs=0.05)


def test_filters_and_drive_do_what_they_say() -> None:
    def gain_db(effect, hz: float) -> float:
        x = _sine(hz)
        y = effect(x, RATE_HZ)
        assert y.shape == x.shape
        half = len(x) // 2
        return 10 * float(np.log10(np.mean(y[half:] ** 2) / np.mean(x[half:] ** 2)))

    assert gain_db(effects.eq(("peak", 1000, 6)), 1000) == pytest.approx(6, abs=0.1)
    assert gain_db(effects.eq(("low", 100, -4)), 20) == pytest.approx(-4, abs=0.3)
    assert gain_db(effects.eq(("high", 5000, 3)), 15000) == pytest.approx(3, abs=0.3)
    assert gain_db(effects.lowpass(500), 500) == pytest.approx(-3, abs=0.1)
    assert gain_db(effects.highpass(500, 2), 125) == pytest.approx(-24, abs=0.5)
    driven = effects.drive(18)(_sine(440), RATE_HZ)
    spectrum = np.abs(np.fft.rfft(driven[:RATE_HZ]))
    assert spectrum[3 * 440] > 0.1 * spectrum[440]


def test_one_part_of_a_piece_can_be_heard() -> None:
    player = compose(7)[0].players[Part.DRUMS]
    if shutil.which("fluidsynth") is None or not (sound.FONT_FOLDER / player.font).exists():
        pytest.skip(f"needs fluidsynth and {player.font} (Debian: fluid-soundfont-gm)")
    piece = compose(7)[0]
    stem = sound.stem_of(piece, Part.DRUMS)
    assert len(stem) == round((len(piece.bars) * piece.bar_s + sound.TAIL_S) * RATE_HZ)
    levelled = mix.levelled({Part.DRUMS: stem}, piece.seed)[Part.DRUMS]
    assert mix.loudness_lufs(levelled) == pytest.approx(mix.LEVELS_LUFS[Part.DRUMS], abs=1.6)
