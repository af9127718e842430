from dataclasses import asdict, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import PARTS, Part, PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.checkpoint import save_checkpoint  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402
from partwise_lab.training.paper.teachers import (  # noqa: E402  # noqa: E402
    StemTeachers,
    TeacherRecipe,
    TeacherSettings,
    TeacherTable,
    load_teachers,
)
from partwise_lab.training.paper.triplets import SegmentGrid  # noqa: E402

RECIPE = TeacherRecipe(
    networks=TeacherSettings(bands=60, dim=4, widths=(2, 2, 4)), seconds=1.0, hop_s=0.5
)


@pytest.fixture
def teachers():
    torch.manual_seed(0)
    return StemTeachers(RECIPE.networks).eval()


def save(teachers, bank, folder, **changed):
    about = {"recipe_settings": asdict(RECIPE), "data_digest": bank.digest} | changed
    save_checkpoint(folder / "last.safetensors", teachers, bank.mel, about)


def test_each_part_has_a_network_of_its_own(teachers):
    stems = torch.randn(5, 3, 43, 60)
    before = teachers(stems)
    assert before.shape == (5, 3, 4)
    with torch.no_grad():
        teachers.networks[Part.PIANO.index][1].bias += 1.0
    moved = (teachers(stems) - before).abs().sum(dim=(1, 2)) > 0
    assert moved.tolist() == [part is Part.PIANO for part in PARTS]


def test_what_was_saved_is_what_is_loaded(teachers, bank, tmp_path):
    save(teachers, bank, tmp_path)
    loaded = load_teachers(tmp_path, RECIPE, bank)
    stems = torch.randn(5, 2, 43, 60)
    torch.testing.assert_close(loaded(stems), teachers(stems))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_teachers_of_another_run_are_refused(teachers, bank, tmp_path):
    save(teachers, bank, tmp_path / "digest", data_digest="somethingelse")
    with pytest.raises(PartwiseError, match="another data digest: somethingelse, this run has 01"):
        load_teachers(tmp_path / "digest", RECIPE, bank)
    save(teachers, bank, tmp_path)
    with pytest.raises(PartwiseError, match=r"settings \(margin\): 0.2, this run has 0.5"):
        load_teachers(tmp_path, replace(RECIPE, margin=0.5), bank)
    bank_of_other_mel = type("Bank", (), {"digest": bank.digest, "mel": MelSettings()})()
    with pytest.raises(PartwiseError, match=r"mel settings \(bands\): 60, this run has 192"):
        load_teachers(tmp_path, RECIPE, bank_of_other_mel)  # pyright: ignore


def test_what_is_no_teacher_gets_a_sentence(teachers, bank, tmp_path):
    with pytest.raises(PartwiseError, match="does not exist"):
        load_teachers(tmp_path / "none", RECIPE, bank)
    student = PartEncoder(
        EncoderSettings(dim=8, widths=(16, 16, 16), blocks=1, pooled=8, pooled_fine=4)
    )
    save_checkpoint(tmp_path / "student" / "last.safetensors", student, bank.mel, {})
    with pytest.raises(PartwiseError, match="holds a network of kind 'part', not stem teachers"):
        load_teachers(tmp_path / "student", RECIPE, bank)
    save(teachers, bank, tmp_path)
    (tmp_path / "last.safetensors").write_bytes(b"broken")
    with pytest.raises(PartwiseError, match="cannot be read"):
        load_teachers(tmp_path, RECIPE, bank)


def test_the_table_says_what_the_teachers_say(teachers, bank):
    grid = SegmentGrid.of(bank, 1.0, 0.5)
    table = TeacherTable(teachers, bank, grid)
    piece, place = np.array([[2, 7], [3, 3]]), np.array([[0, 3], [1, 2]])
    number = grid.number(piece[..., None], np.arange(5), place[..., None])  # [2, 2, parts]
    number[0, 0, Part.BASS.index] = -1
    found = table.look_up(number)
    assert found.shape == (2, 2, 5, 4)
    assert torch.all(found[0, 0, Part.BASS.index] == 0)
    window = grid.windows(bank, number[1, 0, Part.OTHER.index][None])
    expected = teachers.networks[Part.OTHER.index](window)[0]
    torch.testing.assert_close(found[1, 0, Part.OTHER.index], expected, atol=0.02, rtol=0.05)


def test_a_segment_is_heard_once(teachers, bank, monkeypatch):
    grid = SegmentGrid.of(bank, 1.0, 0.5)
    table = TeacherTable(teachers, bank, grid)
    number = grid.number(np.array([[4], [5], [4]]), np.arange(5), np.array([[1], [1], [1]]))
    first = table.look_up(number)
    torch.testing.assert_close(first[0], first[2])
    monkeypatch.setattr(table, "teachers", None)  # nobody is asked again
    torch.testing.assert_close(table.look_up(number), first)
