"""Which of several workers a message is dealt to: always the same one for a device, while their number stays."""

from zlib import crc32

from services.ingest.chirpstack_topic import TopicFilter


class Shares:
    """Workers are 0 to ``count`` - 1."""

    def __init__(self, topics: TopicFilter, count: int) -> None:
        self.count = count
        self._device = topics.device

    def of(self, topic: str) -> int:
        """By the DevEUI where the filter has one; by the whole topic where it is too short."""
        return crc32(self._device(topic).encode()) % self.count

    def of_device(self, dev_eui: str) -> int:
        return crc32(dev_eui.lower().encode()) % self.count
