"""What a class A device answers, when it listens, when it sends again and when it must keep silent.

Bytes of commands and answers are those of TS001-1.0.4, section 5; moments are microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.encoders.truth import Payload
from simulator.errors import ManifestError
from simulator.lorawan.airtime import HourlyBudget, OffTime, airtime
from simulator.lorawan.device import EndDevice
from simulator.lorawan.frames import Downlink
from simulator.lorawan.state import DeviceState, StateFile
from simulator.lorawan.transmission import Transmission
from simulator.noise import Draws
from tests.simulator import lorawan_peer
from tests.simulator.lorawan_peer import Activation, Up

KEY = bytes(range(16))
DEV_EUI, JOIN_EUI = "a81758fffe001234", "7622107c7752c5c0"
S = 1_000_000
CHANNELS = (867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)
DEFAULTS = {868_100_000, 868_300_000, 868_500_000}


@dataclass
class Bench:
    """A device on the bench: time passes when asked, and the network's side is the tests' own."""

    state: DeviceState = field(default_factory=DeviceState)
    data_rate: int = 5
    now: int = 1_000 * S
    turn: int = 0

    def __post_init__(self) -> None:
        self.device = EndDevice(DEV_EUI, JOIN_EUI, KEY, self.data_rate, self.state)
        self.device.power_on(self.now)

    def draws(self) -> Draws:
        self.turn += 1
        return Draws(7, self.turn)

    def sent(self) -> Transmission:
        """The next frame on air, however often the device must be asked."""
        for _ in range(50):
            assert self.device.wake_at is not None, "it has nothing to send"
            self.now = max(self.now, self.device.wake_at)
            frame = self.device.wake(self.now, self.draws())
            if frame is not None:
                self.now = frame.end
                return frame
        raise AssertionError("it never sends")

    def hear(self, phy: bytes, at: int) -> object:
        self.now = at
        return self.device.heard(phy, at, 200, 9, self.draws())

    def join(self, dl_settings: int = 0, rx_delay: int = 1) -> Activation:
        request = lorawan_peer.read_request(KEY, self.sent().phy)
        self.hear(lorawan_peer.accept(KEY, 1, 0, 0x00A1B2C3, dl_settings, rx_delay, CHANNELS), self.now + 5 * S)
        self.now += 60 * S
        return lorawan_peer.activate(KEY, request, 1, 0, 0x00A1B2C3)

    def report(
        self, network: Activation, data: bytes = b"\x01\x02", *, confirmed: bool = False
    ) -> tuple[Transmission, Up]:
        self.device.submit(Payload(5, data, ()), self.now, confirmed=confirmed)
        return self.read(network)

    def read(self, network: Activation) -> tuple[Transmission, Up]:
        frame = self.sent()
        up = lorawan_peer.read_up(network, frame.phy)
        network.next_up = up.f_cnt + 1
        return frame, up


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_join_windows_are_five_and_six_seconds_after_the_request(bench: Bench) -> None:
    frame = bench.sent()
    assert frame.frequency in DEFAULTS
    listens = bench.device.listens
    assert listens(frame.frequency, 7, frame.end + 5 * S)
    assert listens(869_525_000, 12, frame.end + 6 * S)
    assert not listens(frame.frequency, 7, frame.end + 6 * S)
    assert not listens(frame.frequency, 8, frame.end + 5 * S)
    assert not listens(frame.frequency, 7, frame.end + 5 * S + 50_000)


def test_every_join_request_has_its_own_nonce_and_waits_longer(bench: Bench) -> None:
    frames = [bench.sent() for _ in range(6)]
    assert [lorawan_peer.read_request(KEY, frame.phy).dev_nonce for frame in frames] == list(range(6))
    pauses = [later.start - earlier.end for earlier, later in pairwise(frames)]
    assert min(pauses) > 6 * S, "both windows have passed"
    assert pauses[-1] > 30 * S


def test_nonces_and_sessions_outlive_the_process(tmp_path: Path) -> None:
    bench = Bench()
    file = StateFile(tmp_path / "devices", "hamlet", 7)
    bench.sent()
    file.save([(DEV_EUI, bench.state)])
    bench = Bench(file.load()[DEV_EUI])
    network = bench.join(dl_settings=0x23, rx_delay=3)
    assert bench.state.dev_nonce == 2
    bench.report(network)
    network.down = 1
    bench.hear(lorawan_peer.write_down(network, f_opts=b"\x08\x05"), bench.now + 3 * S)
    file.save([(DEV_EUI, bench.state)])
    file.close()

    file = StateFile(tmp_path / "devices", "hamlet", 7)
    again = Bench(file.load()[DEV_EUI], now=bench.now + 100 * S)
    file.close()
    assert again.state == bench.state
    assert again.device.wake_at is None, "there is no need to join"
    frame, up = again.report(network)
    assert (up.f_cnt, up.f_opts) == (1, b"\x08")
    assert again.device.listens(869_525_000, 9, frame.end + 6 * S)
    with pytest.raises(ManifestError, match="holds the devices of hamlet 7, this run's are hamlet 8"):
        StateFile(tmp_path / "devices", "hamlet", 8)
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(ManifestError, match="cannot keep the state of devices"):
        StateFile(tmp_path / "text", "hamlet", 7)


def test_what_the_join_accept_says_is_followed(bench: Bench) -> None:
    """RX1DROffset 2, RX2 at DR3 (SF9), RxDelay 5, five channels more (RP002, EU863-870)."""
    network = bench.join(dl_settings=0x23, rx_delay=5)
    used: set[int] = set()
    for _ in range(60):
        frame, _ = bench.report(network)
        used.add(frame.frequency)
        assert bench.device.listens(frame.frequency, 9, frame.end + 5 * S)
        assert bench.device.listens(869_525_000, 9, frame.end + 6 * S)
    assert used == DEFAULTS | set(CHANNELS)


def test_another_devices_frames_and_old_ones_are_not_heard(bench: Bench) -> None:
    network = bench.join()
    bench.report(network)
    good = lorawan_peer.write_down(network, f_opts=b"\x06")
    other = Activation("", network.dev_addr, bytes(16), network.app_s_key)
    assert bench.hear(lorawan_peer.write_down(other), bench.now + S) is None
    assert bench.hear(b"", bench.now) is None
    assert isinstance(bench.hear(good, bench.now), Downlink)
    assert bench.hear(good, bench.now) is None
    assert bench.report(network)[1].f_opts == b"\x06\xc8\x09"


# Commands, their answers, and what has changed. The device sends at DR5, its battery is at 200, its margin 9 dB.
ANSWERS = [
    ("DevStatusReq", "06", "06c809"),
    ("LinkADRReq: its own data rate, channels 0 to 7, NbTrans 2", "0350ff0002", "0307"),
    ("LinkADRReq: keep rate and power", "03fff90001", "0307"),
    ("LinkADRReq: another data rate", "0320ff0001", "0305"),
    ("LinkADRReq: another power", "0351ff0001", "0303"),
    ("LinkADRReq: a channel nobody defined", "0350000101", "0306"),
    ("LinkADRReq: no channel at all", "0350000001", "0306"),
    ("LinkADRReq: ChMaskCntl 6, all channels", "0350000061", "0307"),
    ("LinkADRReq: ChMaskCntl 5 is reserved", "0350ff0051", "0306"),
    ("LinkADRReq: two in a row are one, answered twice", "0350ff00010350010001", "03070307"),
    ("LinkADRReq: one bad in a row spoils it", "03500001010320010001", "03040304"),
    ("DutyCycleReq", "0404", "04"),
    ("RXParamSetupReq: offset 1, DR3, 869.525 MHz", "0513d2ad84", "0507"),
    ("RXParamSetupReq: 915 MHz", "0513b89d8b", "0506"),
    ("RXParamSetupReq: offset 7, DR3", "0573d2ad84", "0503"),
    ("RXParamSetupReq: DR8", "0518d2ad84", "0505"),
    ("NewChannelReq: 8, 868.8 MHz, DR0 to DR5", "070880918450", "0703"),
    ("NewChannelReq: default channel", "070080918450", "0702"),
    ("NewChannelReq: DR6", "070880918460", "0701"),
    ("NewChannelReq: lowest above highest", "070880918423", "0701"),
    ("RXTimingSetupReq", "0805", "08"),
    ("DlChannelReq: channel 0, 869.525 MHz", "0a00d2ad84", "0a03"),
    ("DlChannelReq: no such channel", "0a0fd2ad84", "0a01"),
    ("TxParamSetupReq: not of this region", "0905", ""),
    ("LinkCheckAns, DeviceTimeAns: nothing to answer", "0205010d0102030405", ""),
    ("an unknown command ends the list", "06f00606", "06c809"),
    ("a cut command is none", "0350ff00", ""),
    ("several", "060805040606", "06c809080406c809"),
]


@pytest.mark.parametrize(("request_", "answer"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
@pytest.mark.parametrize("place", ["FOpts", "FPort 0"])
def test_mac_commands_are_answered(bench: Bench, request_: str, answer: str, place: str) -> None:
    network = bench.join()
    bench.report(network)
    commands = bytes.fromhex(request_)
    where = {"f_opts": commands} if place == "FOpts" else {"f_port": 0, "payload": commands}
    bench.hear(lorawan_peer.write_down(network, **where), bench.now + S)
    bench.now += 100 * S
    assert bench.report(network)[1].f_opts.hex() == answer


def test_answers_about_windows_are_repeated_until_a_downlink_is_heard(bench: Bench) -> None:
    """5.4, 5.6, 5.7; others are given once."""
    network = bench.join()
    bench.report(network)
    commands = bytes.fromhex("060804" + "0513d2ad84" + "0a00d2ad84")
    bench.hear(lorawan_peer.write_down(network, f_opts=commands), bench.now + S)
    assert bench.report(network)[1].f_opts.hex() == "06c80908" + "0507" + "0a03"
    frame, up = bench.report(network)
    assert up.f_opts.hex() == "08" + "0507" + "0a03"
    rx1 = 869_525_000 if frame.frequency == 868_100_000 else frame.frequency
    assert bench.device.listens(rx1, 8, frame.end + 4 * S)
    assert bench.device.listens(869_525_000, 9, frame.end + 5 * S)
    bench.hear(lorawan_peer.write_down(network), bench.now + 4 * S)
    assert bench.report(network)[1].f_opts == b""


def test_many_answers_go_alone_with_f_port_0(bench: Bench) -> None:
    network = bench.join()
    bench.report(network)
    bench.hear(lorawan_peer.write_down(network, f_port=0, payload=b"\x06" * 6), bench.now + S)
    _, up = bench.read(network)
    assert (up.f_port, up.f_opts, up.payload) == (0, b"", b"\x06\xc8\x09" * 6)
    assert bench.report(network)[1].payload == b"\x01\x02"


def test_a_confirmed_frame_is_sent_again_unchanged_until_it_is_acknowledged(bench: Bench) -> None:
    network = bench.join()
    first, up = bench.report(network, confirmed=True)
    assert up.confirmed
    second, third = bench.sent(), bench.sent()
    assert first.phy == second.phy == third.phy
    assert (second.attempt, third.attempt) == (2, 3)
    for earlier, later in ((first, second), (second, third)):
        assert later.start >= earlier.end + 3 * S, "after both windows and RETRANSMIT_TIMEOUT"
    bench.hear(lorawan_peer.write_down(network), bench.now + S)
    fourth = bench.sent()
    assert fourth.phy == first.phy, "a downlink without ACK is no acknowledgement"
    bench.hear(lorawan_peer.write_down(network, ack=True), bench.now + S)
    assert bench.device.wake_at is None
    assert bench.report(network)[1].f_cnt == up.f_cnt + 1


def test_nobody_answers_a_confirmed_frame_eight_times(bench: Bench) -> None:
    network = bench.join()
    frame, _ = bench.report(network, confirmed=True)
    assert [bench.sent().phy for _ in range(7)] == [frame.phy] * 7
    assert bench.device.wake_at is None


def test_nb_trans_repeats_until_a_downlink(bench: Bench) -> None:
    network = bench.join()
    bench.report(network)
    bench.hear(lorawan_peer.write_down(network, f_opts=bytes.fromhex("0350ff0003")), bench.now + S)
    frame, _ = bench.report(network)
    assert [bench.sent().phy for _ in range(2)] == [frame.phy] * 2
    assert bench.device.wake_at is None
    bench.report(network)
    bench.hear(lorawan_peer.write_down(network), bench.now + S)
    assert bench.device.wake_at is None


def test_confirmed_downlinks_are_acknowledged_and_pending_data_asked_for(bench: Bench) -> None:
    network = bench.join()
    bench.report(network)
    assert bench.device.wake_at is None
    bench.hear(lorawan_peer.write_down(network, confirmed=True, f_port=9, payload=b"do"), bench.now + S)
    _, up = bench.read(network)
    assert (up.ack, up.f_port, up.payload) == (True, None, b"")
    bench.hear(lorawan_peer.write_down(network, pending=True), bench.now + S)
    _, up = bench.read(network)
    assert (up.ack, up.f_port) == (False, None)


def test_nothing_is_sent_while_the_device_listens(bench: Bench) -> None:
    network = bench.join()
    frame, _ = bench.report(network)
    bench.device.begins(frame.end + 4 * S)
    later, _ = bench.report(network)
    assert later.start >= frame.end + 4 * S


@pytest.mark.parametrize(
    ("size", "spread", "milliseconds"),
    [(23, 7, 61.7), (23, 10, 370.7), (23, 12, 1482.8), (64, 12, 2793.5), (13, 12, 1155.1)],
)
def test_airtime_is_that_of_semtechs_calculator(size: int, spread: int, milliseconds: float) -> None:
    """Uplinks of 10, 51 and 0 application bytes, 125 kHz, 4/5, preamble of 8 symbols, CRC, explicit header."""
    assert airtime(size, spread) / 1000 == pytest.approx(milliseconds, abs=0.06)


def test_a_devices_sub_bands_rest_as_the_rules_say() -> None:
    """ERC 70-03: of any stretch up to the end of a rest, 1 % at most was used."""
    bench = Bench(data_rate=0)
    network = bench.join()
    frames = [bench.report(network, bytes(40))[0] for _ in range(40)]
    for band in (DEFAULTS, set(CHANNELS)):
        own = [frame for frame in frames if frame.frequency in band]
        assert len(own) > 5
        for earlier, later in pairwise(own):
            assert earlier.airtime / (later.start - earlier.start) <= 0.01
    busy = (frames[-1].start - frames[0].start) / sum(frame.airtime for frame in frames[:-1])
    assert 45 < busy < 56, "both sub-bands are used as far as they may be"


def test_unanswered_join_requests_take_less_and_less_time() -> None:
    """7 (and TR007-1.1, 4.8): 36 s in the first hour, 36 s in the ten after it, then 8.7 s in each day."""
    bench = Bench(data_rate=0)
    sent: list[float] = []
    while not sent or sent[-1] < 4 * 86400:
        sent.append(bench.sent().start / S)
    first = sent[0]
    spans = [(0, 1), (1, 11), *((11 + 24 * day, 35 + 24 * day) for day in range(3))]
    on_air = [1.4828 * sum(low <= (at - first) / 3600 < high for at in sent) for low, high in spans]
    assert max(on_air[:2]) < 36
    assert all(0 < seconds < 8.7 for seconds in on_air[2:])


def test_duty_cycle_req_limits_all_bands(bench: Bench) -> None:
    """5.3: 1 / 2^10 of the time."""
    network = bench.join()
    bench.report(network)
    bench.hear(lorawan_peer.write_down(network, f_opts=b"\x04\x0a"), bench.now + S)
    frames = [bench.report(network)[0] for _ in range(5)]
    for earlier, later in pairwise(frames):
        assert later.start - earlier.start >= 1024 * earlier.airtime


def test_off_times_and_budgets_know_the_sub_bands() -> None:
    off = OffTime()
    off.use(868_100_000, 0, 100_000)
    assert off.free_at(868_500_000) == 10 * S
    assert off.free_at(867_100_000) == 100_000
    assert off.free_at(868_650_000) is None
    budget = HourlyBudget()
    assert all(budget.take(869_525_000, second * S, 3 * S) for second in range(120)), "10 % of an hour is 360 s"
    assert not budget.take(869_525_000, 120 * S, 1)
    assert budget.take(868_100_000, 120 * S, 36 * S)
    assert not budget.take(868_300_000, 121 * S, 1)
    assert budget.take(869_525_000, 3600 * S + 1, 3 * S), "an hour later the first frame no longer counts"


def test_a_payload_too_long_for_its_data_rate_goes_faster() -> None:
    """RP002, Maximum Payload Size: 51 bytes up to DR2, 115 at DR3."""
    bench = Bench(data_rate=0)
    network = bench.join()
    assert bench.report(network, bytes(51))[0].data_rate == 0
    assert bench.report(network, bytes(52))[0].data_rate == 3
    assert bench.report(network, bytes(116))[0].data_rate == 4
