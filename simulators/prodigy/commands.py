"""The 46 commands of Remote In 1.22: since when they exist, and what they take.

Source: SpecsLab Prodigy Remote In 1.22, sections 2 and 6. The history does not say when LVS came;
it is taken to have come with FRR and FE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.prodigy.grammar import NUMBER, Bare, Value, Values

Kind = str
"""`number`, `text` or `any`."""


@dataclass(frozen=True)
class Takes:
    """What a command takes."""

    since: tuple[int, int] = (1, 1)
    needed: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)
    open_ended: bool = False
    """Further keys are allowed."""


class RefuseError(Exception):
    """The command is answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        """Of that code."""
        super().__init__(text)
        self.code = code
        self.text = text


_MODE = {"LensMode": "text", "ScanRange": "text"}
_SCAN = {"StartEnergy": "number", "EndEnergy": "number", "DwellTime": "number"}
FAT = {**_SCAN, "StepWidth": "number", "PassEnergy": "number", **_MODE}
SFAT = {**_SCAN, "Samples": "number", **_MODE}
FRR = {**_SCAN, "StepWidth": "number", "RetardingRatio": "number", **_MODE}
FE = {
    "KinEnergy": "number",
    "Samples": "number",
    "DwellTime": "number",
    "PassEnergy": "number",
    **_MODE,
}
LVS = {
    "Start": "number",
    "End": "number",
    "StepWidth": "number",
    "KinEnergy": "number",
    "DwellTime": "number",
    "PassEnergy": "number",
    **_MODE,
    "ScanVariable": "text",
}
_NAME = {"ParameterName": "text"}
_SET = {**_NAME, "Value": "any"}
_OF_COMMAND = {**_NAME, "DeviceCommand": "text"}
_DIRECTLY = {**_MODE, "Polarity": "text"}
_SAFE = {"SetSafeStateAfter": "text"}
_LIVE = {"Device": "text", "Parameter": "text"}

COMMANDS: dict[str, Takes] = {
    "Connect": Takes(),
    "Disconnect": Takes(),
    "DefineSpectrumFAT": Takes(needed=FAT),
    "DefineSpectrumSFAT": Takes(needed=SFAT),
    "DefineSpectrumFRR": Takes((1, 3), FRR),
    "DefineSpectrumFE": Takes((1, 3), FE),
    "DefineSpectrumLVS": Takes((1, 3), LVS),
    "CheckSpectrumFAT": Takes((1, 10), FAT),
    "CheckSpectrumSFAT": Takes((1, 10), SFAT),
    "CheckSpectrumFRR": Takes((1, 10), FRR),
    "CheckSpectrumFE": Takes((1, 10), FE),
    "CheckSpectrumLVS": Takes((1, 10), LVS),
    "ValidateSpectrum": Takes(),
    "Start": Takes(optional=_SAFE),
    "Pause": Takes(),
    "Resume": Takes(),
    "Abort": Takes(),
    "GetAcquisitionStatus": Takes(),
    "GetAcquisitionData": Takes(needed={"FromIndex": "number", "ToIndex": "number"}),
    "ClearSpectrum": Takes(),
    "GetAllAnalyzerParameterNames": Takes(),
    "GetAnalyzerParameterInfo": Takes(needed=_NAME),
    "GetAnalyzerVisibleName": Takes((1, 5)),
    "GetAnalyzerParameterValue": Takes(needed=_NAME),
    "SetAnalyzerParameterValue": Takes(needed=_SET),
    "SetAnalyzerParameterValueDirectly": Takes((1, 12), _DIRECTLY, open_ended=True),
    "ValidateAnalyzerParameterValueDirectly": Takes((1, 16), _DIRECTLY, open_ended=True),
    "GetSpectrumParameterInfo": Takes((1, 8), _NAME),
    "GetSpectrumDataInfo": Takes((1, 11), _NAME),
    "GetAllDeviceCommands": Takes((1, 14)),
    "GetAllDeviceParameterNames": Takes((1, 14), {"DeviceCommand": "text"}),
    "GetDeviceParameterInfo": Takes((1, 14), _OF_COMMAND),
    "GetDeviceParameterValue": Takes((1, 14), _OF_COMMAND),
    "SetDeviceParameterValue": Takes((1, 14), {**_OF_COMMAND, "Value": "any"}),
    "DisconnectAnalyzer": Takes(),
    "SetSafeState": Takes((1, 9)),
    "CreateDirectDeviceCommand": Takes((1, 18), {"Template": "text"}, {"TemplateGroup": "text"}),
    "GetDirectDeviceCommandInfo": Takes((1, 18), {"DeviceCommand": "text"}),
    "GetDirectDeviceParameterInfo": Takes((1, 18), _OF_COMMAND),
    "GetDirectDeviceParameterValue": Takes((1, 18), _OF_COMMAND),
    "SetDirectDeviceParameterValue": Takes((1, 18), {**_OF_COMMAND, "Value": "any"}),
    "ExecuteDirectDeviceCommand": Takes((1, 18), optional=_SAFE),
    "GetAllDevices": Takes((1, 22)),
    "GetDeviceInfo": Takes((1, 22), {"Device": "text"}),
    "GetLiveParameterInfo": Takes((1, 22), _LIVE),
    "GetLiveParameterValue": Takes((1, 22), _LIVE),
}


def check_arguments(command: str, arguments: Values) -> None:
    """Refuse arguments that the command does not take.

    Raises:
        RefuseError: 104, 105 or 106.
    """
    takes = COMMANDS[command]
    for name in takes.needed:
        if name not in arguments:
            raise RefuseError(104, f"{command}: missing argument {name}.")
    for name, value in arguments.items():
        kind = takes.needed.get(name) or takes.optional.get(name)
        if kind is None:
            if takes.open_ended and _is_number(value):
                continue
            raise RefuseError(105, f"{command}: unknown argument {name}.")
        if kind == "number" and not _is_number(value):
            raise RefuseError(106, f"{command}: {name} is not a number.")
        if kind == "text" and not isinstance(value, str):
            raise RefuseError(106, f"{command}: {name} is not a string.")


def _is_number(value: Value) -> bool:
    return isinstance(value, Bare) and NUMBER.fullmatch(value) is not None
