"""Keys of the network: this computer's own, and those of others that it lets in (CURVE).

A key has a public half, which is given to others, and a secret one, which never leaves its file.
Files are those of pyzmq's certificates. A folder holds

    NAME.key, NAME.key_secret     keys of this computer
    authorised/NAME.key           public keys that may use what it serves
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from drivers.errors import InputError

SERVER = "server"
"""Name of the key with which a lab is served."""
Z85 = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True)
class Key:
    """A key of this computer."""

    public: str
    secret: str


def keys_folder() -> Path:
    """Return the folder of this user's keys."""
    import platformdirs

    return Path(platformdirs.user_config_dir("liftline")) / "keys"


class Keyring:
    """The keys in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use the keys in `folder`; None for this user's."""
        self.folder = folder or keys_folder()
        self._others = self.folder / "authorised"
        self._seen: tuple[int, int] | None = None
        self._known: Mapping[str, str] = {}

    def make(self, name: str) -> str:
        """Make a key, its secret half readable by this user only; return its public half.

        Raises:
            InputError: there is one of that name, or the folder cannot be written.
        """
        _check_name(name)
        public, secret = (half.decode() for half in zmq.curve_keypair())
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(self.folder / f"{name}.key_secret", _certificate(public, secret), 0o600)
            _write_new(self.folder / f"{name}.key", _certificate(public), 0o644)
        except FileExistsError:
            raise InputError(
                f"there is a key {name!r} in {self.folder} already; choose another name, or delete "
                f"{name}.key and {name}.key_secret there"
            ) from None
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written: {error}") from None
        return public

    def own(self) -> dict[str, str]:
        """Return the public halves of this computer's keys by name."""
        return _publics(self.folder)

    def key(self, name: str) -> Key:
        """Return a key of this computer by its name.

        Raises:
            InputError: there is none, or others can read its secret half.
        """
        path = self.folder / f"{name}.key_secret"
        if not path.is_file():
            raise InputError(
                f"there is no key {name!r} in {self.folder}; make it: liftline keys make {name}"
            )
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(f"others can read the secret key {path}; say: chmod 600 {path}")
        try:
            public, secret = zmq.auth.load_certificate(path)
        except (ValueError, OSError) as error:
            raise InputError(f"{path} is not a key: {error}") from None
        if secret is None:
            raise InputError(f"{path} holds no secret half; make a new key")
        return Key(public.decode(), secret.decode())

    def authorise(self, name: str, public: str) -> None:
        """Let the key `public` use what this computer serves.

        Raises:
            InputError: it is no public key, or there is another one of that name.
        """
        _check_name(name)
        if not Z85.fullmatch(public):
            raise InputError(
                f"{public!r} is not a public key: 40 characters, as liftline keys list shows them"
            )
        self._others.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _write_new(self._others / f"{name}.key", _certificate(public), 0o600)
        except FileExistsError:
            raise InputError(
                f"a key of {name!r} is authorised already; say first: liftline keys revoke {name}"
            ) from None

    def revoke(self, name: str) -> None:
        """Let a key in no more; who is connected with it is cut off within a second or two.

        Raises:
            InputError: none of that name is authorised.
        """
        path = self._others / f"{name}.key"
        if not path.is_file():
            known = ", ".join(sorted(self.authorised().values())) or "none"
            raise InputError(f"no key of {name!r} is authorised; authorised: {known}")
        path.unlink()

    def authorised(self) -> Mapping[str, str]:
        """Return the names by public key of those that are let in, as the folder says now."""
        try:
            seen = self._others.stat()
        except OSError:
            return {}
        mark = (seen.st_mtime_ns, len(os.listdir(self._others)))
        if mark != self._seen:
            self._known = {public: name for name, public in _publics(self._others).items()}
            self._seen = mark
        return self._known


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
        raise InputError(f"{name!r} cannot name a key; use letters, digits and hyphens")


def _certificate(public: str, secret: str = "") -> str:
    half = f'    secret-key = "{secret}"\n' if secret else ""
    return f'metadata\ncurve\n    public-key = "{public}"\n{half}'


def _write_new(path: Path, text: str, mode: int) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)


def _publics(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.glob("*.key")):
        try:
            public, _ = zmq.auth.load_certificate(path)
        except (ValueError, OSError):  # a file that is none lets nobody in
            continue
        found[path.stem] = public.decode()
    return found
