"""Half precision; two processes under torchrun, talking over gloo."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from partwise_lab.training import machine  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

WORKER = """
import hashlib, sys
from pathlib import Path
import torch
from partwise.embedding.logmel import MelSettings
from partwise_lab.model.encoder import EncoderSettings
from partwise_lab.training import loop, machine
from partwise_lab.training.factorial import FactorialObjective
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.recipes import Recipe
from partwise_lab.training.stem_bank import StemBank

data, out = Path(sys.argv[1]), Path(sys.argv[2])
machine.start("cpu")
rank = machine.rank()
encoder = EncoderSettings(dim=8, widths=(16, 16, 16), blocks=1, pooled=8, pooled_fine=4)
# Seeds differ on purpose: sharing must make the weights equal.
recipe = Recipe(encoder=encoder, mix=MixSettings(songs=4, views=3, seconds=2.0), seed=rank)
objective = FactorialObjective(StemBank.build(data, MelSettings(), jobs=1), recipe)
loop.LOG_EVERY = 2
loop.train(objective, out / "run", minutes=0.05, threads=1)
weights = b"".join(p.detach().numpy().tobytes() for p in objective.learner.parameters())
(out / f"weights{rank}").write_text(hashlib.sha256(weights).hexdigest())
(out / f"batch{rank}").write_text(str(float(objective.draw().log_mel.double().sum())))
machine.stop()
"""


def test_alone_nothing_is_distributed():
    assert machine.world() == 1
    assert machine.rank() == 0
    assert machine.largest(0.25) == 0.25
    assert machine.start("cpu") == "cpu"


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo")
def test_two_processes_learn_the_same_weights_from_different_batches(tmp_path):
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.training.stem_bank import StemBank

    data = write_stem_folder(tmp_path / "stems")
    StemBank.build(data, MelSettings(), jobs=1)
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path("src").resolve())}
    result = subprocess.run(
        [*command, str(worker), str(data), str(out)],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert (out / "weights0").read_text() == (out / "weights1").read_text()
    assert (out / "batch0").read_text() != (out / "batch1").read_text()
    with (out / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(2, 2 * len(rows) + 1, 2))
    assert int(rows[0]["segments"]) == 2 * 2 * 12  # steps x processes x mixes


@pytest.mark.parametrize(
    ("able", "half"),
    [
        ({"avx2": True}, False),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
    ],
)
def test_cpus_use_bfloat16_only_where_they_have_it(monkeypatch, able, half):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    machine._cpu_has_bfloat16.cache_clear()
    try:
        with machine.autocast("cpu"):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if half else torch.float32)
    finally:
        machine._cpu_has_bfloat16.cache_clear()
