from __future__ import annotations

from drivers.methodscript.codec import Package, event_of
from drivers.methodscript.scripts import mark_of
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.stream import Stream
from drivers.methodscript.values import encoded
from drivers.potentiostat import HoldOrder

ORDER = HoldOrder("current", current=7e-6, current_range=1e-5, end_voltage=5.1, every=1.0)


def line(seconds: float, volts: float, why: int | None = None) -> Package:
    """Return a line of the order's data, as a device writes it."""
    mark = encoded(mark_of(ORDER), integer=True)
    values = [f"ja{mark}", f"eb{encoded(seconds)}", f"ab{encoded(volts)}", f"ba{encoded(7e-6)}"]
    values.append(f"ja{encoded(7e-6 * seconds)}")
    if why is not None:
        values.append(f"aa{encoded(why, integer=True)}")
    package = event_of(("P" + ";".join(values)).encode())
    assert isinstance(package, Package)
    return package


def test_an_end_at_the_moment_of_a_sample_is_no_second_sample() -> None:
    stream = Stream(ORDER, MethodScriptSettings(), {}, compared=True)
    for each in (line(1.0, 4.0), line(2.0, 5.1), line(2.0, 5.1, why=1)):
        stream.take(each)
        stream.take(each)
    assert stream.block().seconds.tolist() == [1.0, 2.0]
    assert stream.held is not None
    assert stream.held.ended_by == "voltage"
