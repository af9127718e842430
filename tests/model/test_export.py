import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from partwise import PartwiseError, load_encoder  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model import export  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(4, 8, 16), blocks=1, pooled=8, pooled_fine=4)
ABOUT = {"presence_threshold": [0.5] * 5, "recipe": "test"}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = PartEncoder(SMALL)
    for _ in range(3):  # give the normalisation layers statistics that matter
        model(torch.randn(8, 64, 192) * 20 - 30)
    return model.eval()


def test_onnx_and_torch_agree_on_sound(model, tmp_path):
    path = tmp_path / "model.onnx"
    assert export.export_onnx(model, MelSettings(), path, ABOUT) <= 1e-4
    session = onnxruntime.InferenceSession(str(path))
    rng = np.random.default_rng(3)
    for batch, frames in ((1, 431), (5, 99)):
        x = (rng.standard_normal((batch, frames, 192)) * 10 - 20).astype(np.float32)
        embeddings, presence = session.run(None, {"log_mel": x})
        with torch.no_grad():
            encoded = model(torch.from_numpy(x))
        np.testing.assert_allclose(embeddings, encoded.embeddings, atol=1e-4)
        np.testing.assert_allclose(presence, torch.sigmoid(encoded.presence_logits), atol=1e-4)


def test_the_json_beside_it_describes_it(model, tmp_path):
    path = tmp_path / "model.onnx"
    export.export_onnx(model, MelSettings(), path, ABOUT)
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["dim"] == 8
    assert description["parts"] == ["drums", "bass", "piano", "guitar", "other"]
    assert description["mel"]["bands"] == 192
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["model.json", "model.onnx"]


def test_a_deviation_is_refused_and_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(PartwiseError, match="differ by"):
        export.export_onnx(model, MelSettings(), tmp_path / "model.onnx", ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_a_network_beside_the_description_of_another_is_refused(model, tmp_path):
    path, other = tmp_path / "model.onnx", tmp_path / "other.onnx"
    export.export_onnx(model, MelSettings(), path, ABOUT)
    export.export_onnx(PartEncoder(SMALL).eval(), MelSettings(), other, ABOUT)
    assert load_encoder(path).config.recipe == "test"
    other.replace(path)  # a writer was killed before it came to the JSON
    with pytest.raises(PartwiseError, match=r"model\.json describes another network than .*onnx"):
        load_encoder(path)
