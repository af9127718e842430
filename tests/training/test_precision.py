import pytest

pytest.importorskip("torch")

import torch

from partwise_lab.training import precision


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
    precision._cpu_has_bfloat16.cache_clear()
    try:
        with precision.autocast("cpu"):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if half else torch.float32)
    finally:
        precision._cpu_has_bfloat16.cache_clear()
