"""versions, rollback, verify, mirror: what an operator does with the published versions.

Belongs here: the commands and what they print. Does not: any of the work (pipelines/publishing).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, err, fail, out, plain_table, told_errors

if TYPE_CHECKING:  # imported by the commands themselves: `--help` does without pyarrow
    from pipelines.publishing import Damage
    from tierline import Manifest

_MEGABYTE = 1_000_000
_ROLLED_UP = (
    "copy it back from a backup; where the day's call detail is still kept (keep_cdr_days), delete it and run a night: "
    "it rolls that day up again"
)
# Folders of immutable day files in the home, and what to do about one that is damaged.
_DAY_FILES = {
    "published/usage_daily": _ROLLED_UP,
    "published/tier_history": "copy it back from a backup: later nights go on from it",
    "contact_days": _ROLLED_UP,
    "training/features": "delete it: the next training makes it again",
    "published/campaigns": "copy it back from a backup: it says whom a campaign called and whom not",
}


def versions(
    home: opt.HomeOption = opt.DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, newest version last, for scripts.")] = False,
) -> None:
    """List the published versions: what each holds, which one readers use, and which were rolled back.

    Leaves with 5 when nothing is published.

    [bold]Examples[/]

        tierline versions

        tierline versions --json
    """
    from pipelines.publishing.history import committed, current_version, rolled_back

    folder = _tier_table(home)
    kept = committed(folder) if (folder / "manifests").is_dir() else {}
    if not kept:
        fail(Exit.NOT_FOUND, f"no version in {folder}: nothing is published yet")
    current = current_version(folder)
    now = datetime.now(UTC)
    taken = rolled_back(kept)
    rows = [_described(v, m, current is not None and v == current.version, now, taken) for v, m in kept.items()]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    tiers = list(dict.fromkeys(tier for m in reversed(kept.values()) if m is not None for tier in m.tiers))
    names = ("version", "as of", "published UTC", "lines", *tiers, "state")
    table = plain_table(*names, right=["version", "lines", *tiers], gap=1)
    for row, manifest in zip(rows, kept.values(), strict=True):
        state = f"[{_COLOUR_OF.get(row['state'], 'dim')}]{row['state']}[/]"
        if manifest is None:
            table.add_row(str(row["version"]), *[""] * (3 + len(tiers)), state)
            continue
        shares = [f"{manifest.tiers.get(tier, 0) / max(manifest.rows, 1):.1%}" for tier in tiers]
        table.add_row(
            str(row["version"]),
            str(manifest.as_of_date),
            f"{manifest.published_at:%Y-%m-%d %H:%M}",
            f"{manifest.rows:,}",
            *shares,
            f"{state}, current" if row["current"] else state,
        )
    out.print(table)
    if current is None:
        err.print(
            "[yellow]warning:[/] CURRENT.json can't be trusted: see `tierline verify`, and run a night again",
            soft_wrap=True,
        )
    else:
        out.print(f"Readers call version {current.version} stale after {current.expires_at:%Y-%m-%d %H:%M} UTC.")
    for row in rows:
        for note in row["notes"]:
            out.print(f"{row['version']}: {escape(note)}", soft_wrap=True)


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the version, for whoever asks later.")],
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="VERSION", help="Default: the newest intact one before.")
    ] = None,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Publish an older version's table again, as a new version; nothing is copied or deleted.

    Its files are verified first. The run that is rolled back is not published again by the nights
    to come, unless it is accepted; a later day, or the same day with mended extracts, is.

    [bold]Examples[/]

        tierline rollback --reason "half of the brand's bills were missing"

        tierline rollback --to 41 --reason "tiers of 42 and 43 are wrong"
    """
    from pipelines.publishing import rollback as roll_back
    from pipelines.settings import load

    with told_errors():
        settings = load(home)
        now = datetime.now(UTC)
        done = roll_back(
            _tier_table(home),
            to_version=to,
            published_at=now,
            expires_at=now + timedelta(hours=settings.expires_after_hours),
            reason=reason,
            lock_wait_seconds=settings.lock_wait_seconds,
            keep_versions=settings.keep_versions,
            min_age=timedelta(hours=settings.keep_hours),
        )
    manifest = done.manifest
    out.print(
        f"[green]Version {done.version}[/] is current: the table of version {manifest.provenance['rollback_to']}, "
        f"{manifest.rows:,} lines as of {manifest.as_of_date}. Version {manifest.provenance['rollback_of']} was taken "
        f"back; its run is published again only when it is accepted.",
        soft_wrap=True,
    )
    _warn_uncollected(done.uncollected)


def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(exists=True, file_okay=False, help="A published folder, or a mirror. Default: the home's."),
    ] = None,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Read all published versions back from the disk and say what is damaged, and its cure.

    Without FOLDER also the home's files by day (usage, contacts, tier history, features for training) and campaign,
    and the churn models that were champion.
    Reads only; may run beside nights and readers. Leaves with 1 when something is damaged, with 5 when nothing is
    published.

    [bold]Examples[/]

        tierline verify

        tierline verify /mnt/routing/customer_tiers
    """
    from pipelines.day_files import verify_days
    from pipelines.publishing import PublishError
    from pipelines.publishing import verify as verify_versions
    from pipelines.training.registry import FOLDER, verify_models

    place = folder or _tier_table(home)
    with StepBar("verify", 1 if folder else 1 + len(_DAY_FILES)) as bar:
        try:
            found = verify_versions(place, _megabytes(bar, "versions"))
        except PublishError as error:
            fail(Exit.NOT_FOUND, str(error))
        days = {
            name: verify_days(home / name, cure, partial(bar.step, name))
            for name, cure in ({} if folder else _DAY_FILES).items()
        }
        if not folder:
            days[FOLDER.as_posix()] = verify_models(home)
    table = plain_table("version", "as of", "files", "state", right=["version", "files"])
    for report in found.versions:
        state = "[red]damaged[/]" if report.damages else "[green]intact[/]"
        as_of, files = (
            (str(report.manifest.as_of_date), str(len(report.manifest.files))) if report.manifest else ("", "")
        )
        table.add_row(str(report.version), as_of, files, state + (", current" if report.is_current else ""))
    out.print(table)
    out.print(f"{_many(found.files, 'file')} of versions read, {found.bytes / _MEGABYTE:,.1f} MB", soft_wrap=True)
    for name, (compared, unknown, _) in days.items():
        more = f"; {unknown:,} of before their digests were kept" if unknown else ""
        out.print(f"{_many(compared, 'file')} of {name.removeprefix('published/')} compared{more}", soft_wrap=True)
    if found.unlisted:
        err.print(
            f"[yellow]note:[/] {_many(len(found.unlisted), 'leftover')} that no version lists, of a publisher that was "
            f"killed or is at work, until the next publication: {escape(', '.join(found.unlisted))}",
            soft_wrap=True,
        )
    damages = [(place, damage) for damage in found.damages]
    if not folder and (lost := _lost_night(home)) is not None:
        damages.append((home / "published" / "tier_history", lost))
    damages += [(home / name, damage) for name, found_days in days.items() for damage in found_days[2]]
    for where, damage in damages:
        _tell(where, damage)
    if damages:
        raise typer.Exit(int(Exit.FAILED))


def mirror(
    destination: Annotated[Path, typer.Argument(file_okay=False, help="Folder of the mirror; its parent must exist.")],
    all_: Annotated[bool, typer.Option("--all", help="All kept versions, not the current one alone.")] = False,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Copy the current version to another host's folder (NFS, an object store's mount), for readers there.

    Only whole versions, verified on the way, the pointer last: readers there never see half a
    table. Never goes backwards, never overwrites a file that differs. Once killed, call it again.

    [bold]Examples[/]

        tierline mirror /mnt/routing/customer_tiers

        tierline mirror /mnt/standby/customer_tiers --all
    """
    from pipelines.publishing import mirror as copy
    from pipelines.settings import load

    with told_errors():
        settings = load(home)
        with StepBar("mirror", 1) as bar:
            done = copy(
                _tier_table(home),
                destination,
                now=datetime.now(UTC),
                all_versions=all_,
                min_age=timedelta(hours=settings.keep_hours),
                lock_wait_seconds=settings.lock_wait_seconds,
                progress=_megabytes(bar, "copying"),
            )
    word = "is now current" if done.switched else "was current already"
    out.print(
        f"[green]Version {done.version}[/] {word} in {escape(str(destination))}: {_many(done.copied, 'file')} "
        f"copied, {done.bytes / _MEGABYTE:,.1f} MB; {done.already_there} already there; "
        f"{_many(len(done.removed), 'old version')} removed",
        soft_wrap=True,
    )
    if done.damaged:
        listed = ", ".join(map(str, done.damaged))
        err.print(f"[yellow]warning:[/] left out, damaged here: {listed}; see tierline verify", soft_wrap=True)


_COLOUR_OF = {"fresh": "green", "stale": "yellow", "damaged": "red"}


def _tier_table(home: Path) -> Path:
    return home / "published" / "customer_tiers"


def _lost_night(home: Path) -> Damage | None:
    """What is missing of the history that the published version goes on from."""
    from pipelines.publishing import Damage
    from pipelines.publishing.history import current_version
    from pipelines.tier_history import PROVENANCE, TierHistoryError, nights_up_to

    manifest = current_version(_tier_table(home))
    try:
        head = manifest.provenance.get(PROVENANCE) if manifest is not None else None
        nights_up_to(home / "published" / "tier_history", head)
    except TierHistoryError as error:
        return Damage("the published version", str(error), _DAY_FILES["tier_history"])
    return None


def _described(
    version: int, manifest: Manifest | None, current: bool, now: datetime, taken: dict[str, Manifest]
) -> dict[str, Any]:
    """A version as `versions --json` gives it."""
    if manifest is None:
        return {"version": version, "current": current, "state": "damaged", "notes": ["see tierline verify"]}
    given = manifest.provenance
    notes = []
    if "rollback_of" in given:
        notes.append(f"rollback of {given['rollback_of']} to {given['rollback_to']}: {given.get('reason', '')}")
    notes += [f"{name}: {text}" for name, text in given.items() if name.startswith("accepted")]
    rollback_ = taken.get(manifest.run_key)
    if rollback_ is not None:
        notes.append(f"taken back by {rollback_.version}")
    return {
        "version": version,
        "current": current,
        "state": "stale" if now > manifest.expires_at else "fresh",
        "as_of_date": manifest.as_of_date.isoformat(),
        "published_at": manifest.published_at.isoformat(),
        "expires_at": manifest.expires_at.isoformat(),
        "rows": manifest.rows,
        "tiers": dict(manifest.tiers),
        "run_key": manifest.run_key,
        "provenance": dict(given),
        "notes": notes,
    }


def _tell(folder: Path, damage: Damage) -> None:
    err.print(
        f"[bold red]damaged:[/] {escape(str(folder / damage.path))}: {escape(damage.what)}\n"
        f"  [bold]cure:[/] {escape(damage.cure)}",
        soft_wrap=True,
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _megabytes(bar: StepBar, step: str) -> Callable[[int, int], None]:
    """A progress of bytes as one of whole megabytes, complete at the end only."""

    def told(done: int, total: int) -> None:
        all_ = max(1, -(-total // _MEGABYTE))
        bar.step(step, all_ if done >= total else min(done // _MEGABYTE, all_ - 1), all_)

    return told


def _warn_uncollected(why: str | None) -> None:
    if why is not None:
        err.print(f"[yellow]warning:[/] old versions could not be removed: {escape(why)}", soft_wrap=True)
