"""A RabbitMQ server from Debian's packages, unpacked and run without root, with an epmd of its own."""

import subprocess
import time
from pathlib import Path

import pika

from services.demo.debian import Software, unpacked
from services.demo.ports import free_port

ERLANG = tuple(
    f"erlang-{part}"
    for part in (
        *("base", "asn1", "crypto", "eldap", "inets", "mnesia", "os-mon", "parsetools", "public-key"),
        *("runtime-tools", "ssl", "syntax-tools", "tools", "xmerl"),
    )
)
RABBITMQ = Software(
    "rabbitmq-server",
    ("rabbitmq-server", *ERLANG),
    programs="usr/lib/erlang/**/bin/*",
    plugins=("usr/lib/erlang/lib/crypto-*/priv/lib/*.so",),
)


class RabbitServer:
    """``url`` is its user's guest; ``publish`` does as ChirpStack's ``amqp.rs``: to amq.topic, transient."""

    def __init__(self, folder: Path) -> None:
        root = unpacked(RABBITMQ, lambda _: None)
        erlang = root / "usr/lib/erlang"
        [self._programs] = erlang.glob("erts-*/bin")
        [home] = (root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")
        self.port, distribution, self._names = free_port(), free_port(), free_port()
        self._log = folder / "rabbit.log"
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.console = true\nlog.file = false\n"
            "disk_free_limit.absolute = 1MB\n"
        )
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder),
            "ROOTDIR": str(erlang),
            "BINDIR": str(self._programs),
            "EMU": "beam",
            "PROGNAME": "erl",
            "ERL_LIBS": str(home / "plugins"),
            "ERL_EPMD_PORT": str(self._names),
            "ERL_CRASH_DUMP": "/dev/null",
            "RABBITMQ_HOME": str(home),
            "RABBITMQ_NODENAME": "terroir@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PLUGINS_DIR": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
        }
        kernel = {
            "inet_dist_listen_min": str(distribution),
            "inet_dist_listen_max": str(distribution),
            "inet_dist_use_interface": "{127,0,0,1}",
        }
        self._command = [
            *(str(self._programs / "erlexec"), "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl"),
            *(word for name, value in kernel.items() for word in ("-kernel", name, value)),
            *("-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false"),
        ]
        self._folder = folder
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

    def start(self) -> None:
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [self._programs / "epmd", "-port", str(self._names), "-address", "127.0.0.1"], env=self._environment
            )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, cwd=self._folder
            )
        deadline = time.monotonic() + 120
        while "Server startup complete" not in (said := self._log.read_text(errors="replace")):
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def end(self) -> None:
        """In order, as systemd would."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def publish(self, messages: list[tuple[str, bytes]]) -> None:
        """Returns when the queues have them (publisher confirms, which ChirpStack does without)."""
        connection = pika.BlockingConnection(pika.URLParameters(f"{self.url}/%2F"))
        channel = connection.channel()
        channel.confirm_delivery()
        for topic, body in messages:
            channel.basic_publish("amq.topic", topic.replace("/", "."), body)
        connection.close()
