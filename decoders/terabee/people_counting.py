"""Terabee People Counting L and XL.

Big-endian:

    port 1    report: 0 u32 in  4 u32 out  [8 flags: bit 0 counting stopped, 1 stuck, 2 several devices,
              3 access point on]
    others    answers to commands: 0 u8 command, then its value; ff first is an acknowledgement:
              1 u8 command, 2 u8 ff for refused
              port 2 command 2: u32 in, u32 out                 port 4 commands 1 to 6: u8[3] version
              port 5 command 1: u8 access point                 port 100 command 1: u16 mounting height mm,
                                                                2: u8 reversed, 3: u16 period min
    port 101  area of counting: points

Counts since the start of the device or since they were set.

Source: Terabee, People Counting L-XL LoRaWAN specification, and the driver in Actility's catalogue.
"""

from collections.abc import Callable, Mapping

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.reader import Reader

REPORT_PORT, AREA_PORT = 1, 101
ACKNOWLEDGED = 0xFF
FLAGS = ("counting_stopped", "counting_stuck", "several_devices", "access_point")

Answer = Callable[[Reader, Collector], None]


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a People Counting L or XL."""
    reader, out = Reader(frame.payload), Collector()
    if frame.f_port == REPORT_PORT:
        _counts(reader, out)
        if reader.remaining:
            _flags(reader, out)
    elif frame.f_port == AREA_PORT:
        out.info["area"] = reader.rest().hex()
    else:
        _answer(frame.f_port, reader, out)
    return out.done()


def _counts(reader: Reader, out: Collector) -> None:
    out.add("people_in_total", reader.u32be())
    out.add("people_out_total", reader.u32be())


def _flags(reader: Reader, out: Collector) -> None:
    flags = reader.u8()
    raised = [name for bit, name in enumerate(FLAGS) if flags >> bit & 1]
    if raised:
        out.warn(f"the counter reports: {', '.join(raised)}")


def _answer(port: int, reader: Reader, out: Collector) -> None:
    command = reader.u8()
    acknowledgement = command == ACKNOWLEDGED
    if acknowledgement:
        command = reader.u8()
    if port not in COMMAND_PORTS:
        raise DecodeError(Reason.WRONG_PORT, f"port {port}, counts come on {REPORT_PORT}")
    if acknowledgement:
        out.info[f"command_{port}_{command}"] = "refused" if reader.u8() == ACKNOWLEDGED else "done"
        return
    answer = ANSWERS.get((port, command))
    if answer is None:
        raise DecodeError(Reason.UNKNOWN_TYPE, f"command 0x{command:02x} of port {port}")
    answer(reader, out)


def _version(name: str) -> Answer:
    def answer(reader: Reader, out: Collector) -> None:
        out.info[name] = ".".join(str(part) for part in reader.take(3))

    return answer


def _flag(name: str) -> Answer:
    def answer(reader: Reader, out: Collector) -> None:
        out.info[name] = reader.u8() == 1

    return answer


def _number(name: str) -> Answer:
    def answer(reader: Reader, out: Collector) -> None:
        out.info[name] = reader.u16be()

    return answer


PARTS = ("software", "web_interface", "lora_agent", "access_point", "updater", "fan_service")

ANSWERS: Mapping[tuple[int, int], Answer] = {
    (2, 2): _counts,
    **{(4, command): _version(f"{part}_version") for command, part in enumerate(PARTS, 1)},
    (5, 1): _flag("access_point_on"),
    (100, 1): _number("mounting_height_mm"),
    (100, 2): _flag("direction_reversed"),
    (100, 3): _number("report_interval_min"),
}
COMMAND_PORTS = {2, 3, 4, 5, 6, 7, 100, 102}

DECODER = Decoder(
    model="terabee/people-counting",
    version="1",
    vendor="Terabee",
    name="People Counting L/XL",
    themes=("recycling_centre",),
    quantities=frozenset({"people_in_total", "people_out_total"}),
    document="Terabee People Counting LoRaWAN specification",
    decode=decode,
)
