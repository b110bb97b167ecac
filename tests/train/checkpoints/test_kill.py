"""A process that is killed while it trains and saves loses nothing that was safe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import kill_training
from kill_training import BUILDING, DELETING, HALF_WRITTEN

ROOT = Path(__file__).parents[3]
KILLS = 200


def test_training_survives_being_killed() -> None:
    # A process that has but one thread does the forking: the tests' own may have more, and so may the libraries' of linear algebra.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", kill_training.__file__, "prove", str(KILLS)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    met = json.loads(result.stdout)
    assert met["kills"] == KILLS and met["steps"] > KILLS / 4
    # The moments do fall into what is dangerous.
    assert met[HALF_WRITTEN] >= KILLS / 20 and met[DELETING] >= 2 and met[BUILDING] >= 2, met
