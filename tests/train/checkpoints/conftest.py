"""The modules of this folder import each other by name, whatever pytest's import mode is."""

import sys
from pathlib import Path

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)
