import errno

import pytest

from partwise import PartwiseError
from partwise_lab.data.stems import resumable


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(code, tmp_path):
    with (
        pytest.raises(PartwiseError, match=r"no space left .* it goes on from here"),
        resumable(tmp_path),
    ):
        raise OSError(code, "full")


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), resumable(tmp_path):
        raise PermissionError(errno.EACCES, "no")
