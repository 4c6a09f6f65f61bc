"""Specimens: layers from the free surface down, read from a file; what is at which depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Discriminator, Field, Tag, TypeAdapter, field_validator
from pydantic_core import PydanticCustomError

from protocols.errors import InputError
from protocols.model import Written
from protocols.units import Metres, closest
from protocols.written import WrittenFile, read_written
from simulators.elements import element
from simulators.materials import AVOGADRO, LIBRARY, Material, known_materials

Floats = npt.NDArray[np.float64]
Phases = Annotated[dict[str, float], Field(min_length=1)]

SPECIMENS = LIBRARY / "specimens"


class Layer(Written):
    """One layer: a mixture of phases, the same all through or graded towards its lower face."""

    name: str | None = Field(default=None, min_length=1)
    """A name for this layer."""
    thickness: Annotated[Metres, Field(gt=0)]
    """From its upper to its lower face."""
    phases: Phases
    """Volume fractions of materials; at the upper face where the layer is graded."""
    graded_to: Phases | None = None
    """Volume fractions at the lower face; linear between. Left out, the same all through."""

    @field_validator("phases", "graded_to")
    @classmethod
    def _fills_the_volume(cls, phases: dict[str, float] | None) -> dict[str, float] | None:
        fractions = list((phases or {"": 1.0}).values())
        if min(fractions) < 0 or not math.isclose(math.fsum(fractions), 1, abs_tol=1e-6):
            message = (
                f"the fractions add up to {math.fsum(fractions):g}; they are parts of the volume, "
                "none below 0, and must add up to 1"
            )
            raise PydanticCustomError("phases", "{message}", {"message": message})
        return phases


class Include(Written):
    """The layers of another specimen file."""

    include: str
    """Name of a file beside this one, without .yaml, or of a specimen of the library."""


def _kind_of_entry(entry: Any) -> str:
    included = "include" in entry if isinstance(entry, Mapping) else isinstance(entry, Include)
    return "an include" if included else "a layer"


Entry = Annotated[
    Annotated[Layer, Tag("a layer")] | Annotated[Include, Tag("an include")],
    Discriminator(_kind_of_entry),
]


class SpecimenFile(Written):
    """A specimen as a person writes it."""

    name: str
    """What it is."""
    materials: dict[str, Material] = Field(default_factory=dict)
    """Materials that are not in the table."""
    layers: Annotated[tuple[Entry, ...], Field(min_length=1)]
    """From the free surface down."""


class Specimen(Written):
    """A specimen with every include expanded and the materials that it uses.

    Depths are metres below the free surface. Above it and below the last layer is vacuum.
    """

    name: str
    """What it is."""
    materials: dict[str, Material]
    """The materials that its layers use."""
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    """From the free surface down."""

    @cached_property
    def faces(self) -> Floats:
        """Depths of the layers' faces, shape (layers + 1,): the free surface first."""
        return np.concatenate([[0.0], np.cumsum([layer.thickness for layer in self.layers])])

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The elements in it, lightest first."""
        found = {e for m in self.materials.values() for e in m.number_densities}
        return tuple(sorted(found, key=lambda symbol: element(symbol).number))

    @cached_property
    def _phase_ends(self) -> tuple[Floats, Floats]:
        """Volume fractions at upper and lower faces, each of shape (layers, materials)."""
        upper = [layer.phases for layer in self.layers]
        lower = [layer.graded_to or layer.phases for layer in self.layers]
        return self._by_material(upper), self._by_material(lower)

    def _by_material(self, mixtures: Sequence[Mapping[str, float]]) -> Floats:
        return np.array([[phases.get(m, 0.0) for m in self.materials] for phases in mixtures])

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """Atoms/m³ at the upper and the lower faces, each of shape (layers, elements)."""
        upper = [self._mixture(layer.phases) for layer in self.layers]
        lower = [self._mixture(layer.graded_to or layer.phases) for layer in self.layers]
        return np.array(upper), np.array(lower)

    def _mixture(self, phases: Mapping[str, float]) -> list[float]:
        parts = [(self.materials[name].number_densities, f) for name, f in phases.items()]
        return [math.fsum(n.get(e, 0.0) * f for n, f in parts) for e in self.elements]

    def densities(self, depths: npt.ArrayLike) -> Floats:
        """Return atoms/m³ at each depth (m), shape (*depths.shape, elements).

        A face belongs to the layer below it.
        """
        return self._between(depths, *self._ends)

    def fractions(self, depths: npt.ArrayLike) -> Floats:
        """Return volume fractions at each depth (m), shape (*depths.shape, materials).

        The materials are in the order of `materials`; a face belongs to the layer below it.
        """
        return self._between(depths, *self._phase_ends)

    def _between(self, depths: npt.ArrayLike, upper: Floats, lower: Floats) -> Floats:
        """Return what is linear between the layers' faces at each depth; nothing outside."""
        z = np.asarray(depths, float)
        index = np.clip(np.searchsorted(self.faces, z, side="right") - 1, 0, len(self.layers) - 1)
        share = (z - self.faces[index]) / np.diff(self.faces)[index]
        inside = (z >= 0) & (z <= self.faces[-1])
        mixed = upper[index] + (lower - upper)[index] * np.clip(share, 0, 1)[..., None]
        return np.where(inside[..., None], mixed, 0.0)

    def mass_density(self, depths: npt.ArrayLike) -> Floats:
        """Return kg/m³ at each depth (m), same shape."""
        weights = np.array([element(e).weight * 1e-3 / AVOGADRO for e in self.elements])
        density: Floats = self.densities(depths) @ weights
        return density

    def first_depth(self, symbol: str) -> float | None:
        """Return the depth (m) at which an element is first found; None where it is nowhere."""
        if symbol not in self.elements:
            return None
        upper, lower = (ends[:, self.elements.index(symbol)] for ends in self._ends)
        for index in range(len(self.layers)):
            if upper[index] > 0 or lower[index] > 0:
                return float(self.faces[index])
        return None

    def upper_face(self, layer: str | int) -> float:
        """Return the depth (m) of the upper face of a layer, by its name or its index from 0.

        Raises:
            InputError: there is no such layer.
        """
        names = [each.name for each in self.layers]
        if isinstance(layer, str) and layer in names:
            return float(self.faces[names.index(layer)])
        if isinstance(layer, int) and 0 <= layer < len(names):
            return float(self.faces[layer])
        known = [name for name in names if name]
        near = closest(str(layer), known) or f"; it has {len(names)}: {', '.join(known)}"
        raise InputError(f"specimen {self.name!r} has no layer {layer!r}{near}")

    def written(self) -> str:
        """Return the specimen as one file that stands alone: the specimen as used."""
        from ruamel.yaml import YAML
        from ruamel.yaml.compat import StringIO

        materials = {
            name: {**m.model_dump(), "density": f"{m.density / 1000:.12g} g/cm^3"}
            for name, m in self.materials.items()
        }
        layers = [
            {
                **layer.model_dump(exclude_none=True),
                "thickness": f"{layer.thickness * 1e9:.12g} nm",
            }
            for layer in self.layers
        ]
        text = StringIO()
        yaml = YAML()
        yaml.width = 100
        yaml.dump({"name": self.name, "materials": materials, "layers": layers}, text)
        return str(text.getvalue())


def specimens() -> list[str]:
    """Return the names of the specimens that come with liftline."""
    return sorted(path.stem for path in SPECIMENS.glob("*.yaml"))


def load_specimen(name: str | Path) -> Specimen:
    """Load a specimen: a file of your own, or one of the library by its name.

    Raises:
        InputError: there is no such file and none of that name in the library.
        ProtocolFileError: it is wrong; `file:line: field: message`.
    """
    path = Path(name)
    if str(name) in specimens():
        path = SPECIMENS / f"{name}.yaml"
    if not path.is_file():
        raise InputError(
            f"there is no specimen file {str(name)!r} and none of that name in the library"
            f"{closest(str(name), specimens())}\nlibrary: {', '.join(specimens())}"
        )
    table = dict(known_materials())
    title, layers = _gather(read_written(path), table, ())
    used = {p for layer in layers for p in (*layer.phases, *(layer.graded_to or {}))}
    materials = {name: material for name, material in table.items() if name in used}
    return Specimen(name=title, materials=materials, layers=tuple(layers))


def _gather(
    file: WrittenFile, table: dict[str, Material], above: tuple[Path, ...]
) -> tuple[str, list[Layer]]:
    """Return the name and layers of a file, includes expanded; its materials join `table`."""
    written = file.validate(TypeAdapter(SpecimenFile))
    for name, material in written.materials.items():
        if table.setdefault(name, material) != material:
            message = "is another material of the table; give yours a name of its own"
            raise file.error(("materials", name), message)
    layers: list[Layer] = []
    for index, entry in enumerate(written.layers):
        if isinstance(entry, Include):
            included = _included(file, index, entry.include, (*above, file.path.resolve()))
            layers += _gather(included, table, (*above, file.path.resolve()))[1]
        else:
            _check_materials(file, index, entry, table)
            layers.append(entry)
    return written.name, layers


def _included(file: WrittenFile, index: int, name: str, above: tuple[Path, ...]) -> WrittenFile:
    at = ("layers", index, "include")
    beside = {path.stem: path for path in sorted(file.path.parent.glob("*.yaml"))}
    known = {**{name: SPECIMENS / f"{name}.yaml" for name in specimens()}, **beside}
    if name not in known:
        near = closest(name, list(known))
        raise file.error(at, f"there is no specimen {name!r} here or in the library{near}")
    if known[name].resolve() in above:
        raise file.error(at, f"{name} includes itself; take one of the includes out")
    return read_written(known[name])


def _check_materials(
    file: WrittenFile, index: int, layer: Layer, table: Mapping[str, Material]
) -> None:
    for part, phases in (("phases", layer.phases), ("graded_to", layer.graded_to or {})):
        for name in phases:
            if name not in table:
                near = closest(name, list(table)) or "; add it under 'materials:'"
                raise file.error(
                    ("layers", index, part, name), f"there is no material {name!r}{near}"
                )
