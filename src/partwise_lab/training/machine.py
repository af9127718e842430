"""What a run does with its machines: half precision, and several processes under ``torchrun``.

Distributed data parallel in as few lines as it takes: every process draws batches of its own and
compares embeddings inside them; after each backward pass the gradients are averaged. Without
torchrun every function of it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import torch
from torch import distributed, nn

_Result = TypeVar("_Result")


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


def device_name(device: str) -> str:
    """What a checkpoint says of where it was trained."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def start(device: str) -> str:
    """Join the group if ``torchrun`` started this process; returns the device to use.

    Each process takes the GPU of its local rank; CPUs talk over gloo.
    """
    if "WORLD_SIZE" not in os.environ or distributed.is_initialized():
        return device
    on_gpu = device.startswith("cuda")
    if on_gpu:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    return device


def stop() -> None:
    """Leave the group."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    """This process's number; 0 writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def first_alone(work: Callable[[], _Result]) -> _Result:
    """Let the first process do what the others then find done; all return its result."""
    if rank() == 0:
        result = work()
        largest(0.0)
        return result
    largest(0.0)
    return work()


def largest(value: float) -> float:
    """The largest of all processes' values, so that all see the same clock."""
    if world() == 1:
        return value
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    values = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.all_reduce(values, op=distributed.ReduceOp.MAX)
    return float(values.item())


def share(learner: nn.Module) -> Callable[[], None]:
    """Give every process the first one's weights; returns what averages the gradients."""
    if world() == 1:
        return lambda: None
    with torch.no_grad():
        for tensor in learner.state_dict().values():
            distributed.broadcast(tensor, 0)

    def synchronise() -> None:
        for parameter in learner.parameters():
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= world()

    return synchronise
