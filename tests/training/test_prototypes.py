import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import Part  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402
from partwise_lab.training.prototypes import Prototypes  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402


def test_prototypes_are_the_mean_embedding_of_the_clean_stem(tmp_path):
    bank = StemBank.build(write_stem_folder(tmp_path / "stems"), MelSettings(), jobs=1)
    torch.manual_seed(0)
    model = PartEncoder(EncoderSettings(dim=8, widths=(8, 8, 16), blocks=(1, 1, 1), pooled=8))
    prototypes = Prototypes(len(bank.pieces), dim=8)
    before = prototypes.weight.detach().clone()
    prototypes.begin_with(model, bank, frames=88, device="cpu")
    assert model.training
    weight = prototypes.weight.detach()
    stem = bank.stems[Part.BASS][2]
    first = np.linspace(stem.first, stem.first + stem.frames - 88, 2).astype(np.int64)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        heard = model.eval()(bank.windows(first, 88)).embeddings[:, Part.BASS.index].float()
    expected = torch.nn.functional.normalize(heard.sum(dim=0), dim=0)
    torch.testing.assert_close(weight[Part.BASS.index, stem.piece], expected, atol=1e-2, rtol=0)
    # The last piece has no guitar: its prototype stays as it was drawn.
    absent = weight[Part.GUITAR.index, len(bank.pieces) - 1]
    torch.testing.assert_close(absent, before[Part.GUITAR.index, len(bank.pieces) - 1])
