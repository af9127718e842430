"""Distributed data parallel under ``torchrun``, in as few lines as it takes.

Every process draws batches of its own and compares embeddings inside them; after each backward pass
the gradients are averaged. Without torchrun every function here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import distributed, nn

_Result = TypeVar("_Result")


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
    values = torch.tensor([value], dtype=torch.float64, device=_device())
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


def _device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"
