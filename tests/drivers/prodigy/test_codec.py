"""The wire of SPECS Prodigy: the examples of its documents, and what is outside its grammar."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.prodigy.codec import (
    UNKNOWN_ID,
    Done,
    Garbage,
    More,
    Refused,
    Replies,
    Request,
    Requests,
    number,
    numbers,
    whole,
    word,
    words,
)
from drivers.prodigy.grammar import Bare, GrammarError, quoted


def reply(text: str) -> Any:
    (only,) = Replies().feed(text.encode() + b"\n")
    return only


def request(text: str) -> Any:
    (only,) = Requests().feed(text.encode() + b"\n")
    return only


REQUESTS = [
    ("?0107 Connect ", "Connect", {}),
    (
        '?0231 GetAnalyzerParameterInfo ParameterName:"Detector Voltage"',
        "GetAnalyzerParameterInfo",
        {"ParameterName": "Detector Voltage"},
    ),
    (
        "?010B DefineSpectrumFAT StartEnergy:300.0 EndEnergy:320.0 StepWidth:0.01 DwellTime:0.1 "
        'PassEnergy:10.0 LensMode:"MediumArea" ScanRange:"1.5kV"',
        "DefineSpectrumFAT",
        {
            "StartEnergy": "300.0",
            "EndEnergy": "320.0",
            "StepWidth": "0.01",
            "DwellTime": "0.1",
            "PassEnergy": "10.0",
            "LensMode": "MediumArea",
            "ScanRange": "1.5kV",
        },
    ),
    (
        '?0101 DefineSpectrumLVS Start:-1 End:1 ScanVariable:"Focus Displacement 1 [nu]"',
        "DefineSpectrumLVS",
        {"Start": "-1", "End": "1", "ScanVariable": "Focus Displacement 1 [nu]"},
    ),
    (
        '?0232 SetAnalyzerParameterValueDirectly Polarity:"negative" "Kinetic Energy":120',
        "SetAnalyzerParameterValueDirectly",
        {"Polarity": "negative", "Kinetic Energy": "120"},
    ),
    (
        '?0102 Start SetSafeStateAfter:"false"',
        "Start",
        {"SetSafeStateAfter": "false"},
    ),
    ('?0102 "Set Parameters" A:1', "Set Parameters", {"A": "1"}),
    (
        '?0234 GetDirectDeviceCommandInfo DeviceCommand:" BrooksGF040.Operate"',
        "GetDirectDeviceCommandInfo",
        {"DeviceCommand": " BrooksGF040.Operate"},
    ),
    (
        '?0231 GetAnalyzerParameterInfo ParameterName:"Skip Delay Up/Down"',
        "GetAnalyzerParameterInfo",
        {"ParameterName": "Skip Delay Up/Down"},
    ),
]


@pytest.mark.parametrize(("text", "command", "arguments"), REQUESTS)
def test_it_reads_the_requests_of_the_reference(
    text: str, command: str, arguments: dict[str, str]
) -> None:
    read = request(text)
    assert isinstance(read, Request)
    assert (read.id, read.command, dict(read.arguments)) == (text[1:5], command, arguments)


REPLIES = [
    ("!0028 OK", {}),
    ("!0028 OK: Detector Voltage:1950.0", {"Detector Voltage": "1950.0"}),
    (
        '!0100 OK: ServerName:"SpecsLab Prodigy 4.0" ProtocolVersion:1.22',
        {"ServerName": "SpecsLab Prodigy 4.0", "ProtocolVersion": "1.22"},
    ),
    (
        "!0029 OK: ControllerStatus:running EnergyPosition:230.3",
        {"ControllerStatus": "running", "EnergyPosition": "230.3"},
    ),
    (
        "!0104 OK: ControllerState:running NumberOfAcquiredPoints:12",
        {"ControllerState": "running", "NumberOfAcquiredPoints": "12"},
    ),
    (
        '!0104 OK: ControllerState:error Message:"HV: off" Details:"see [log], \\"x\\""',
        {"ControllerState": "error", "Message": "HV: off", "Details": 'see [log], "x"'},
    ),
    (
        "!0102 OK: Data:[247599,246218,240558]",
        {"Data": ("247599", "246218", "240558")},
    ),
    ("!0102 OK: Data:[ 1.5, 2e3 ]", {"Data": ("1.5", "2e3")}),
    ("!0102 OK: Data:[]", {"Data": ()}),
    (
        '!0231 OK: DeviceCommands:[ "XRC125MF.Activate Preset","Phoibos1D.Set Parameters"]',
        {"DeviceCommands": ("XRC125MF.Activate Preset", "Phoibos1D.Set Parameters")},
    ),
    (
        '!0002 OK: ParameterNames:["NumEnergyChannels","Analyzer Standby Delay [s]"]',
        {"ParameterNames": ("NumEnergyChannels", "Analyzer Standby Delay [s]")},
    ),
    (
        '!0231 OK: Type:LogicalVoltage ValueType:double Unit:"V"',
        {"Type": "LogicalVoltage", "ValueType": "double", "Unit": "V"},
    ),
    (
        '!0231 OK: ValueType:double Unit:"deg" Min:-0.571875 Max:1.77187',
        {"ValueType": "double", "Unit": "deg", "Min": "-0.571875", "Max": "1.77187"},
    ),
    (
        '!0232 OK: Type:DeviceParameter ValueType:string Unit:"" Values:["ON","OFF"]',
        {"Type": "DeviceParameter", "ValueType": "string", "Unit": "", "Values": ("ON", "OFF")},
    ),
    (
        '!0231 OK: Name:"Detector Voltage" Value:1850.0',
        {"Name": "Detector Voltage", "Value": "1850.0"},
    ),
    (
        '!0232 OK: Name:"Skip Delay Up/Down" Value:"true"',
        {"Name": "Skip Delay Up/Down", "Value": "true"},
    ),
    (
        "!0236 OK: Connectivity:Online Value:1.53846153",
        {"Connectivity": "Online", "Value": "1.53846153"},
    ),
    (
        "!0103 OK: StartEnergy:300.0 EndEnergy:320.0 StepWidth:0.01 Samples:2001 DwellTime:0.1 "
        'PassEnergy:10.0 LensMode:"MediumArea" ScanRange:"1.5kV"',
        {
            "StartEnergy": "300.0",
            "EndEnergy": "320.0",
            "StepWidth": "0.01",
            "Samples": "2001",
            "DwellTime": "0.1",
            "PassEnergy": "10.0",
            "LensMode": "MediumArea",
            "ScanRange": "1.5kV",
        },
    ),
]


@pytest.mark.parametrize(("text", "values"), REPLIES)
def test_it_reads_the_replies_of_the_reference(text: str, values: dict[str, object]) -> None:
    assert reply(text) == Done(text[1:5], values)


def test_it_reads_an_error_of_several_lines_without_quotes() -> None:
    text = (
        b"!0005 Error: 202 Remote Control: Validation failed.\nNo lens mode specified.\n"
        b"Please select a valid lens mode for spectrum 'Remote Control'.\n!0006 OK\n"
    )
    assert Replies().feed(text) == [
        Refused("0005", 202, "Remote Control: Validation failed."),
        More("No lens mode specified."),
        More("Please select a valid lens mode for spectrum 'Remote Control'."),
        Done("0006"),
    ]


def test_it_reads_an_error_of_several_lines_with_quotes() -> None:
    assert Replies().feed(b'!0005 Error: 202 "Failed.\nNo lens mode."\n!0006 OK\n') == [
        Refused("0005", 202, "Failed.\nNo lens mode."),
        Done("0006"),
    ]


def test_an_error_in_another_alphabet_is_still_an_error() -> None:
    (refused,) = Replies().feed(b"!0198 Error: 201 Start energy should be above \xe2\x80\xa6\n")
    assert isinstance(refused, Refused)
    assert refused.code == 201


def test_a_text_of_several_lines_within_a_reply_is_read_to_its_end() -> None:
    fed = Replies()
    assert fed.feed(b'!0001 OK: ControllerState:error Message:"one\n') == []
    (done,) = fed.feed(b'two"\n')
    assert done.values["Message"] == "one\ntwo"


def test_quotes_that_were_lost_do_not_swallow_the_next_reply() -> None:
    first, second = Replies().feed(b'!0001 OK: Message:"one\n!0002 OK\n')
    assert isinstance(first, Garbage)
    assert second == Done("0002")


GARBAGE = [
    "OK",
    "!28 OK",
    "!00G8 OK",
    "!0028 ok",
    "!0028 OK Data:[1]",
    "!0028 OK: Data:[1,2",
    "!0028 OK: Data:[1,,2]",
    "!0028 OK: Data:[1 2]",
    "!0028 OK: Data:[1,2]]",
    "!0028 OK: Data:[1,-]",
    "!0028 OK: Data:[1,2]!0029 OK",
    "!0028 OK: Value:1  Name:x",
    "!0028 OK: Value:1 Value:2",
    "!0028 OK: Value:",
    "!0028 OK: :1",
    "!0028 OK: Data:[1;2]",
    "!0028 Error: E 202",
    "!0028 Error 202",
    "!0028 OK: Value:1\t",
    "!0028 OK\r",
    "",
]


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_outside_the_grammar_is_never_a_reply(text: str) -> None:
    assert isinstance(reply(text), Garbage)


def test_a_list_over_two_lines_is_no_data() -> None:
    assert all(isinstance(r, Garbage) for r in Replies().feed(b"!0001 OK: Data:[1,\n2]\n"))


def test_bytes_that_are_not_ascii_are_no_data() -> None:
    assert isinstance(Replies().feed(b"!0001 OK: Data:[1,\xb22]\n")[0], Garbage)


@pytest.mark.parametrize(
    ("text", "id_"),
    [("Connect", UNKNOWN_ID), ("?12 Connect", UNKNOWN_ID), ("?00a1 Connect Key", "00A1")],
)
def test_a_request_that_is_none_says_whose_it_was(text: str, id_: str) -> None:
    assert request(text).id == id_
    assert isinstance(request(text), Garbage)


VALUES: Any = {
    "Data": (Bare("1"), Bare("2.5")),
    "Name": "x",
    "State": Bare("running"),
    "N": Bare("-1"),
}


def test_another_count_than_was_asked_for_is_no_data() -> None:
    assert numbers(VALUES, "Data", 2).tolist() == [1.0, 2.5]
    with pytest.raises(GrammarError, match="holds 2 values where 3 were asked for"):
        numbers(VALUES, "Data", 3)


@pytest.mark.parametrize(
    ("take", "key"),
    [
        (number, "State"),
        (number, "Name"),
        (whole, "N"),
        (number, "Data"),
        (words, "N"),
        (word, "Q"),
    ],
)
def test_a_value_of_another_kind_is_refused(take: Any, key: str) -> None:
    with pytest.raises(GrammarError, match=key):
        take(VALUES, key)


def test_a_quoted_number_is_no_number() -> None:
    with pytest.raises(GrammarError):
        number({"Value": "1.5"}, "Value")


def test_a_number_beyond_any_is_refused() -> None:
    with pytest.raises(GrammarError, match="beyond"):
        number({"Value": Bare("1e999")}, "Value")


def test_a_text_that_would_lose_its_closing_quote_cannot_be_written() -> None:
    with pytest.raises(GrammarError, match="backslash"):
        quoted("C:\\")


IDS = st.integers(0, 0xFFFF).map(lambda n: f"{n:04X}")
TEXTS = st.text(string.printable[:95], max_size=20).filter(lambda text: not text.endswith("\\"))
NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
BARES = st.one_of(NUMBERS.map(repr), st.from_regex(r"[A-Za-z][A-Za-z0-9._]{0,9}", fullmatch=True))
ITEMS = st.one_of(TEXTS, BARES.map(Bare))
KEYS = st.one_of(st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}", fullmatch=True), TEXTS)
LISTS = st.lists(ITEMS, max_size=4).map(tuple)
ARGUMENTS = st.dictionaries(KEYS, st.one_of(ITEMS, LISTS), max_size=3)
FEW = settings(max_examples=20)


def _kinds(values: Any) -> Any:
    return {
        key: [type(item) for item in (value if isinstance(value, tuple) else [value])]
        for key, value in values.items()
    }


@FEW
@given(id_=IDS, values=ARGUMENTS)
def test_what_is_written_reads_back(id_: str, values: Any) -> None:
    asked, done = Request(id_, "GetAcquisitionData", values), Done(id_, values)
    (read_request,), (read_reply,) = (
        Requests().feed(asked.written()),
        Replies().feed(done.written()),
    )
    assert (read_request, read_reply) == (asked, done)
    assert isinstance(read_reply, Done)
    assert _kinds(read_reply.values) == _kinds(values)


@FEW
@given(
    code=st.integers(1, 65535),
    text=TEXTS.filter(lambda text: not text.startswith('"')),
    in_quotes=st.booleans(),
)
def test_an_error_reads_back(code: int, text: str, in_quotes: bool) -> None:
    written = Refused("00AB", code, text).written(in_quotes=in_quotes)
    (read,) = Replies().feed(written)
    assert isinstance(read, Refused)
    assert read.code == code
    if in_quotes:
        assert read.text == text


@FEW
@given(values=st.lists(ARGUMENTS, min_size=1, max_size=4), cuts=st.lists(st.integers(1, 30)))
def test_pieces_of_any_size_give_the_same_replies(values: Any, cuts: list[int]) -> None:
    whole_ = b"".join(Done(f"{n:04X}", each).written() for n, each in enumerate(values))
    fed, got, at = Replies(), [], 0
    for cut in [*cuts, len(whole_)]:
        got += fed.feed(whole_[at : at + cut])
        at += cut
    assert got == Replies().feed(whole_)
    assert len(got) == len(values)


@FEW
@given(noise=st.binary(max_size=60))
def test_no_bytes_break_it(noise: bytes) -> None:
    fed = Replies()
    fed.feed(noise + b"\n")
    assert fed.feed(b"!0001 OK\n")[-1] == Done("0001")
    assert Requests().feed(b"\n" + noise + b"\n?0001 Start\n")[-1] == Request("0001", "Start")
