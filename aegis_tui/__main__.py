"""``python -m aegis_tui`` is ``aegis-tui``."""

import sys

from aegis_tui.cli import main

sys.exit(main())
