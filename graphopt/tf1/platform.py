"""TensorFlow 1's `tf.logging`, `tf.flags` and `tf.app`, as far as training scripts use them."""
# Long because: three small modules that scripts use together.

from __future__ import annotations

import logging as std_logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from graphopt.errors import ArgumentError

# --- logging ---------------------------------------------------------------------------------------------------------------

_LOGGER = std_logging.getLogger("graphopt")
_ONCE: dict[tuple[str, int], int] = {}


def _emit(level: int, message: Any, args: tuple[Any, ...]) -> None:
    if not std_logging.getLogger().handlers and not _LOGGER.handlers:
        handler = std_logging.StreamHandler()
        handler.setFormatter(std_logging.Formatter(std_logging.BASIC_FORMAT))
        _LOGGER.addHandler(handler)
    _LOGGER.log(level, message, *args)


def _level(level: int) -> Callable[..., None]:
    def log(msg: Any, *args: Any, **kwargs: Any) -> None:
        _emit(level, msg, args)

    log.__doc__ = f"Log a message with level {std_logging.getLevelName(level)}."
    return log


def _log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Log a message with a level."""
    _emit(level, msg, args)


def _flush() -> None:
    """Do nothing: messages are written at once."""


def _set_verbosity(v: int) -> None:
    """Set the level below which messages are dropped."""
    _LOGGER.setLevel(v)


def _get_verbosity() -> int:
    """Return the level below which messages are dropped."""
    return _LOGGER.getEffectiveLevel()


def _count(message: str, level: int) -> int:
    _ONCE[message, level] = _ONCE.get((message, level), -1) + 1
    return _ONCE[message, level]


def _log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log a message at the first and then every n-th call."""
    if _count(msg, level) % n == 0:
        _emit(level, msg, args)


def _log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log a message at the first n calls."""
    if _count(msg, level) < n:
        _emit(level, msg, args)


def _log_if(level: int, msg: str, condition: bool, *args: Any) -> None:
    """Log a message when a condition holds."""
    if condition:
        _emit(level, msg, args)


logging = SimpleNamespace(
    DEBUG=std_logging.DEBUG,
    INFO=std_logging.INFO,
    WARN=std_logging.WARNING,
    WARNING=std_logging.WARNING,
    ERROR=std_logging.ERROR,
    FATAL=std_logging.FATAL,
    debug=_level(std_logging.DEBUG),
    info=_level(std_logging.INFO),
    warn=_level(std_logging.WARNING),
    warning=_level(std_logging.WARNING),
    error=_level(std_logging.ERROR),
    fatal=_level(std_logging.FATAL),
    log=_log,
    vlog=_log,
    set_verbosity=_set_verbosity,
    get_verbosity=_get_verbosity,
    log_every_n=_log_every_n,
    log_first_n=_log_first_n,
    log_if=_log_if,
    flush=_flush,
    TaskLevelStatusMessage=_level(std_logging.INFO),
)

# --- flags -----------------------------------------------------------------------------------------------------------------

_TRUE, _FALSE = ("true", "t", "1", "yes", "y"), ("false", "f", "0", "no", "n")


class _Flag:
    """One flag: its default, its text and how a value is read."""

    def __init__(self, name: str, default: Any, text: str, parse: Callable[[str], Any], is_bool: bool = False) -> None:
        self.name = name
        self.default = default
        self.text = text
        self.parse = parse
        self.is_bool = is_bool
        self.value = default
        self.present = 0


class FlagValues:
    """The values of all flags. The command line is read when a value is first asked for.

    >>> values = FlagValues()
    >>> values.define("steps", 10, "how many", int)
    >>> values(["prog", "--steps=3", "rest"]), values.steps
    (['prog', 'rest'], 3)
    """

    def __init__(self) -> None:
        object.__setattr__(self, "_flags", {})
        object.__setattr__(self, "_required", [])
        object.__setattr__(self, "_is_parsed", False)

    def require(self, name: str) -> None:
        """Make a flag one that needs a value."""
        self._required.append(name)

    def define(self, name: str, default: Any, text: str, parse: Callable[[str], Any], is_bool: bool = False) -> None:
        """Define a flag.

        Raises:
          ValueError: when there is one of that name.
        """
        if name in self._flags:
            raise ArgumentError(f"The flag '{name}' is defined twice.")
        self._flags[name] = _Flag(name, default, text, parse, is_bool)

    def __call__(self, argv: Iterable[str], known_only: bool = False) -> list[str]:
        """Read the flags of a command line; return what is left: the program's name and other arguments.

        Raises:
          ValueError: for a flag that is not defined (with `known_only` it is left) or a value that can't be read.
        """
        object.__setattr__(self, "_is_parsed", True)
        items = iter(list(argv))
        left = [next(items, "")]
        for item in items:
            if item == "--":
                left.extend(items)
            elif not self._read(item, items):
                if item.startswith("--") and not known_only:
                    raise ArgumentError(f"Unknown command line flag '{item.lstrip('-').partition('=')[0]}'")
                left.append(item)
        for name in self._required:
            if self._flags[name].value is None:
                raise ArgumentError(f"flag --{name}=None: Flag --{name} must have a value other than None.")
        return left

    def _read(self, item: str, items: Iterator[str]) -> bool:
        """Read one flag; return whether it is one."""
        if not item.startswith("-") or item.lstrip("-") == "":
            return False
        name, equals, text = item.lstrip("-").partition("=")
        flag = self._flags.get(name)
        if flag is None and name.startswith("no") and name[2:] in self._flags and self._flags[name[2:]].is_bool and not equals:
            self._set(self._flags[name[2:]], "false")
            return True
        if flag is None:
            return False
        if not equals:
            text = "true" if flag.is_bool else next(items, None)  # type: ignore[assignment]
            if text is None:
                raise ArgumentError(f"Missing value for flag --{name}")
        self._set(flag, text)
        return True

    def _set(self, flag: _Flag, text: str) -> None:
        try:
            flag.value = flag.parse(text)
        except ValueError as error:
            raise ArgumentError(f"flag --{flag.name}={text}: {error}") from None
        flag.present += 1

    def is_parsed(self) -> bool:
        """Return True when a command line has been read."""
        return bool(self._is_parsed)

    def mark_as_parsed(self) -> None:
        """Keep the defaults: the command line will not be read."""
        object.__setattr__(self, "_is_parsed", True)

    def unparse_flags(self) -> None:
        """Read the command line again when a value is next asked for."""
        object.__setattr__(self, "_is_parsed", False)

    def flag_values_dict(self) -> dict[str, Any]:
        """Return all values by name."""
        return {name: flag.value for name, flag in self._flags.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._flags:
            raise AttributeError(name)
        if not self._is_parsed:
            self(sys.argv, known_only=True)
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._flags:
            raise AttributeError(f"There is no flag '{name}'.")
        self._flags[name].value = value
        self._flags[name].present += 1

    def __getitem__(self, name: str) -> Any:
        return self._flags[name]

    def __contains__(self, name: str) -> bool:
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(self._flags)

    def __delattr__(self, name: str) -> None:
        del self._flags[name]


def _to_bool(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ArgumentError(f"Non-boolean argument to boolean flag: {text}")


FLAGS = FlagValues()
object.__setattr__(FLAGS, "__doc__", "The values of the flags that this process defined.")


def _definer(parse: Callable[[str], Any], what: str, is_bool: bool = False) -> Callable[..., None]:
    def define(name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **others: Any) -> None:
        flag_values.define(name, default, help or "", parse, is_bool)

    define.__doc__ = f"Define a flag whose value is {what}."
    return define


def _define_enum(
    name: str, default: Any, enum_values: Iterable[str], help: str | None = None, flag_values: FlagValues = FLAGS, **others: Any
) -> None:
    """Define a flag whose value is one of several strings."""
    allowed = list(enum_values)

    def parse(text: str) -> str:
        if text not in allowed:
            raise ArgumentError(f"value should be one of <{'|'.join(allowed)}>")
        return text

    flag_values.define(name, default, help or "", parse)


def _mark_flag_as_required(flag_name: str, flag_values: FlagValues = FLAGS) -> None:
    """Make a flag one that the command line must give a value."""
    flag_values.require(flag_name)


def _to_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


flags = SimpleNamespace(
    FLAGS=FLAGS,
    DEFINE_string=_definer(str, "a string"),
    DEFINE_integer=_definer(int, "an integer"),
    DEFINE_float=_definer(float, "a number"),
    DEFINE_boolean=_definer(_to_bool, "true or false", is_bool=True),
    DEFINE_bool=_definer(_to_bool, "true or false", is_bool=True),
    DEFINE_list=_definer(_to_list, "a list of strings with commas between"),
    DEFINE_enum=_define_enum,
    FlagValues=FlagValues,
    mark_flag_as_required=_mark_flag_as_required,
)

# --- app -------------------------------------------------------------------------------------------------------------------


def run(main: Callable[[list[str]], Any] | None = None, argv: list[str] | None = None) -> None:
    """Read the flags, call ``main(argv)`` with what is left of the command line, and exit with what it returns.

    Args:
      main: the function; by default `main` of the script. argv: the command line.

    Raises:
      SystemExit: at the end.
    """
    left = FLAGS(sys.argv if argv is None else argv, known_only=True)
    function = sys.modules["__main__"].main if main is None else main
    sys.exit(function(left))


app = SimpleNamespace(run=run, flags=flags)
