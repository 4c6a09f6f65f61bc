"""`liftline serve`: a lab file, a folder, a log, and an end by Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

from acquire.channels import claims
from acquire.lease import lease
from drivers.clock import RealClock
from drivers.lab_file import load_lab
from drivers.network.keys import Keyring
from drivers.network.ports import place_of
from drivers.network.serving import Counter, serve

ONCE = "does another `liftline serve` run? Stop that one, or write another --folder"
"""What to do where a folder is served from already."""


def serve_until_stopped(
    lab_file: Path,
    address: str,
    folder: Path,
    *,
    seed: int,
    keyed: bool,
    say: Callable[[str], None],
) -> None:
    """Serve a lab until Ctrl-C or SIGTERM; what it says goes into `folder`/serve.log as well.

    Raises:
        LiftlineError: the lab file, the address or a key is wrong, an instrument does not open, or
            another process serves from the folder or uses an instrument.
    """
    lab, place = load_lab(lab_file), place_of(address)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        lease(folder, cure=ONCE),
        claims(lab, "`liftline serve`"),
        open(folder / "serve.log", "a", encoding="utf-8") as log,
    ):

        def tell(text: str) -> None:
            line = f"{RealClock().utc():%Y-%m-%d %H:%M:%S} UTC  {text}"
            log.write(line + "\n")
            log.flush()
            say(line)

        stop = threading.Event()
        before = {
            number: signal.signal(number, lambda number, frame: stop.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            keyring = Keyring() if keyed or not place.is_loopback else None
            serve(Counter(lab, place, folder, seed, keyring), say=tell, stop=stop)
            tell("stopped; everything was left safe")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
