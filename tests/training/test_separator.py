from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch

from partwise.embedding.logmel import MelSettings
from partwise_lab.model.comparisons import MaskUNet, MaskUNetSettings
from partwise_lab.training.comparisons import (
    SeparatorObjective,
    SeparatorRecipe,
    weighted_mask_loss,
)
from partwise_lab.training.loop import train
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.stem_bank import StemBank
from stem_folder import write_stem_folder

RECIPE = SeparatorRecipe(
    unet=MaskUNetSettings(widths=(16, 16, 16)), mix=MixSettings(songs=2, views=2, seconds=2.0)
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return StemBank.build(write_stem_folder(tmp_path_factory.mktemp("stems")), MelSettings())


def test_masks_have_the_resolution_of_the_log_mel_whatever_its_length():
    network = MaskUNet(MaskUNetSettings(widths=(4, 8, 8))).eval()
    for frames in (8, 43, 101):
        assert network(torch.randn(2, frames, 192)).shape == (2, 5, frames, 192)


def test_masks_do_not_depend_on_the_gain():
    network = MaskUNet(MaskUNetSettings(widths=(4, 8, 8))).eval()
    log_mel = torch.randn(1, 40, 192) * 10
    with torch.no_grad():
        assert network(log_mel) == pytest.approx(network(log_mel + 17.0), abs=1e-3)


def test_right_masks_cost_less_and_loud_cells_count_more():
    shares = torch.zeros(1, 2, 1, 2)
    shares[0, 0, 0, 0] = shares[0, 1, 0, 1] = 1.0  # one cell is the first part's, one the second's
    log_mel = torch.tensor([[[0.0, -40.0]]])
    right, wrong = 4.0 * (2 * shares - 1), -4.0 * (2 * shares - 1)
    loss = [weighted_mask_loss(logits, shares, log_mel, 0.5) for logits in (right, wrong)]
    assert loss[0] < 0.01 < 7.0 < loss[1]
    quiet_wrong = torch.where(torch.arange(2) == 1, wrong, right)
    loud_wrong = torch.where(torch.arange(2) == 0, wrong, right)
    quiet, loud = (
        weighted_mask_loss(logits, shares, log_mel, 0.5) for logits in (quiet_wrong, loud_wrong)
    )
    assert quiet < 0.1 < loud
    even = weighted_mask_loss(quiet_wrong, shares, log_mel, 0.0)
    assert even == pytest.approx(float(weighted_mask_loss(loud_wrong, shares, log_mel, 0.0)))


def test_it_learns_masks(bank, tmp_path):
    seen = []
    objective = SeparatorObjective(bank, replace(RECIPE, warmup_steps=5))
    before = objective.loss(objective.draw(), 0.0)[0].item()
    train(objective, tmp_path, minutes=0.1, clock="core", threads=1, progress=seen.append)
    assert seen[-1].losses["masks"] < 0.9 * before
