import json
from contextlib import suppress
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.atomic import write_whole  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model import checkpoint  # noqa: E402
from partwise_lab.model.checkpoint import describe, load_checkpoint, save_checkpoint  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(4, 8, 16), blocks=1, pooled=8, pooled_fine=4)


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
    x = torch.randn(2, 64, 192)
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


@pytest.mark.parametrize("killed", ["before the network", "between the two files", "after both"])
def test_a_kill_leaves_the_old_or_the_new_pair(saved, killed, monkeypatch):
    path, _ = saved
    allowed = iter({"before the network": "", "between the two files": "1"}.get(killed, "12"))

    def write(place, content):
        if not next(allowed, None):
            raise KeyboardInterrupt
        write_whole(place, content)

    monkeypatch.setattr(checkpoint, "write_whole", write)
    wider = PartEncoder(replace(SMALL, dim=4))
    with suppress(KeyboardInterrupt):
        save_checkpoint(path, wider, MelSettings(bands=96), {"recipe": "another"})
    model, _, about = load_checkpoint(path)
    expected = ("test", 8) if killed == "before the network" else ("another", 4)
    assert (about["recipe"], model.settings.dim) == expected
    assert describe(path)["recipe"] == about["recipe"]


def test_a_description_of_before_they_named_their_network_is_read(saved):
    path, _ = saved
    record = path.with_suffix(".json")
    old = {k: v for k, v in json.loads(record.read_text()).items() if k != "network_sha256"}
    record.write_text(json.dumps(old))
    assert load_checkpoint(path)[2] == old
