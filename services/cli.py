"""The `terroir` command. Each part is imported when its subcommand is called, none before."""

import click

from services.commands.codec import codec
from services.commands.decoding import decode, decoders
from services.commands.demo import demo
from services.commands.devices import devices
from services.commands.keys import keys
from services.commands.ledger import ledger
from services.commands.processes import api, ingest, worker
from services.commands.quarantine import quarantine
from services.commands.redecode import redecode
from services.commands.replay import replay
from services.commands.simulation import simulate
from services.commands.status import status
from services.commands.store import migrate
from services.commands.verification import verify

COMMANDS: tuple[click.Command, ...] = (
    demo,
    migrate,
    status,
    ingest,
    worker,
    api,
    simulate,
    verify,
    decoders,
    decode,
    codec,
    redecode,
    quarantine,
    replay,
    ledger,
    devices,
    keys,
)


@click.group(
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: terroir demo, then open http://127.0.0.1:8000/",
)
@click.version_option(package_name="terroir", message="terroir %(version)s")
def main() -> None:
    """The data backend of a territory's LoRaWAN network: nothing acknowledged is ever lost.

    Settings come from the environment (TERROIR_DATABASE_URL, TERROIR_MQTT_URL, ...) or from the TOML file that
    TERROIR_CONFIG names; terroir status shows them all. Exit status: 0 done, 1 the answer is no, 2 wrong use or
    setting.
    """


if __name__ == "__main__":
    main()
