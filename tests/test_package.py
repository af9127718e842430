"""`import partwise` is light: heavy packages are loaded by what needs them, not before."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import partwise

HEAVY = ("torch", "onnxruntime", "lancedb", "pyarrow", "ray", "fastapi", "librosa", "matplotlib")


def _modules_after(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import partwise", "import partwise.cli", "import partwise.library.export.embeddings"],
)
def test_import_is_light(statement: str) -> None:
    loaded = _modules_after(statement)
    assert "partwise" in loaded
    assert not loaded & set(HEAVY)


def test_inference_and_library_do_not_import_torch() -> None:
    loaded = _modules_after("import partwise; partwise.load_encoder; partwise.Library")
    assert {"partwise.embedding.encoder", "partwise.library.library"} <= loaded
    assert "torch" not in loaded


def test_every_public_name_resolves() -> None:
    for name in partwise.__all__:
        assert getattr(partwise, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = partwise.no_such_name


def test_version_on_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "partwise", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"partwise {partwise.__version__}"
