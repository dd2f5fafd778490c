"""What a decoder that crashes is told by: the story once in a while, not for each of its frames."""

import structlog

CRASHES_PER_STORY = 1000
"""Of so many crashes of a decoder one is told with its traceback; each stands with its frame and in the metrics."""


class CrashLog:
    """Counts crashes by decoder; keep one as long as the process decodes."""

    def __init__(self) -> None:
        self._crashes: dict[str, int] = {}

    def tell(self, event: str, decoder: str, dev_eui: str) -> None:
        """Note the exception that is being handled."""
        before = self._crashes.get(decoder, 0)
        if before % CRASHES_PER_STORY == 0:
            structlog.get_logger().exception(event, decoder=decoder, dev_eui=dev_eui, crashes_before=before)
        self._crashes[decoder] = before + 1
