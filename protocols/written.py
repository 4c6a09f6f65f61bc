"""Reading written files: YAML with line numbers, errors as `file:line: field: message`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from protocols.errors import ProtocolFileError
from protocols.units import WRITTEN, closest

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")


@dataclass(frozen=True)
class WrittenFile:
    """A YAML file as plain data, which still knows the line of each part."""

    path: Path
    text: str
    data: Any
    """dict, list, str, int, float, bool or None, nested."""
    lines: dict[tuple[str | int, ...], int]
    """Line (from 1) of each key and item, by its path from the top."""

    def validate(
        self, adapter: TypeAdapter[T], at: tuple[str | int, ...] = (), *, units: bool = True
    ) -> T:
        """Return the file's content (or the part at `at`) as checked data.

        Args:
            adapter: of what it must be.
            at: path of the part; empty for all of it.
            units: True for what a person wrote; False for SI numbers that liftline wrote itself.

        Raises:
            ProtocolFileError: one line for each mistake, each saying what to write instead.
        """
        from pydantic import ValidationError

        part = self.data
        for key in at:
            part = part[key]
        try:
            return adapter.validate_python(part, context=WRITTEN if units else None)
        except ValidationError as error:
            told = dict.fromkeys(
                self._told(details, at, adapter)
                for details in error.errors()
                if not (details["type"] == "too_short" and details["input"])  # its items are wrong
            )
            raise ProtocolFileError("\n".join(told)) from None

    def error(self, at: tuple[str | int, ...], message: str) -> ProtocolFileError:
        """Return the error that says `message` of the part at `at`."""
        field = ".".join(str(part) for part in at)
        return ProtocolFileError(
            f"{self.path}:{self._line(at)}: {field + ': ' if field else ''}{message}"
        )

    def _line(self, at: tuple[str | int, ...]) -> int:
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def _place(self, loc: Sequence[str | int], at: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Return the path of pydantic's `loc` in the file: tags of unions are not in it."""
        part = self.data
        for key in at:
            part = part[key]
        place = at
        for index, key in enumerate(loc):
            last = index == len(loc) - 1
            inside = (isinstance(part, Mapping) and key in part) or (
                isinstance(part, list) and isinstance(key, int) and key < len(part)
            )
            if inside:
                part = part[key]
            elif not (last and isinstance(part, Mapping)):
                continue
            place = (*place, key)
        return place

    def _told(
        self, details: ErrorDetails, at: tuple[str | int, ...], adapter: TypeAdapter[Any]
    ) -> str:
        place = self._place(details["loc"], at)
        kind = details["type"]
        if kind == "missing":
            message = f"is missing; add '{place[-1]}: ...'"
        elif kind == "extra_forbidden":
            known = self._known(adapter, place)
            message = f"unknown field{closest(str(place[-1]), known) or '; remove it'}"
        elif kind.startswith("union_tag"):
            asked = details.get("ctx", {})
            name = str(asked.get("discriminator", "kind")).strip("'")
            place = (*place, name)
            expected = str(asked.get("expected_tags", "")).replace("'", "")
            near = closest(str(asked.get("tag", "")), expected.split(", "))
            message = f"say which kind of step this is: {name}: {expected}{near}"
        else:
            message = details["msg"]
        return str(self.error(place, message))

    def _known(self, adapter: TypeAdapter[Any], place: tuple[str | int, ...]) -> list[str]:
        """Return the fields of the models that have some of the misspelt field's siblings."""
        schema = adapter.json_schema(mode="validation")
        siblings = self.data
        for key in place[:-1]:
            siblings = siblings[key]
        models = [schema, *schema.get("$defs", {}).values()]
        fields = [list(model.get("properties", {})) for model in models]
        related = [names for names in fields if set(siblings) & set(names)] or fields
        return [name for names in related for name in names]


def read_written(path: Path) -> WrittenFile:
    """Read a YAML (1.2) file.

    Raises:
        ProtocolFileError: it cannot be read or is not YAML; the message names file and line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolFileError(f"{path}: cannot be read: {error}") from None
    try:
        document = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = (error.problem or "is not YAML").split("\n")[0]
        raise ProtocolFileError(f"{path}:{line}: not YAML: {problem}") from None
    except YAMLError as error:
        raise ProtocolFileError(f"{path}:1: not YAML: {str(error).splitlines()[0]}") from None
    lines: dict[tuple[str | int, ...], int] = {(): 1}
    return WrittenFile(path, text, _plain(document, (), lines), lines)


def _plain(node: Any, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Any:
    """Return the node as plain data and note the line of each part in `lines`."""
    if isinstance(node, Mapping):
        positions = node.lc.data or {}  # type: ignore[attr-defined]
        for key in node:
            if key in positions:
                lines[(*at, key)] = positions[key][0] + 1
        return {key: _plain(value, (*at, key), lines) for key, value in node.items()}
    if isinstance(node, list):
        positions = node.lc.data or {}  # type: ignore[attr-defined]
        for index in range(len(node)):
            if index in positions:
                lines[(*at, index)] = positions[index][0] + 1
        return [_plain(value, (*at, index), lines) for index, value in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node
