"""The error of a broken contract."""

from __future__ import annotations


class ContractError(AssertionError):
    """An op block does not keep what every op block promises.

    Args:
      check: the name of the check that failed. message: what is wrong.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"[{check}] {message}")
        self.check = check
