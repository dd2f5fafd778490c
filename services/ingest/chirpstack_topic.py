"""Topics of ChirpStack's events. Their template can be changed there, so the filter is a setting here.

The default is ``application/{application_id}/device/{dev_eui}/event/{event}`` (ChirpStack v4, ``[integration.mqtt]``).
"""

import re
from itertools import pairwise

from msgspec import Struct

from services.core.settings import SettingError

SHARE_GROUP = "terroir"
"""The group that `--workers` shared a filter in until they were dealt to by one session."""

REMEMBERED = "$redis/"
"""Topics of events from ChirpStack's own memory begin so; those are protobuf, whatever its integrations write."""

POSTED = "$http/"
POSTED_TTS = "$tts/"
"""Those of events that came by webhook: ChirpStack's, and The Things Stack's, which have a form of their own."""

_SHARE = "$share/"
_WILDCARDS = frozenset({"+", "{dev_eui}", "{event}", "{application_id}"})
_CARRIED = re.compile(r"\$(?:redis|http|tts)/device/[^/]*/event/([^/]*)")
_DEV_EUI = re.compile(r"[0-9a-fA-F]{16}")


class EventTopic(Struct, frozen=True, gc=False):
    """What a topic says. ``dev_eui`` in lower case; "" where only the payload tells."""

    dev_eui: str
    event: str


class TopicFilter:
    """The setting ``mqtt_topic``: what to subscribe to, and where in a topic the DevEUI and the event stand.

    A ``+`` after a level named ``device`` is the DevEUI, one after ``event`` the event; other templates name these
    levels: ``lora/{dev_eui}/{event}``. A shared subscription (``$share/GROUP/...``) is the same filter.
    """

    def __init__(self, setting: str) -> None:
        group, levels = _split(setting)
        self.is_shared = bool(group)
        self.subscription = group + "/".join("+" if level in _WILDCARDS else level for level in levels)
        self._fixed = {at: level for at, level in enumerate(levels) if level not in _WILDCARDS}
        self._length = len(levels)
        self._dev_eui = _place(setting, levels, "device", "{dev_eui}")
        self._event = _place(setting, levels, "event", "{event}")

    def parse(self, topic: str) -> EventTopic | None:
        """What the topic says, or None when it is none of ours (a command's, another product's)."""
        levels = topic.split("/")
        if len(levels) != self._length or any(levels[at] != level for at, level in self._fixed.items()):
            return None
        dev_eui = levels[self._dev_eui]
        if not _DEV_EUI.fullmatch(dev_eui):
            return None
        return EventTopic(dev_eui.lower(), levels[self._event])

    def device(self, topic: str) -> str:
        """The level where the DevEUI should stand, in lower case, unchecked; the whole topic when it has none."""
        levels = topic.split("/", self._dev_eui + 1)
        return levels[self._dev_eui].lower() if len(levels) > self._dev_eui else topic


def carried(topic: str) -> EventTopic | None:
    """What an event says that no topic came with, in the words of its source: ``$redis/device/-/event/up``.

    A device named there is for people who search the quarantine; the payload decides. No broker delivers such topics
    of others: those that begin with ``$`` are its own.
    """
    found = _CARRIED.fullmatch(topic)
    return EventTopic("", found[1]) if found else None


def _split(setting: str) -> tuple[str, list[str]]:
    group, topic = "", setting
    if setting.startswith(_SHARE):
        name, separator, topic = setting.removeprefix(_SHARE).partition("/")
        if not name or not separator or "+" in name or "#" in name:
            raise SettingError(
                "TERROIR_MQTT_TOPIC: a shared filter looks like $share/GROUP/application/+/device/+/event/+"
            )
        group = f"{_SHARE}{name}/"
    levels = topic.split("/")
    if any("#" in level or ("+" in level and level != "+") for level in levels):
        raise SettingError("TERROIR_MQTT_TOPIC: one level per +, and no #: commands would be read as events")
    return group, levels


def _place(setting: str, levels: list[str], named: str, placeholder: str) -> int:
    if placeholder in levels:
        return levels.index(placeholder)
    for at, (before, level) in enumerate(pairwise(levels), start=1):
        if before == named and (level == "+" or named == "event"):
            return at
    raise SettingError(
        f"TERROIR_MQTT_TOPIC: {setting} does not say where {placeholder} stands;"
        " write application/+/device/+/event/+ or name the levels: lora/{dev_eui}/{event}"
    )
