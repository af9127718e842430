import subprocess

from accelerator import kit


def test_what_travels_is_tracked_and_new_files_and_the_kit(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n.accelerator/\n")
    (tmp_path / "tracked.py").write_bytes(b"x" * 100)
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    (tmp_path / "new.py").write_bytes(b"x" * 20)
    (tmp_path / "ignored.log").write_bytes(b"x" * 5000)
    (tmp_path / ".accelerator" / "wheels").mkdir(parents=True)
    (tmp_path / ".accelerator" / "wheels" / "a.whl").write_bytes(b"x" * 300)
    ignore = (tmp_path / ".gitignore").stat().st_size

    found = kit.rows(tmp_path, tmp_path / ".accelerator")
    assert [(row.what, row.bytes) for row in found] == [
        ("code", 120 + ignore),
        (".accelerator/wheels", 300),
    ]
    total = 420 + ignore
    assert kit.fits(found, total)
    assert not kit.fits(found, total - 1)


def test_the_table_says_what_is_left_or_too_much():
    found = [kit.Row("code", 13_000_000), kit.Row("midi", 2_500_000)]
    assert kit.table(found, 20_000_000).splitlines()[-1] == "4.50 MB are left over"
    assert kit.table(found, 15_000_000).splitlines()[-1] == "0.50 MB too much"


def test_the_limit_is_64_mebibytes():
    assert kit.MOST_BYTES == 67_108_864
