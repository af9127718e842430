"""Audio files by the ending of their name: the one table of what is looked for and decoded."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import NamedTuple


class AudioType(NamedTuple):
    """container : as ``container.sniff`` calls it, '' where first bytes do not tell.

    media_type : what players and browsers call it.
    """

    container: str
    media_type: str


# Container, media type, FFmpeg's names of its readers, endings. FFmpeg recognises several hundred
# formats, some by very little, and some (playlists) open other files: only these are let through.
# Those that may be films are here too, for what is heard in them; the usual ending comes first.
_KINDS = (
    ("AAC", "audio/aac", "aac", ".aac .adts"),
    ("", "audio/ac3", "ac3", ".ac3"),
    ("", "audio/eac3", "eac3", ".eac3 .ec3"),
    ("AIFF", "audio/aiff", "aiff", ".aiff .aif .aifc"),
    ("", "audio/amr", "amr", ".amr .awb"),
    ("Monkey's Audio", "audio/x-ape", "ape", ".ape"),
    ("AU", "audio/basic", "au", ".au .snd"),
    ("", "video/x-msvideo", "avi", ".avi"),
    ("CAF", "audio/x-caf", "caf", ".caf"),
    ("", "audio/x-dsf", "dsf", ".dsf"),
    ("", "audio/x-dff", "iff", ".dff .8svx"),
    ("", "audio/x-wsd", "wsd", ".wsd"),
    ("", "audio/vnd.dts", "dts", ".dts"),
    ("", "audio/vnd.dts.hd", "dtshd", ".dtshd"),
    ("FLAC", "audio/flac", "flac", ".flac .fla"),
    ("", "video/x-flv", "flv", ".flv"),
    ("Matroska", "audio/x-matroska", "matroska,webm", ".mka .mkv"),
    ("Matroska", "audio/webm", "", ".webm .weba"),
    ("MP4", "audio/mp4", "mov,mp4,m4a,3gp,3g2,mj2", ".m4a .m4b .m4r .m4p .mp4 .m4v .f4a .f4v"),
    ("MP4", "audio/3gpp", "", ".3gp .3gpp .3ga .3g2"),
    ("", "video/quicktime", "", ".mov .qt"),  # older ones do not begin like an MP4
    ("", "audio/vnd.dolby.mlp", "truehd,mlp", ".thd .truehd .mlp"),
    ("MP3", "audio/mpeg", "mp3", ".mp3"),
    ("", "audio/mpeg", "", ".mp2 .mp1 .mpa .m2a"),
    ("", "audio/x-musepack", "mpc,mpc8", ".mpc .mp+ .mpp"),
    ("", "video/mpeg", "mpeg", ".mpg .mpeg .vob"),
    ("", "video/mp2t", "mpegts", ".ts .m2ts .mts .m2t"),
    ("Ogg", "audio/ogg", "ogg,oga,opus", ".ogg .oga .opus .spx .ogx .ogv"),
    ("", "audio/x-oma", "oma", ".oma .aa3"),
    ("", "audio/x-pn-realaudio", "rm", ".ra .rm .rmvb"),
    ("", "audio/x-shn", "shn", ".shn"),
    ("", "audio/x-tak", "tak", ".tak"),
    ("", "audio/x-tta", "tta", ".tta"),
    ("", "audio/x-voc", "voc", ".voc"),
    ("", "audio/x-vqf", "vqf", ".vqf"),
    ("W64", "audio/x-w64", "w64", ".w64"),
    ("WAV", "audio/wav", "wav", ".wav .wave .bwf .rf64 .at3"),
    ("WavPack", "audio/x-wavpack", "wv", ".wv"),
    ("WMA", "audio/x-ms-wma", "asf,asf_o", ".wma .asf .wmv"),
    ("", "audio/x-xwma", "xwma", ".xwma .xwm"),
)

TYPES: dict[str, AudioType] = {
    ending: AudioType(container, media_type)
    for container, media_type, _, endings in _KINDS
    for ending in endings.split()
}
# FFmpeg's names of what it may read.
FORMATS = ",".join(formats for _, _, formats, _ in _KINDS if formats)
USUAL_SUFFIX = {
    kind.container: suffix for suffix, kind in reversed(TYPES.items()) if kind.container
}


def type_of(path: str | os.PathLike[str]) -> AudioType | None:
    """What the name of a file promises; None for an ending that promises nothing."""
    return TYPES.get(PurePath(path).suffix.lower())


def is_audio_name(name: str) -> bool:
    """Whether a file name promises audio. ``._name`` files are macOS attributes, never audio."""
    return os.path.splitext(name)[1].lower() in TYPES and not name.startswith("._")
