"""`terroir codec`: decoders that vendors publish in JavaScript, and mappings of what the network server decodes."""

import getpass
from datetime import datetime
from pathlib import Path

import click

from services.commands.codec_given import (
    check_name,
    codec_runner,
    mapping_of,
    payload_of,
    refuse_ours,
    run_codec,
    text_of,
    validated,
)
from services.commands.codec_shown import show_mapping, show_output, show_unmapped
from services.commands.decoding import show_decoded
from services.commands.failure import Failure, told
from services.commands.store import opened, read_settings
from services.commands.tables import show_table

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TIME = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"])


@click.group()
def codec() -> None:
    """Vendors' own codecs, and mappings of their output. See docs/decoders/codecs.md."""


@codec.command("try", epilog="Example: terroir codec try acme.js --port 2 00ea41 --write-mapping acme.json")
@click.argument("file", metavar="FILE.js", type=FILE)
@click.argument("payload", metavar="HEX")
@click.option("--port", "f_port", type=click.IntRange(0, 255), required=True, help="The frame's LoRaWAN port (f_port).")
@click.option(
    "--mapping", "mapping_file", type=FILE, help="What the output means; proposed from its names if not given."
)
@click.option("--write-mapping", type=click.Path(dir_okay=False, path_type=Path), help="Keep the mapping in this file.")
@click.option("--at", metavar="TIME", type=TIME, help="When it was received, with offset; now if not given.")
def try_codec(
    file: Path, payload: str, f_port: int, mapping_file: Path | None, write_mapping: Path | None, at: datetime | None
) -> None:
    """Run a codec on one payload: its output, what that becomes, and what nobody has mapped.

    Needs no server. Exit status 1 when the codec gives nothing for the frame.
    """
    from decoders.codec.codec import make_codec
    from decoders.codec.mapping import CodecMapping, apply
    from decoders.codec.mapping_file import mapping_text
    from decoders.codec.proposal import propose, unmapped

    given = mapping_of(mapping_file) if mapping_file else None
    source, frame = text_of(file), payload_of(payload)
    with codec_runner() as runner:
        output = run_codec(
            runner, make_codec(f"try/{file.stem.lower()}", source, given or CodecMapping(())), f_port, frame, at
        )
    show_output(output)
    mapping = given or propose([output.data])
    click.echo(f"\n{'mapping' if given else 'proposed mapping, to be confirmed'}:")
    show_mapping(mapping)
    click.echo()
    show_decoded(apply(mapping, output.data, output.warnings).decoded)
    show_unmapped(unmapped(mapping, output.data))
    if write_mapping:
        with told(OSError):
            write_mapping.write_text(mapping_text(mapping) + "\n", encoding="utf-8")
        click.echo(f"\nwrote {write_mapping}")


@codec.command(
    "add", epilog="Example: terroir codec add acme/thermo-1 acme.js --mapping acme.json --author 'A. Martin'"
)
@click.argument("decoder", metavar="VENDOR/MODEL")
@click.argument("file", metavar="[FILE.js]", type=FILE, required=False)
@click.option(
    "--object", "from_object", is_flag=True, help="No codec: the network server decodes, this maps its object."
)
@click.option("--mapping", "mapping_file", type=FILE, help="What the output means; proposed from --frame if not given.")
@click.option("--port", "f_port", type=click.IntRange(0, 255), help="The port of --frame.")
@click.option("--frame", "payload", metavar="HEX", help="A payload that the codec must decode.")
@click.option(
    "--model", "models", multiple=True, help="Model whose frames it decodes [default: VENDOR/MODEL]; repeatable."
)
@click.option("--author", help="Who adds it [default: the name you are signed in with].")
def add(
    decoder: str,
    file: Path | None,
    from_object: bool,
    mapping_file: Path | None,
    f_port: int | None,
    payload: str | None,
    models: tuple[str, ...],
    author: str | None,
) -> None:
    """Keep a codec with its mapping and let it decode the frames of VENDOR/MODEL from now on.

    Frames of that model that wait for a decoder become readings. Earlier versions are kept.
    """
    from services.core.clock import system_clock
    from services.core.storage.codecs import add_codec

    for name in (decoder, *models):
        check_name(name)
    refuse_ours(decoder)
    if from_object == (file is not None):
        raise Failure("name the codec's FILE.js, or give --object for what the network server decodes; one of the two")
    if payload is not None and f_port is None:
        raise Failure("--frame needs its --port")
    mapping = mapping_of(mapping_file) if mapping_file else None
    source = text_of(file) if file else None
    if source is not None:
        mapping = validated(decoder, source, mapping, f_port, payload)
    if mapping is None or not mapping.rules:
        raise Failure(
            "a mapping is needed that names a quantity for at least one output: terroir codec try ... --write-mapping "
            "FILE makes a first one, docs/decoders/codecs.md explains it"
        )
    with opened(read_settings()) as connection:
        added = add_codec(
            connection, decoder, source, mapping, author or _signed_in(), models or (decoder,), system_clock()
        )
    click.echo(f"{added.label} decodes the frames of {', '.join(models or (decoder,))} from now on")


@codec.command("list", epilog="Example: terroir codec list")
def list_codecs() -> None:
    """Every version of every codec: newest first, which is current, and the models whose frames it decodes."""
    from services.core.storage.codecs import codec_versions

    with opened(read_settings()) as connection:
        found = codec_versions(connection)
    rows = [
        (
            one.decoder,
            one.version,
            "current" if one.current else "",
            one.kind,
            f"{one.created_at:%F %R}",
            one.author,
            ", ".join(one.models) if one.current else "",
        )
        for one in found
    ]
    show_table(("codec", "version", "", "kind", "added", "by", "models"), rows)


@codec.command("show", epilog="Example: terroir codec show acme/thermo-1 --source > acme.js")
@click.argument("decoder", metavar="VENDOR/MODEL")
@click.option("--version", help="Which version; the current one, or the newest, if not given.")
@click.option("--source", "only_source", is_flag=True, help="Print the codec's source and nothing else.")
def show(decoder: str, version: str | None, only_source: bool) -> None:
    """A codec's mapping and where it comes from."""
    from decoders.codec.mapping_file import mapping_text
    from services.core.storage.codecs import codec_versions, get_codecs

    with opened(read_settings()) as connection:
        known = codec_versions(connection, decoder)
        chosen = next((one for one in known if (one.current if version is None else one.version == version)), None)
        if chosen is None and version is None and known:
            chosen = known[0]
        found = get_codecs(connection, [(chosen.decoder, chosen.version)]) if chosen else []
    if chosen is None or not found:
        what = f"{decoder}@{version}" if version else decoder
        raise Failure(f"there is no codec {what}; terroir codec list shows those there are")
    program = found[0].program
    if only_source:
        if program is None:
            raise Failure(f"{decoder} has no source: the network server decodes its frames")
        click.echo(program.source, nl=False)
        return
    state = "current" if chosen.current else "not current"
    click.echo(f"{found[0].label} ({chosen.kind}, {state}), added {chosen.created_at:%F %R} by {chosen.author}")
    click.echo(mapping_text(found[0].mapping))


@codec.command("retire", epilog="Example: terroir codec retire acme/thermo-1")
@click.argument("decoder", metavar="VENDOR/MODEL")
def retire(decoder: str) -> None:
    """Let no version of a codec decode any more. All are kept; new frames wait for a decoder."""
    from services.core.storage.codecs import retire_codec
    from services.core.vocabulary import sync_vocabulary

    with opened(read_settings()) as connection:
        if not retire_codec(connection, decoder):
            raise Failure(f"there is no codec {decoder} that decodes; terroir codec list shows those there are")
        # A model that has a decoder of this release goes back to it.
        sync_vocabulary(connection)
    click.echo(f"{decoder} decodes nothing from now on; terroir codec add brings it back")


def _signed_in() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise Failure("say who adds it: --author NAME") from None
