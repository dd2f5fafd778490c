"""Previews and runs of re-decoding as people read them."""

from typing import TYPE_CHECKING

import click

from services.commands.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.core.redecoding.previewing import Report, Shown
    from services.core.redecoding.scope import Plan
    from services.core.storage.redecode_runs import Run

_FLAGS = {
    1: "out of range",
    2: "spike",
    4: "stuck",
    8: "late",
    16: "clock suspect",
    32: "device error",
    64: "conflict",
    128: "historical",
}


def show_report(report: "Report", plan: "Plan", seconds: float, complete: bool) -> None:
    """A preview; `seconds`: how long it took."""
    totals = report.totals
    rate = report.frames / seconds if seconds else 0.0
    what = "" if complete else f" of {plan.frames} (interrupted)"
    click.echo(
        f"preview of {plan.scope.model}: {report.frames} uplinks{what} of {len(plan.devices)} devices, "
        f"{rate:,.0f} a second; nothing was changed\n"
    )
    show_table(("uplinks", "would be"), [(str(n), name) for name, n in report.outcomes.most_common()])
    click.echo()
    rows = [
        (name, str(q.added), str(q.removed), str(q.changed), str(q.flags_only), str(q.unchanged))
        for name, q in sorted(report.quantities.items())
    ]
    every = (totals.added, totals.removed, totals.changed, totals.flags_only, totals.unchanged)
    show_table(
        ("readings", "added", "removed", "changed", "flags only", "unchanged"), [*rows, ("all", *map(str, every))]
    )
    largest = [shown for shown_of in report.largest.values() for shown in shown_of]
    if largest:
        click.echo("\nlargest changes")
        _side_by_side(largest)
    if report.sample:
        click.echo("\na sample of all changes")
        _side_by_side(sorted(report.sample, key=lambda shown: (shown.quantity, shown.measured_at)))


def _side_by_side(changes: "Sequence[Shown]") -> None:
    rows = [
        (
            str(change.point),
            change.quantity + (f" {change.channel}" if change.channel else ""),
            f"{change.measured_at:%F %T}",
            _number(change.old),
            _number(change.new),
            "" if change.old is None or change.new is None else f"{change.new - change.old:+.6g}",
            _flags(change.old_flags),
            _flags(change.new_flags),
        )
        for change in changes
    ]
    show_table(("point", "quantity", "measured (UTC)", "now", "then", "difference", "flags now", "flags then"), rows)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def _flags(flags: int | None) -> str:
    return ", ".join(name for bit, name in _FLAGS.items() if (flags or 0) & bit)


def show_runs(runs: "Sequence[Run]", kept: "Mapping[int, int]") -> None:
    """Every run, newest first, with what it keeps."""
    if not runs:
        click.echo("nothing was decoded again yet")
        return
    rows = [
        (
            str(run.run),
            f"{run.asked_at:%F %T}",
            run.asked_by,
            run.action,
            run.state + (", forgotten" if run.forgotten_at else ""),
            run.model + (f" {run.dev_eui}" if run.dev_eui else ""),
            f"{run.frames_done} of {run.frames if run.frames is not None else '?'}",
            f"+{run.added} -{run.removed} ~{run.changed}",
            _kept(kept.get(run.run, 0)),
            run.failure or "",
        )
        for run in runs
    ]
    show_table(
        ("run", "asked (UTC)", "by", "action", "state", "of", "uplinks", "readings", "kept for undo", "failure"), rows
    )


def _kept(values: int) -> str:
    """Previous values and the room they take: 120 bytes each with their index (docs/redecode.md)."""
    return f"{values} ({values * 120 / 1e6:.0f} MB)" if values else ""
