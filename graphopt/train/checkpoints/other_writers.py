"""Noticing that somebody else writes checkpoints where a Saver does: in this process by what is open, in others by the state file."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any

from graphopt.train.checkpoints.damage import warn
from graphopt.train.checkpoints.pending import real_folder

_RULE = "Somebody else writes checkpoints here too:"
_OTHER = "another Saver or session of this process, which is still open, writes"
_CURE = "What is written last holds. Give each a folder of its own, and close the one that is done."


@dataclass(eq=False)
class _Claim:
    """That one Saver writes one prefix and state file from one session; both may be gone meanwhile.

    Attributes:
      base: the prefix without the step. state: the state file, or None. file: the checkpoint it wrote last.
      was_overtaken: whether somebody else has written there since.
    """

    saver: weakref.ref[Any]
    session: weakref.ref[Any]
    base: str
    state: str | None
    file: str = ""
    was_overtaken: bool = False

    def is_alive(self) -> bool:
        session = self.session()
        return self.saver() is not None and session is not None and not session._closed

    def is_of(self, saver: Any, session: Any) -> bool:
        return self.saver() is saver and self.session() is session

    def meets(self, other: _Claim) -> bool:
        """Return whether the two write the same. What one Saver lists in a state file is whole, whatever sessions it saves."""
        is_same_state = self.state is not None and self.state == other.state and self.saver() is not other.saver()
        return self.base == other.base or is_same_state


class _Claims:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.known: list[_Claim] = []
        self.writers: weakref.WeakSet[OtherWriters] = weakref.WeakSet()


_claims = _Claims()

if hasattr(os, "register_at_fork"):
    # A forked process has sessions of its own, and locks that nobody holds.
    os.register_at_fork(after_in_child=_claims.__init__)  # type: ignore[misc]


class OtherWriters:
    """What one Saver knows of others who write where it does."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._told: set[str] = set()
        _claims.writers.add(self)

    def notice(self, saver: Any, session: Any, base: str, file: str, state: str | None) -> None:
        """Warn, once for each folder, when somebody else writes there what the Saver is about to write.

        Args:
          saver, session: who writes. base: the prefix without the step. file: with it. state: the path of the state file, or None.
        """
        folder = real_folder(os.path.dirname(file))
        base, file = (os.path.join(folder, os.path.basename(path)) for path in (base, file))
        shared = _claim(saver, session, base, file, state)
        if folder in self._told:
            return
        if shared is not None:
            self._told.add(folder)
            warn(f"{_RULE} {_OTHER} {shared} in the folder {folder}. {_CURE}")
        elif state is not None and self._is_foreign(state):
            self._told.add(folder)
            warn(f"{_RULE} {state} is not what this Saver wrote. The last one that writes it holds.")

    def wrote(self, state: str, text: str) -> None:
        """Remember what the Saver has written into a state file; others of this process hear of it, too."""
        self._texts[state] = text
        with _claims.lock:
            others = [writer for writer in _claims.writers if state in writer._texts]
        for writer in others:
            writer._texts[state] = text

    def _is_foreign(self, state: str) -> bool:
        known = self._texts.get(state)
        if known is None:
            return False
        try:
            with open(state, "rb") as file:
                return file.read() != known.encode("ascii")
        except OSError:  # it is gone; what else is wrong shows when it is written
            return False


def withdraw(saver: Any) -> None:
    """Forget what a Saver writes: it is done."""
    with _claims.lock:
        _claims.known = [claim for claim in _claims.known if claim.saver() is not saver]


def _claim(saver: Any, session: Any, base: str, file: str, state: str | None) -> str | None:
    """Enter what a Saver is about to write; return what somebody else who is still there writes too, or None.

    That is so when another Saver's last checkpoint has the very same file, or when others have written since this one did. One who goes on
    where another has ended, in place of it, is nobody else.
    """
    with _claims.lock:
        mine, other = _meeting(saver, session, base, file, state)
        if other is not None:
            # What only waits to be collected is not there any more.
            del other
            gc.collect()
            mine, other = _meeting(saver, session, base, file, state)
        for claim in _claims.known:
            claim.was_overtaken |= claim is not mine and claim.meets(mine)
        mine.file, mine.was_overtaken = file, False
    if other is None:
        return None
    return os.path.basename(file if other.base == base else str(state))


def _meeting(saver: Any, session: Any, base: str, file: str, state: str | None) -> tuple[_Claim, _Claim | None]:
    """Return a Saver's own claim, and the other one that it meets, or None."""
    _claims.known = known = [claim for claim in _claims.known if claim.is_alive()]
    mine = next((claim for claim in known if claim.is_of(saver, session) and (claim.base, claim.state) == (base, state)), None)
    if mine is None:
        mine = _Claim(weakref.ref(saver), weakref.ref(session), base, state)
        known.append(mine)

    def is_met(other: _Claim) -> bool:
        has_same_file = other.file == file and other.saver() is not saver
        return other is not mine and (has_same_file or (mine.was_overtaken and other.meets(mine)))

    return mine, next(filter(is_met, known), None)
