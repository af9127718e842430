"""Waveform augmentation: what happens to sound between an instrument and a listener's file.

Everything works on float32 [batch, samples] on any device, with a parameter of its own for every
item of the batch and no loop over items. The effects are pure functions of samples and parameters;
``chain`` draws the parameters. They are drawn on the CPU, by one ``torch.Generator``, so that the
same seed means the same treatment on every device and a GPU is never waited for.
"""

from partwise_lab.training.augment.chain import augment_mix, augment_stem
from partwise_lab.training.augment.settings import AugmentSettings

__all__ = ["AugmentSettings", "augment_mix", "augment_stem"]
