"""A headless Chromium that tests drive through chromedriver's WebDriver protocol, with nothing but the standard library.

`found()` says whether both are installed; `Browser` opens pages, runs scripts in them, presses keys, reads the console, takes pictures.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015", "end": "\ue010", "home": "\ue011", "escape": "\ue00c"}
_PATIENCE = 60.0


def found() -> tuple[str, str] | None:
    """Return the paths of the browser and of its driver, or None where one is missing."""
    browser = next((path for name in _NAMES if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return None if browser is None or driver is None else (browser, driver)


class Browser:
    """A browser window.

    Args:
      address: where the driver listens. session: the number of its session.
    """

    def __init__(self, address: str, session: str) -> None:
        self._at = f"{address}/session/{session}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a command of the protocol and return its value."""
        return _call(method, f"{self._at}{path}", body)

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script: str, *, seconds: float = _PATIENCE, what: str = "") -> Any:
        """Run a script until it returns something true, and return that.

        Raises:
          AssertionError: when it does not, with the text of the page.
        """
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"{what or script} did not come; the page says: {self.run('return document.body.innerText')[:2000]!r}")
            time.sleep(0.1)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is: names of `KEYS`, or letters."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def point_at(self, x: int, y: int) -> None:
        """Move the mouse to a place of the window."""
        action = {"type": "pointerMove", "duration": 0, "x": x, "y": y, "origin": "viewport"}
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [action]}]})

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the mouse at a place of the window, move to another and let go."""
        move = {"type": "pointerMove", "duration": 0, "origin": "viewport"}
        actions = [
            {**move, "x": start[0], "y": start[1]},
            {"type": "pointerDown", "button": 0},
            {**move, "x": end[0], "y": end[1]},
            {"type": "pointerUp", "button": 0},
        ]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def console(self, *levels: str) -> list[str]:
        """Return what the console says since the last call: errors and warnings, or the levels that are given."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in (levels or ("SEVERE", "WARNING"))]

    def resize(self, width: int, height: int) -> None:
        """Make the window so large."""
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))


def _call(method: str, url: str, body: Any = None) -> Any:
    content = None if method == "GET" else json.dumps(body or {}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    # Never through a proxy: the driver is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_PATIENCE) as answer:
        return json.load(answer)["value"]


def wait_until(is_ready: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """Call a function until it returns something true; connections that are refused count as not yet.

    Raises:
      AssertionError: when it does not.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            value = is_ready()
        except (OSError, ValueError):
            value = None
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not start"
        time.sleep(0.05)


@contextmanager
def opened(width: int = 1400, height: int = 1000) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it afterwards."""
    paths = found()
    assert paths is not None, "chromium and chromedriver are needed"
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "driver.log"
        with log.open("wb") as output:
            driver = subprocess.Popen([paths[1], "--port=0"], stdout=output, stderr=output)
        try:
            port = wait_until(lambda: _port(log), "chromedriver")
            address = f"http://127.0.0.1:{port}"
            arguments = [*_ARGUMENTS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
            options = {"binary": paths[0], "args": arguments}
            wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
            session = wait_until(lambda: _call("POST", f"{address}/session", {"capabilities": wanted}), "chromium")["sessionId"]
            browser = Browser(address, session)
            try:
                yield browser
            finally:
                browser.call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(30)


def _port(log: Path) -> str:
    """Return the port that the driver says it listens on, or nothing yet."""
    _, _, after = log.read_text(errors="replace").partition("started successfully on port ")
    return after.split(".")[0].strip()
