import json

import pytest

from partwise import PartwiseError
from partwise_lab.data.stems import SPLITS, contents_of, split_of, write_split
from stem_folder import write_stem_folder


def write_pieces(folder, pieces):
    """A rendered folder, without its sound; pieces : name -> (title, families)."""
    for name, (title, families) in pieces.items():
        (folder / name).mkdir(parents=True)
        stems = {f"part{i}": {"family": family} for i, family in enumerate(families)}
        (folder / name / "metadata.json").write_text(json.dumps({"title": title, "stems": stems}))
    (folder / "render.json").write_text("{}")
    return folder


def test_splits_are_fixed_and_about_80_10_10():
    names = [f"title {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{i}" for i in range(3000)]
    counts = dict.fromkeys(SPLITS, 0)
    for name in names:
        counts[split_of(name)] += 1
    assert 0.75 < counts["train"] / 3000 < 0.85
    assert 0.07 < counts["test"] / 3000 < 0.13
    # Frozen: a title that changes sides would put trained pieces into the test.
    frozen = {"towntheme": "train", "battle": "train", "intro": "test", "credits": "test"}
    assert {title: split_of(title) for title in frozen} == frozen


def test_a_split_is_written_with_a_digest(tmp_path):
    pieces = {"a": ("x", ["fm", "gm"]), "a-2": ("x", ["gm"]), "b": ("y", ["fm"])}
    folder = write_pieces(tmp_path / "one", pieces)
    (folder / ".mel").mkdir()  # other tools' hidden folders are no pieces
    written = write_split(folder, "train")
    record = json.loads((folder / "split.json").read_text())
    assert record["split"] == "train"
    assert record["titles"] == ["x", "y"]
    assert record["families"] == ["fm", "gm"]
    assert record["pieces"] == {"a": "x", "a-2": "x", "b": "y"}
    assert record["digest"] == written.digest == contents_of(folder).digest
    other = write_pieces(tmp_path / "two", pieces | {"b": ("z", ["fm"])})
    assert write_split(other, None).digest != written.digest
    assert json.loads((other / "split.json").read_text())["split"] == "all"


def test_folders_of_other_layouts_have_titles_only(tmp_path):
    real = write_stem_folder(tmp_path / "real", pieces=2, seconds=1.0)
    contents = contents_of(real)
    assert len(contents.titles) == 2
    assert not contents.families


def test_bad_folders_get_a_sentence(tmp_path):
    with pytest.raises(PartwiseError, match="none does not exist"):
        contents_of(tmp_path / "none")
    (tmp_path / "render.json").touch()
    with pytest.raises(PartwiseError, match="no piece in"):
        contents_of(tmp_path)
    folder = write_pieces(tmp_path / "one", {"a": ("x", ["fm"])})
    for text in ("{", "[]", '{"title": "x"}'):
        (folder / "a" / "metadata.json").write_text(text)
        with pytest.raises(PartwiseError, match=r"metadata\.json cannot be read"):
            contents_of(folder)
