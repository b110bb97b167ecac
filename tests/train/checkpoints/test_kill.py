"""A process that is killed while it trains and saves loses nothing that was safe."""

from pathlib import Path

import kill_training


def test_training_survives_being_killed(tmp_path: Path) -> None:
    assert kill_training.prove(str(tmp_path), 6) >= kill_training.STEPS_AT_THE_END
