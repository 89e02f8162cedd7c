"""The engine: everything but the console."""

import os

# onnxruntime's Linux wheels report to their maker unless told before the library is loaded; nothing leaves this
# host that its administrator did not configure.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
