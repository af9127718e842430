import numpy as np
import pytest

from partwise import PARTS, Part, PartWeights, PartwiseError


def test_the_order_of_parts_is_fixed():
    assert [str(part) for part in PARTS] == ["drums", "bass", "piano", "guitar", "other"]
    assert [part.index for part in PARTS] == [0, 1, 2, 3, 4]


def test_weights_are_read_from_text():
    weights = PartWeights.parse("drums=2, Bass")
    assert weights.wanted == (Part.DRUMS, Part.BASS)
    np.testing.assert_array_equal(weights.as_array(), np.array([2, 1, 0, 0, 0], np.float32))
    assert weights.as_array().dtype == np.float32
    assert PartWeights.parse(str(weights)) == weights


def test_uniform_and_one():
    assert PartWeights.uniform().wanted == PARTS
    assert PartWeights.one(Part.GUITAR).wanted == (Part.GUITAR,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("drumz", "unknown part 'drumz': choose from drums, bass, piano, guitar, other"),
        ("drums=-1", "the weight of drums is -1"),
        ("drums=nan", "the weight of drums is nan"),
        ("drums=loud", "is not a number: 'loud'"),
        ("drums=", "is not a number: ''"),
        ("drums=0,bass=0", "every part weight is 0"),
        ("drums,drums=2", "drums is named twice"),
        (" , ", "no part is named"),
    ],
)
def test_bad_weights_get_a_sentence(text, sentence):
    with pytest.raises(PartwiseError, match=sentence.replace("(", r"\(")):
        PartWeights.parse(text)


def test_weights_are_read_however_they_are_written():
    expected = PartWeights.parse("drums=2,bass")
    assert PartWeights.parse({"drums": 2, Part.BASS: 1}) == expected
    assert PartWeights.parse({" Drums ": "2", "bass": 1.0}) == expected
    assert PartWeights.parse(expected) is expected


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"drumz": 1}, "unknown part 'drumz'"),
        ({"drums": "loud"}, "the weight of drums in .* is not a number: 'loud'"),
        ({"drums": None}, "is not a number: None"),
        ({"drums": 10**400}, "is not a number"),
        ({"drums": -1}, "the weight of drums is -1"),
        ({"drums": 1, "DRUMS": 2}, "drums is named twice"),
        ({}, "no part is named"),
        (["drums"], "part weights are text .* not list"),
    ],
)
def test_bad_mappings_get_a_sentence(asked, sentence):
    with pytest.raises(PartwiseError, match=sentence):
        PartWeights.parse(asked)
