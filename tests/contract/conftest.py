"""The modules of this folder import each other by name, whatever pytest's import mode is, and the references of other folders."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "train" / "contrib_opt", HERE.parent / "train" / "modern"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
