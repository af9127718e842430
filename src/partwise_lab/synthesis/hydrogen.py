"""Drum kits of the drum machine Hydrogen: a folder with drumkit.xml and a sample per layer.

Debian has 14 of them in `hydrogen-drumkits` (/usr/share/hydrogen/data/drumkits). A kit plays the
percussion channel of a General MIDI file: each key is looked for among the kit's instruments by
what their names say (or by the MIDI note written in the kit), and where a kit lacks a drum, its
nearest kin is struck instead.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
import soxr

from partwise.errors import PartwiseError
from partwise_lab.synthesis.midi import Note
from partwise_lab.synthesis.soundfont import family_of

# What an instrument's name makes it; the first pattern that is found decides, "" is not used.
_ROLES = [
    (re.compile(pattern), role)
    for pattern, role in {
        r"roll|choke|zap|fx|^sample": "",
        r"(hh|hat).*(ped|pd|foot)|(ped|foot).*(hh|hat)": "pedal hat",
        r"(hh|hat).*(semi|\bop|free|swish)|(semi|open|\bop).*(hh|hat)|\bohh\b": "open hat",
        r"\bhh|hat": "closed hat",
        r"kick|bass ?drum|thump|\bbass$": "kick",
        r"clap|snap": "clap",
        r"snare|slap|head hit": "snare",
        r"stick|rim|click": "stick",
        r"cow ?bell|agogo|\d bell": "cowbell",
        r"tom.*(lo|floor)|(lo|floor).*tom|dununba": "low tom",
        r"tom.*mid|mid.*tom": "middle tom",
        r"tom.*(hi| 1)|hi.*tom": "high tom",
        r"\btom|drum|tone|head": "middle tom",
        r"splash": "splash",
        r"china|chinese": "china",
        r"\bbell|\bcup": "ride bell",
        r"crash/ride|crash|^cymbal|- cymbal": "crash",
        r"ride": "ride",
        r"tambourine": "tambourine",
        r"shaker|maraca|cabasa": "shaker",
        r"conga|bongo": "conga",
        r"clave|wood|glass": "clave",
    }.items()
]
_ROLES.insert(0, (re.compile(r"ride[- ]crash"), "ride"))

# General MIDI key -> roles that may play it, best first.
_TOMS = ("middle tom", "low tom", "high tom", "conga")
_ROLES_OF_KEY: dict[int, tuple[str, ...]] = {
    key: roles
    for roles, keys in {
        ("kick",): (35, 36),
        ("stick", "clave", "snare"): (37,),
        ("snare", "clap"): (38, 40),
        ("clap", "snare"): (39,),
        ("low tom", *_TOMS): (41, 43),
        ("closed hat", "pedal hat", "shaker", "tambourine", "open hat", "cowbell"): (42,),
        ("pedal hat", "closed hat", "shaker", "cowbell"): (44,),
        _TOMS: (45, 47),
        ("open hat", "tambourine", "closed hat", "cowbell"): (46,),
        ("high tom", *_TOMS): (48, 50),
        ("crash", "splash", "ride", "open hat"): (49, 57),
        ("ride", "ride bell", "crash", "closed hat", "shaker", "cowbell"): (51, 59),
        ("china", "crash", "ride"): (52,),
        ("ride bell", "ride", "cowbell"): (53,),
        ("tambourine", "shaker", "pedal hat"): (54,),
        ("splash", "crash"): (55,),
        ("cowbell", "ride bell", "clave"): (56,),
        ("conga", "high tom"): (60, 62, 63),
        ("conga", "middle tom"): (61,),
        ("conga", "low tom"): (64,),
        ("high tom", "conga"): (65,),
        ("low tom", "conga"): (66,),
        ("cowbell",): (67, 68),
        ("shaker", "closed hat"): (69, 70, 82),
        ("clave", "stick"): (75, 76, 77),
    }.items()
    for key in keys
}
_HATS_CLOSING = (42, 44)  # these keys silence an open hat
_OPEN_HAT = 46
_CHOKE_S = 0.03


@dataclass(frozen=True)
class Layer:
    """A sample for velocities from `low` to `high` (0..1), played `semitones` higher."""

    path: Path
    low: float
    high: float
    gain: float
    semitones: float


@dataclass(frozen=True)
class DrumKit:
    """A kit: the layers of each instrument that plays a role (`snare`, `closed hat`, ...)."""

    plays_drums: ClassVar[bool] = True
    drums_only: ClassVar[bool] = True

    path: Path
    family: str
    instruments: dict[str, tuple[tuple[Layer, ...], ...]]

    def layers_for(self, key: int, variant: int) -> tuple[Layer, ...]:
        """The layers that play a General MIDI key; where several could, `variant` chooses."""
        for role in _ROLES_OF_KEY.get(key, ()):
            if choices := self.instruments.get(role):
                return choices[variant % len(choices)]
        return ()


def read_drumkit(folder: str | Path) -> DrumKit:
    """Read a kit's drumkit.xml; samples are read when they are played.

    Raises PartwiseError when the folder holds no kit, or none with a kick and a snare.
    """
    folder = Path(folder)
    record = folder / "drumkit.xml"
    try:
        root = ElementTree.parse(record).getroot()
    except FileNotFoundError:
        raise PartwiseError(f"{folder} is not a drum kit: it has no drumkit.xml") from None
    except (OSError, ElementTree.ParseError) as error:
        raise PartwiseError(f"{record} cannot be read: {error}") from None
    found: dict[str, list[tuple[Layer, ...]]] = {}
    for element in root.iter():
        if _tag(element) == "instrument":
            role = _role(element)
            layers = tuple(layer for layer in _layers(element, folder) if layer.path.exists())
            if role and layers:
                found.setdefault(role, []).append(layers)
    if missing := [role for role in ("kick", "snare") if role not in found]:
        raise PartwiseError(f"drum kit {folder} has no {' and no '.join(missing)} with a sample")
    family = family_of(folder)
    return DrumKit(
        path=folder,
        family=family if family == "avl" else "hydrogen",  # one kit shares AVL's samples
        instruments={role: tuple(choices) for role, choices in found.items()},
    )


def read_drumkits(folder: str | Path) -> list[DrumKit]:
    """The kit in a folder, or every usable kit in the folders below it.

    Raises PartwiseError when there is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PartwiseError(f"drum kit folder {folder} does not exist")
    below = sorted(record.parent for record in folder.glob("*/drumkit.xml"))
    if (folder / "drumkit.xml").exists() or not below:
        return [read_drumkit(folder)]
    kits = []
    for place in below:
        with suppress(PartwiseError):
            kits.append(read_drumkit(place))
    if not kits:
        raise PartwiseError(f"no drum kit below {folder} has a kick and a snare with a sample")
    return kits


def play_kit(
    kit: DrumKit,
    notes: Sequence[tuple[float, Note, int]],
    seconds: float,
    sample_rate_hz: int,
    *,
    variant: int = 0,
    tuning_cents: float = 0.0,
) -> np.ndarray:
    """float32 [samples], mono: the kit plays `notes`, each as (start_s, note, velocity).

    Samples ring out, but a closed or pedal hat silences an open one.
    Raises PartwiseError when a sample cannot be read.
    """
    out = np.zeros(round(seconds * sample_rate_hz), dtype=np.float32)
    samples: dict[Layer, np.ndarray] = {}
    order = sorted(notes, key=lambda played: played[0])
    closings_s = np.array([start_s for start_s, note, _ in order if note.key in _HATS_CLOSING])
    for start_s, note, velocity in order:
        loudness = velocity / 127
        layers = kit.layers_for(note.key, variant)
        if not layers:
            continue
        layer = min(layers, key=lambda one: max(one.low - loudness, loudness - one.high, 0.0))
        if layer not in samples:
            samples[layer] = _read_layer(layer, sample_rate_hz, tuning_cents)
        sound = samples[layer] * np.float32(layer.gain * loudness)
        if note.key == _OPEN_HAT:
            later = closings_s[closings_s > start_s]
            if len(later):
                sound = _cut(sound, later[0] - start_s, sample_rate_hz)
        start = round(start_s * sample_rate_hz)
        stop = min(len(out), start + len(sound))
        out[start:stop] += sound[: max(0, stop - start)]
    return out


def _cut(sound: np.ndarray, after_s: float, sample_rate_hz: int) -> np.ndarray:
    """The sound, silenced after `after_s` by a short fade."""
    stop, fade = round(after_s * sample_rate_hz), round(_CHOKE_S * sample_rate_hz)
    sound = sound[: stop + fade].copy()
    tail = sound[stop:]
    tail *= np.linspace(1, 0, fade, dtype=np.float32)[: len(tail)]
    return sound


def _read_layer(layer: Layer, sample_rate_hz: int, tuning_cents: float) -> np.ndarray:
    try:
        stereo, rate_hz = soundfile.read(layer.path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise PartwiseError(f"drum sample {layer.path} cannot be read: {error}") from None
    higher = 2 ** ((layer.semitones + tuning_cents / 100) / 12)
    return soxr.resample(stereo.mean(axis=1), rate_hz * higher, sample_rate_hz, quality="MQ")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]  # newer kits have a namespace


def _fields(element: ElementTree.Element) -> dict[str, str]:
    return {_tag(child): (child.text or "").strip() for child in element}


def _number(fields: dict[str, str], name: str, otherwise: float) -> float:
    try:
        return float(fields.get(name, otherwise))
    except ValueError:
        return otherwise


def _role(instrument: ElementTree.Element) -> str:
    """The role that an instrument's name, else its MIDI note, stands for; "" for none."""
    fields = _fields(instrument)
    name = fields.get("name", "").lower()
    for pattern, role in _ROLES:
        if pattern.search(name):
            return role
    key = int(_number(fields, "midiOutNote", -1))
    # 60 is what Hydrogen writes when nobody chose a note.
    return _ROLES_OF_KEY[key][0] if key in _ROLES_OF_KEY and key != 60 else ""


def _layers(instrument: ElementTree.Element, folder: Path) -> list[Layer]:
    fields = _fields(instrument)
    gain = _number(fields, "volume", 1.0) * _number(fields, "gain", 1.0)
    layers = [_fields(element) for element in instrument.iter() if _tag(element) == "layer"]
    if not layers and fields.get("filename"):  # the oldest kits: one sample, no layer
        layers = [{"filename": fields["filename"]}]
    return [
        Layer(
            path=folder / layer.get("filename", ""),
            low=_number(layer, "min", 0.0),
            high=_number(layer, "max", 1.0),
            gain=gain * _number(layer, "gain", 1.0),
            semitones=_number(layer, "pitch", 0.0),
        )
        for layer in layers
        if layer.get("filename")
    ]
