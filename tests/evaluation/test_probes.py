import json
from dataclasses import replace

import numpy as np
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure import musical_facts, probes
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.pseudo_knn import PseudoMix
from partwise_lab.measure.stem_reader import StemReader
from stem_folder import RATE_HZ, write_stem_folder

pytest.importorskip("sklearn")


def embed(samples):
    """Loudness of a few bands, in every subspace."""
    spectrum = np.log(np.abs(np.fft.rfft(samples, axis=1)) + 1e-3)[:, :1600]
    bands = spectrum.reshape(len(samples), 16, 100).max(axis=2)
    return np.repeat(bands[:, None], 5, axis=1), np.ones((len(samples), 5))


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("data"), pieces=12, seconds=2.0)
    pieces = find_pieces(folder)
    return Trial(pieces, StemReader(pieces, RATE_HZ), embed)


def test_report_of_pieces_without_metadata(trial, monkeypatch):
    monkeypatch.setattr(musical_facts, "piece_scale", lambda reader, index: index % 3)
    seen = []
    watched = replace(trial, progress=lambda *at: seen.append(at))
    report = probes.probes(watched, segment_s=1.0, shuffles=2)
    json.dumps(report, allow_nan=False)
    assert seen[-1] == (59, 59)  # one piece has no guitar
    assert report["segments"] == 2 * 59
    measured = {(e["part"], e["fact"]) for e in report["probes"]}
    pitched = PARTS[1:]
    assert measured == {(p, fact) for p in PARTS for fact in ("loudness", "brightness")} | {
        (p, fact) for p in pitched for fact in ("scale", "fifths")
    }
    assert report["not_measured"]["drums scale"] == "drums have no key"
    assert "one instrument is told of 0 of its pieces" in report["not_measured"]["bass instrument"]
    assert report["not_measured"]["bass tempo"] == (
        "it is told of 0 of its pieces: a probe needs 10"
    )
    scales = {(e["part"], e["subspace"]): e for e in report["probes"] if e["fact"] == "scale"}
    assert scales["bass", "drums"]["classes"] == {"C": 4, "D": 4, "Db": 4}
    assert scales["guitar", "drums"]["classes"] == {"C": 4, "Db": 4}  # D is of three pieces only
    score = scales["bass", "drums"]["score"]
    assert report["tables"]["scale"][Part.BASS.index][Part.DRUMS.index] == score
    assert report["words"][0].startswith("'Similar drums' answers ")


def test_every_part_of_a_mix_is_measured(trial):
    mix = PseudoMix(Part.BASS, 0, {Part.BASS: 3, Part.DRUMS: 5})
    heard = probes.hear_stems(trial, [mix], 1.0)
    assert heard.source.tolist() == [[5, 3, -1, -1, -1]] * 2
    more = probes.hear_stems(replace(trial, threads=2), [mix] * 5, 1.0)
    np.testing.assert_array_equal(more.embeddings, np.tile(heard.embeddings, (5, 1, 1)))
    assert (heard.brightness[:, 0] > heard.brightness[:, 1]).all()
    assert (heard.loudness_db[:, :2] < 0).all() and (heard.loudness_db[:, 2:] == 0).all()


def test_what_may_sound_unnamed_is_not_asked_for(trial):
    pieces = list(trial.pieces)
    pieces[5] = replace(pieces[5], unknown=frozenset({Part.BASS}))
    mix = PseudoMix(Part.DRUMS, 0, {Part.BASS: 3, Part.DRUMS: 5})
    heard = probes.hear_stems(replace(trial, pieces=pieces), [mix], 1.0)
    assert heard.source.tolist() == [[5, -1, -1, -1, -1]] * 2


def test_pieces_shorter_than_a_segment(trial):
    with pytest.raises(PartwiseError, match="no stem sounds for a segment of 10 s"):
        probes.probes(trial)


def entry(part, fact, subspace, score, low, chance=0.0, chance_high=0.05):
    measure = probes.FACTS[fact][0].name
    return {
        "part": part,
        "fact": fact,
        "subspace": subspace,
        "measure": measure,
        "score": score,
        "low": low,
        "chance": chance,
        "chance_high": chance_high,
    }


def test_sentences_follow_from_the_numbers():
    report = {
        "probes": [
            entry("drums", "instrument", "drums", 0.61, 0.5, 0.2, 0.3),
            entry("drums", "instrument", "bass", 0.35, 0.31, 0.2, 0.3),
            entry("drums", "instrument", "other", 0.35, 0.29, 0.2, 0.3),
            entry("drums", "brightness", "drums", 0.7, 0.6),
            entry("drums", "tempo", "drums", 0.05, 0.01),
            entry("drums", "loudness", "drums", 0.3, 0.01),
            entry("bass", "loudness", "bass", 0.3, 0.1),
        ]
    }
    drums, bass, kit, thresholds = probes.in_words(report)
    assert drums == (
        "'Similar drums' answers clearly to the kit (61%, chance 20%) and brightness (R2 0.70), "
        "perhaps to loudness (R2 0.30), hardly to the tempo (R2 0.05)."
    )
    assert bass == "'Similar bass' answers somewhat to loudness (R2 0.30)."
    assert kit == (
        "The kit is read in 'drums' (61%, chance 20%), and at least somewhat in 'bass' (35%) too."
    )
    assert "40%" in thresholds and "10%" in thresholds
