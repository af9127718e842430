"""Half precision where the machine has it in hardware."""

from __future__ import annotations

from functools import cache

import torch


@cache
def _cpu_has_bfloat16() -> bool:
    """Without it PyTorch computes bfloat16 bit by bit: twelve times slower than float32."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.12
    able = tell() if tell else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def autocast(device: str) -> torch.autocast:
    """The context in which networks are trained: bfloat16 on GPUs and on CPUs that know it."""
    kind = torch.device(device).type
    enabled = kind != "cpu" or _cpu_has_bfloat16()
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled)
