from pathlib import Path

import pytest

from partwise import PartwiseError
from partwise_lab.synthesis.soundfont import family_of, read_soundfont

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")


def test_what_is_not_a_soundfont_gets_a_sentence(tmp_path):
    path = tmp_path / "x.sf2"
    path.write_bytes(b"RIFF0000sfbkLIST")
    with pytest.raises(PartwiseError, match=r"x\.sf2 is not a SoundFont"):
        read_soundfont(path)
    with pytest.raises(PartwiseError, match="does not exist"):
        read_soundfont(tmp_path / "none.sf2")


def test_fonts_that_share_samples_are_one_family():
    assert family_of(Path("FluidR3Mono_GM.sf3")) == family_of(Path("MuseScore_General_Lite.sf3"))
    assert family_of(Path("The Black Pearl 1.0")) == family_of(Path("Red_Zeppelin_4_LV2.sf2"))
    assert family_of(Path("My Own (2).sf2")) == "my-own-2"


@pytest.mark.skipif(not FONT.exists(), reason="needs timgm6mb-soundfont")
def test_soundfont_presets_are_listed():
    font = read_soundfont(FONT)
    assert font.family == "timgm"
    assert len(font.melodic) == 128
    assert 0 in font.kits
    assert not font.drums_only
