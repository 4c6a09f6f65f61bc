"""The simulated Prodigy: states, errors, data and devices, without sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.clock import wait_a_moment, wall_seconds
from drivers.prodigy.codec import Done, Garbage, Refused, Request, numbers
from drivers.prodigy.grammar import Bare
from simulators.prodigy import Desk, Faults
from simulators.prodigy.commands import COMMANDS
from tests.drivers.prodigy.stand_in import a_desk

FAT: Any = {
    "StartEnergy": Bare("1086"),
    "EndEnergy": Bare("1090"),
    "StepWidth": Bare("0.1"),
    "DwellTime": Bare("0.1"),
    "PassEnergy": Bare("20"),
    "LensMode": "MediumArea",
    "ScanRange": "1.5kV",
}
SLOW = FAT | {"DwellTime": Bare("50")}
MODE: Any = {"LensMode": "MediumArea", "ScanRange": "1.5kV"}
GUN: Any = {"DeviceCommand": "IQE 12/38.Operate"}


class Client:
    """Asks a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __call__(self, command: str, **arguments: Any) -> Any:
        reply = self.desk.answer(Request("0001", command, arguments))
        return dict(reply.values) if isinstance(reply, Done) else reply.code

    def state(self) -> str:
        return str(self("GetAcquisitionStatus")["ControllerState"])

    def until(self, state: str) -> None:
        end = wall_seconds() + 10
        while self.state() != state:
            assert wall_seconds() < end, f"{self.state()}, not {state}"
            wait_a_moment(0.002)

    def scan(self, definition: Any = FAT) -> None:
        assert self("DefineSpectrumFAT", **definition) == {}
        assert "StartEnergy" in self("ValidateSpectrum")
        assert self("Start") == {}


@pytest.fixture(params=[(1, 22), (1, 5)], ids=["1.22", "1.5"])
def version(request: pytest.FixtureRequest) -> tuple[int, int]:
    found: tuple[int, int] = request.param
    return found


@pytest.fixture
def ask(version: tuple[int, int]) -> Iterator[Client]:
    desk = a_desk(2000.0, version=version)
    client = Client(desk)
    client("Connect")
    yield client
    desk.disconnect()


def code(reply: Any) -> int:
    assert isinstance(reply, int), reply
    return reply


def test_a_scan_goes_from_idle_to_finished_and_stays_valid_when_cleared(ask: Client) -> None:
    assert ask.state() == "idle"
    ask("DefineSpectrumFAT", **FAT)
    assert ask.state() == "idle"
    assert ask("ValidateSpectrum")["Samples"] == "41"
    assert ask.state() == "validated"
    for _ in range(2):
        assert ask("Start") == {}
        ask.until("finished")
        assert ask("ClearSpectrum") == {}
        assert ask.state() == "idle"
    ask("DefineSpectrumFAT", **FAT)
    assert code(ask("Start")) == 211


def test_a_scan_can_be_held_and_goes_on(ask: Client) -> None:
    ask.scan(FAT | {"DwellTime": Bare("5")})
    assert ask("Pause") == {}
    assert ask.state() == "paused"
    assert code(ask("Pause")) == 212
    assert ask("Resume") == {}
    ask.until("finished")


def test_an_aborted_scan_keeps_its_data_until_it_is_cleared(
    ask: Client, version: tuple[int, int]
) -> None:
    ask.scan(SLOW)
    assert ask("Abort") == {}
    assert ask.state() == ("aborted" if version == (1, 22) else "finished")
    assert code(ask("Start")) == 210
    assert code(ask("DefineSpectrumFAT", **FAT)) == 210
    assert code(ask("ValidateSpectrum")) == 210
    assert ask("ClearSpectrum") == {}


def test_while_it_scans_it_refuses_what_interferes(ask: Client) -> None:
    ask.scan(SLOW)
    assert code(ask("DefineSpectrumFAT", **FAT)) == 214
    assert code(ask("Start")) == 214
    assert code(ask("ClearSpectrum")) == 209
    value: Any = {"ParameterName": "Detector Voltage", "Value": Bare("1900")}
    assert code(ask("SetAnalyzerParameterValue", **value)) == 214
    assert code(ask("CreateDirectDeviceCommand", Template="Sputter Gun")) == 214
    assert code(ask("DisconnectAnalyzer")) == 213


def test_without_a_scan_there_is_none_to_steer(ask: Client) -> None:
    assert [code(ask(each)) for each in ("Pause", "Resume", "Abort")] == [212] * 3
    assert code(ask("GetAcquisitionData", FromIndex=Bare("0"), ToIndex=Bare("1"))) == 207
    assert code(ask("ValidateSpectrum")) == 202
    assert code(ask("Start")) == 211


def test_what_is_not_acquired_is_an_error_or_zeros(ask: Client, version: tuple[int, int]) -> None:
    ask.scan(SLOW)
    ask("Pause")
    reply = ask("GetAcquisitionData", FromIndex=Bare("30"), ToIndex=Bare("33"))
    if version == (1, 22):
        assert reply in (207, 208)
    else:
        assert numbers(reply, "Data", 4).tolist() == [0, 0, 0, 0]
    assert code(ask("GetAcquisitionData", FromIndex=Bare("40"), ToIndex=Bare("41"))) == 208


def test_data_come_channel_by_channel_and_are_those_of_the_detector(ask: Client) -> None:
    ask("SetAnalyzerParameterValue", ParameterName="NumNonEnergyChannels", Value=Bare("3"))
    ask.scan()
    ask.until("finished")
    (truth,) = ask.desk.bench.xps.scans  # type: ignore[attr-defined]
    reply = ask("GetAcquisitionData", FromIndex=Bare("5"), ToIndex=Bare("9"))
    assert numbers(reply, "Data", 15).reshape(3, 5).sum(axis=0).tolist() == truth[5:10].tolist()


def test_another_number_of_channels_needs_another_validation(ask: Client) -> None:
    ask("DefineSpectrumFAT", **FAT)
    ask("ValidateSpectrum")
    ask("SetAnalyzerParameterValue", ParameterName="NumEnergyChannels", Value=Bare("3"))
    assert code(ask("Start")) == 211


def test_points_may_be_reported_before_they_can_be_read() -> None:
    desk = a_desk(faults=Faults(early_points=4))
    ask = Client(desk)
    ask("Connect")
    ask.scan(FAT | {"DwellTime": Bare("5")})
    end = wall_seconds() + 10
    while (points := str(ask("GetAcquisitionStatus")["NumberOfAcquiredPoints"])) < "4":
        assert wall_seconds() < end
    ask("Pause")
    last = Bare(str(int(points) - 1))
    assert code(ask("GetAcquisitionData", FromIndex=Bare("0"), ToIndex=last)) in (207, 208)
    desk.disconnect()


@pytest.mark.parametrize(
    ("mode", "arguments", "told"),
    [
        ("SFAT", {"StartEnergy": "300", "EndEnergy": "320", "Samples": "1"}, {"StepWidth": "2.5"}),
        (
            "FRR",
            {"StartEnergy": "300", "EndEnergy": "320", "StepWidth": "0.1", "RetardingRatio": "10"},
            {"PassEnergy": "30", "Samples": "201"},
        ),
        (
            "FE",
            {"KinEnergy": "300", "Samples": "5", "PassEnergy": "10"},
            {"StartEnergy": "0", "EndEnergy": "4", "StepWidth": "1"},
        ),
        (
            "LVS",
            {
                "Start": "10",
                "End": "20",
                "StepWidth": "1",
                "KinEnergy": "280",
                "PassEnergy": "10",
                "ScanVariable": "Focus Displacement 1 [nu]",
            },
            {"Start": "10", "ScanVariable": "Focus Displacement 1 [nu]"},
        ),
    ],
)
def test_it_scans_in_the_other_modes(
    ask: Client, mode: str, arguments: dict[str, str], told: dict[str, str]
) -> None:
    wanted: Any = {
        name: value if name == "ScanVariable" else Bare(value) for name, value in arguments.items()
    } | {"DwellTime": Bare("0.1"), **MODE}
    checked = ask(f"CheckSpectrum{mode}", **wanted)
    assert told.items() <= checked.items()
    assert ask(f"DefineSpectrum{mode}", **wanted) == {}
    assert ask("ValidateSpectrum") == checked
    ask("Start")
    ask.until("finished")


def test_without_the_analyser_it_knows_what_needs_it() -> None:
    ask = Client(a_desk(faults=Faults(analyser_offline=True)))
    ask("Connect")
    snapshot: Any = {
        "StartEnergy": Bare("300"),
        "EndEnergy": Bare("320"),
        "Samples": Bare("1"),
        "DwellTime": Bare("0.1"),
    }
    assert code(ask("DefineSpectrumSFAT", **snapshot, **MODE)) == 201
    assert ask("DefineSpectrumFAT", **FAT) == {}
    assert code(ask("ValidateSpectrum")) == 202
    assert code(ask("CheckSpectrumFAT", **FAT)) == 216
    live = ask("GetLiveParameterValue", Device="Analyzer 1D", Parameter="Count Rate")
    assert live["Connectivity"] == "Offline"
    assert ask("GetAnalyzerVisibleName")["AnalyzerVisibleName"]
    assert ask("SetSafeState") == {}
    assert ask("DisconnectAnalyzer") == {}


def test_all_commands_of_the_protocol_are_known(ask: Client) -> None:
    assert len(COMMANDS) == 46
    ask("Disconnect")
    ask("Connect")
    asked = {name: ask(name) for name in COMMANDS if name not in ("Connect", "Disconnect")}
    assert 101 not in asked.values()


def test_a_server_of_its_time_knows_no_later_commands() -> None:
    ask = Client(a_desk(version=(1, 5), only_its_commands=True))
    ask("Connect")
    assert code(ask("SetSafeState")) == 101
    assert code(ask("ExecuteDirectDeviceCommand")) == 101
    assert "AnalyzerVisibleName" in ask("GetAnalyzerVisibleName")


WRONG: list[tuple[str, Any, int]] = [
    ("Connect", {}, 2),
    ("getacquisitionstatus", {}, 101),
    ("DefineSpectrumFAT", {k: v for k, v in FAT.items() if k != "LensMode"}, 104),
    ("DefineSpectrumFAT", FAT | {"Colour": Bare("1")}, 105),
    ("DefineSpectrumFAT", FAT | {"StepWidth": "0.1"}, 106),
    ("DefineSpectrumFAT", FAT | {"EndEnergy": Bare("1000")}, 201),
    ("DefineSpectrumFAT", FAT | {"DwellTime": Bare("0")}, 201),
    ("CheckSpectrumFAT", FAT | {"LensMode": "Fisheye"}, 216),
    ("CheckSpectrumFAT", FAT | {"StepWidth": Bare("0.00001")}, 216),
    ("GetSpectrumParameterInfo", {"ParameterName": "Colour"}, 205),
    ("GetSpectrumDataInfo", {"ParameterName": "Colour"}, 205),
    ("GetAnalyzerParameterInfo", {"ParameterName": "Colour"}, 206),
    ("GetAnalyzerParameterValue", {"ParameterName": "Colour"}, 206),
    (
        "SetAnalyzerParameterValue",
        {"ParameterName": "Detector Voltage", "Value": Bare("9000")},
        217,
    ),
    ("GetAllDeviceParameterNames", {"DeviceCommand": "Kettle.Boil"}, 218),
    ("CreateDirectDeviceCommand", {"Template": "Kettle"}, 219),
    ("GetDirectDeviceCommandInfo", {"DeviceCommand": "Kettle.Boil"}, 219),
    ("ExecuteDirectDeviceCommand", {}, 219),
    ("GetDeviceInfo", {"Device": "Kettle"}, 220),
    ("GetLiveParameterValue", {"Device": "Kettle", "Parameter": "Heat"}, 220),
]


@pytest.mark.parametrize(("command", "arguments", "expected"), WRONG)
def test_what_is_wrong_is_refused_with_its_code(
    ask: Client, command: str, arguments: Any, expected: int
) -> None:
    assert code(ask(command, **arguments)) == expected


@pytest.mark.parametrize(
    ("faults", "command", "expected"),
    [
        (Faults(start_fails=True), "Start", 203),
        (Faults(clear_fails=True), "ClearSpectrum", 204),
        (Faults(disconnect_analyser_fails=True), "DisconnectAnalyzer", 213),
        (Faults(safe_state_fails=True), "SetSafeState", 215),
        (Faults(broken="GetAllDevices"), "GetAllDevices", 102),
    ],
)
def test_what_fails_is_told_with_its_code(faults: Faults, command: str, expected: int) -> None:
    ask = Client(a_desk(faults=faults))
    ask("Connect")
    ask("DefineSpectrumFAT", **FAT)
    ask("ValidateSpectrum")
    assert code(ask(command)) == expected


def test_before_connect_nothing_is_answered_but_connect() -> None:
    ask = Client(a_desk())
    assert code(ask("GetAcquisitionStatus")) == 3
    assert code(ask("Disconnect")) == 3
    assert ask("Connect")["ProtocolVersion"] == "1.22"


def test_a_message_that_is_none_is_refused_with_the_id_of_nobody() -> None:
    desk = a_desk()
    assert desk.answer(Garbage(b"hello", "none")) == Refused("FFFF", 4, "Malformed message: none")
    refused = desk.answer(Garbage(b"?0001 Start 1", "no key", "0001"))
    assert isinstance(refused, Refused)
    assert refused.code == 103


def test_the_gun_runs_for_its_own_time_and_counts(ask: Client) -> None:
    assert ask("CreateDirectDeviceCommand", Template="Sputter Gun") == {
        "DeviceCommands": ("IQE 12/38.Operate",)
    }
    assert "Time" in ask("GetDirectDeviceCommandInfo", **GUN)["ParameterNames"]
    assert ask("GetDirectDeviceParameterInfo", **GUN, ParameterName="Energy")["Unit"] == "eV"
    ask("SetDirectDeviceParameterValue", **GUN, ParameterName="Time", Value=Bare("30"))
    assert ask("GetDirectDeviceParameterValue", **GUN, ParameterName="Time")["Value"] == "30"
    assert ask("ExecuteDirectDeviceCommand") == {}
    assert code(ask("ExecuteDirectDeviceCommand")) == 219
    assert (
        code(ask("SetDirectDeviceParameterValue", **GUN, ParameterName="Time", Value=Bare("1")))
        == 219
    )
    job = ask.desk.bench.job
    assert job is not None
    assert job.wait(10)
    live = ask("GetLiveParameterValue", Device="IQE 12/38", Parameter="Etch Time")
    assert live == {"Connectivity": "Online", "Value": "30"}


def test_setting_the_safe_state_stops_the_gun(ask: Client) -> None:
    ask("CreateDirectDeviceCommand", Template="Sputter Gun")
    ask("SetDirectDeviceParameterValue", **GUN, ParameterName="Time", Value=Bare("3000"))
    ask("ExecuteDirectDeviceCommand")
    assert ask("SetSafeState") == {}
    assert ask.desk.bench.xps.status().ions_on is False
    assert 0 <= (ask.desk.bench.xps.etch_seconds() or 0) < 3000


def test_losing_the_client_makes_everything_safe_and_forgets_the_spectrum(ask: Client) -> None:
    ask.scan(SLOW)
    ask.desk.disconnect()
    assert not ask.desk.bench.busy
    ask("Connect")
    assert ask.state() == "idle"
    assert code(ask("Start")) == 211


def test_a_detector_that_is_left_up_shows_it() -> None:
    ask = Client(a_desk(2000.0))
    ask("Connect")
    ask("DefineSpectrumFAT", **FAT)
    ask("ValidateSpectrum")
    assert code(ask("Start", SetSafeStateAfter="perhaps")) == 107
    ask("Start", SetSafeStateAfter="false")
    ask.until("finished")
    where: Any = {"Device": "Analyzer 1D", "Parameter": "Detector Voltage (Target)"}
    up = ask("GetLiveParameterValue", **where)["Value"]
    ask("SetSafeState")
    assert (up, ask("GetLiveParameterValue", **where)["Value"]) == ("1850", "0")


def test_before_it_could_be_left_up_the_argument_is_unknown() -> None:
    ask = Client(a_desk(version=(1, 5)))
    ask("Connect")
    assert code(ask("Start", SetSafeStateAfter="false")) == 105


def test_a_device_that_does_not_answer_gives_its_last_value() -> None:
    faults = Faults()
    ask = Client(a_desk(faults=faults))
    ask("Connect")
    where: Any = {"Device": "Vacuum Gauge", "Parameter": "Pressure"}
    fresh = ask("GetLiveParameterValue", **where)
    faults.unresponsive = {"Vacuum Gauge"}
    stale = ask("GetLiveParameterValue", **where)
    assert (fresh["Connectivity"], stale["Connectivity"]) == ("Online", "Unresponsive")
    assert fresh["Value"] == stale["Value"]
