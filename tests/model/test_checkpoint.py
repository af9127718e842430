import json

import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(4, 8, 16), blocks=(1, 1, 1), pooled=8)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = PartEncoder(SMALL).eval()
    path = tmp_path / "run" / "last.safetensors"
    save_checkpoint(path, model, MelSettings(), {"recipe": "test"})
    return path, model


def test_what_was_saved_is_what_is_loaded(saved):
    path, model = saved
    loaded, mel, about = load_checkpoint(path)
    assert loaded.settings == SMALL
    assert mel == MelSettings()
    assert about["recipe"] == "test"
    x = torch.randn(2, 64, 96)
    torch.testing.assert_close(loaded(x).embeddings, model(x).embeddings)


def test_other_parts_are_refused_with_both_values(saved):
    path, _ = saved
    record = path.with_suffix(".json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"parts": ["drums", "vocals"]}))
    with pytest.raises(PartwiseError, match=r"'vocals'.*'guitar'"):
        load_checkpoint(path)


def test_another_format_is_refused(saved):
    path, _ = saved
    record = path.with_suffix(".json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 99}))
    with pytest.raises(PartwiseError, match="format 99"):
        load_checkpoint(path)


def test_broken_and_missing_files_get_a_sentence(saved, tmp_path):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PartwiseError, match=r"last\.safetensors cannot be read"):
        load_checkpoint(path)
    with pytest.raises(PartwiseError, match="does not exist"):
        load_checkpoint(tmp_path / "none.safetensors")
