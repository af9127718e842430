import pytest

from listeners import COLUMNS, DUMMY, answer, write_answers
from partwise import Part, PartwiseError
from partwise_lab.measure.abx.answers import Kind, Vote, read_answers, triplets

BASS = ("set2/1/bass/X_2086-27.wav", "set2/1/bass/A_1954-46.wav", "set2/1/bass/B_2037-38.wav")
REST = ("set2/0/residuals/X_1-3.wav", "set2/0/residuals/C_9-4.wav", "set2/0/residuals/Y_1-8.wav")
MIX = ("set0/0/mix/X_5-0.wav", "set0/0/mix/A_6-0.wav", "set0/0/mix/B_7-0.wav")


def test_a_row_is_told_apart(tmp_path):
    rows = [
        answer(BASS, "B-", timbre="A+"),
        answer(REST, "B+", rhythm="N/A"),
        answer(MIX, "A-"),
        DUMMY,
    ]
    read = read_answers(write_answers(tmp_path / "answers.csv", rows))
    bass, rest, mix, dummy = read.answers
    assert (bass.part, rest.part, mix.part) == (Part.BASS, Part.OTHER, None)
    assert [a.kind for a in read.answers] == [Kind.XAB, Kind.XYC, Kind.XAB, Kind.DUMMY]
    assert bass.votes == {"overall": Vote(False, False), "timbre": Vote(True, True)}
    assert rest.votes == {"overall": Vote(False, True)}
    assert (bass.reference.piece, bass.reference.segment) == ("2086", 27)
    assert (read.rows, read.malformed, read.dummies()) == (4, {}, (1, 1))
    first, second, _ = triplets(read.answers)
    assert first.clips == (bass.reference, bass.a, bass.b)
    # Y comes before C, whichever was played first, and the votes turn with them.
    assert second.clips == (rest.reference, rest.b, rest.a)
    assert second.counts("overall") == (1, 1)
    assert dummy.kind is Kind.DUMMY


def test_votes_are_counted_by_question(tmp_path):
    swapped = (BASS[0], BASS[2], BASS[1])
    rows = [
        answer(BASS, "A+", "1"),
        answer(swapped, "A-", "2"),
        answer(BASS, "A-", "3", timbre="B+"),
        answer(BASS, "B+", "1", experiment="ex2"),
    ]
    read = read_answers(write_answers(tmp_path / "answers.csv", rows))
    one, two = triplets(read.answers)
    assert one.counts("overall") == (2, 3)
    assert one.counts("overall", sure=True) == (1, 1)
    assert one.counts("timbre") == (0, 1)
    assert one.counts("melody") == (0, 0)
    assert two.counts("overall") == (0, 1)
    (pooled,) = triplets(read.answers, pooled=True)
    assert pooled.counts("overall") == (2, 4)
    assert read.listeners == 4


def test_malformed_rows_are_counted_with_reasons(tmp_path):
    rows = [
        answer(BASS, "A+"),
        answer(BASS, "A+"),  # the same listener again
        answer(BASS, "C", "2"),
        answer(BASS, "NA", "3"),
        answer((BASS[0], MIX[1], BASS[2]), "A+", "4"),
        answer((BASS[0].replace("bass", "kazoo"), *BASS[1:]), "A+", "5"),
        answer(("bass.wav", *BASS[1:]), "A+", "6"),
        answer((BASS[0], BASS[1], BASS[2].replace("B_", "Y_")), "A+", "7"),
        answer((REST[0], REST[1], REST[2].replace("Y_1-", "Y_2-")), "A+", "8"),
        answer(("", *BASS[1:]), "A+", "9"),
        answer(BASS, "A+", "10", timbre="++"),
    ]
    read = read_answers(write_answers(tmp_path / "answers.csv", rows))
    assert len(read.answers) == 1
    assert read.rows == 11
    assert read.malformed == {
        "the listener has answered this question before": 1,
        "answer_total is not A+, A-, B+, B- or NA": 1,
        "answer_total says nothing": 1,
        "its clips are of different parts": 1,
        "a clip is of the unknown part 'kazoo'": 1,
        "a clip is not named set/sample/part/ROLE_SONG-SEGMENT.wav": 1,
        "the roles of its clips are neither X, A, B nor X, Y, C": 1,
        "Y is not of X's song, or C is": 1,
        "a clip or the subject is not named": 1,
        "answer_timbre is not A+, A-, B+, B- or NA": 1,
    }


def test_files_that_repeat_another_one_are_left_out(tmp_path):
    csvs = tmp_path / "csvs"
    csvs.mkdir()
    write_answers(csvs / "all.csv", [answer(BASS, "A+"), answer(REST, "A+"), DUMMY, DUMMY])
    write_answers(csvs / "all_XAB.csv", [answer(BASS, "A+")])
    write_answers(csvs / "all_XYC.csv", [answer(REST, "A+")])
    assert read_answers(tmp_path).rows == 4
    (csvs / "all.csv").unlink()
    read = read_answers(tmp_path)
    assert (read.rows, read.malformed) == (2, {})


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(PartwiseError, match="do not exist"):
        read_answers(tmp_path / "nowhere")
    with pytest.raises(PartwiseError, match=r"no answers in .*no \.csv file"):
        read_answers(tmp_path)
    path = tmp_path / "answers.csv"
    path.write_text(",".join(name for name in COLUMNS if "m" not in name) + "\n")
    with pytest.raises(PartwiseError, match=r"lacks the columns ex_name, sample_a, sample_b"):
        read_answers(path)
    with pytest.raises(PartwiseError, match="none of the 1 answers"):
        read_answers(write_answers(path, [DUMMY]))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PartwiseError, match="cannot be read as CSV"):
        read_answers(path)
