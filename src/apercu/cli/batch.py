"""`apercu batch`: a preview of everything in an archive."""

import argparse
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from apercu.cli import streams
from apercu.cli.encode import add_encoding
from apercu.cli.messages import EXIT_MISTAKE, complain, remark
from apercu.errors import MissingExtra, OptionError, printable
from apercu.processes import n_cores

if TYPE_CHECKING:
    from apercu.bridges.archive.making import Step

DESCRIPTION = """\
Make a preview of every picture in an archive: DEST/NAME.apc, NAME being that of the source below its folder, with its
suffix. A source is a file, a folder with all pictures below it, or a pattern ('*', '?', '[]', '**'), on this machine,
in S3 (s3://) or on a web server (http://, https://). DEST is a folder of this machine or of a store such as S3.

A manifest, an SQLite file, has a row for each source: what became of it, and what it was made from. So the call may be
interrupted, or killed, and made again: only what is missing, has changed or is to be made by other options is done. A
source that cannot be encoded is named, recorded with its error, and not tried again without --retry; the exit code is 2
as long as there is one.
"""

EXAMPLES = """\
examples:
  apercu batch photos/ previews/ --bytes 1000          on all cores of this machine
  apercu batch 's3://scenes/2026/**/*.tif' s3://previews/2026 --bytes 4000 --workers 16
  apercu batch s3://scenes s3://previews --from names.txt --bytes 4000 --scheduler tcp://10.0.0.5:8786
  apercu batch scenes/ previews/ --bytes 4000 --shard 17/100          the 17th of 100 jobs
  apercu batch photos/ previews/ --bytes 1000 --retry                 what failed, once more
  apercu batch --manifest previews.sqlite --export previews.parquet

docs/archives.md walks through an archive, and says which way when.
"""

_MOST_NAMED = 20  # failures that are printed; the manifest has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.usage = f"{parser.prog} SRC ... DEST [options]\n       {parser.prog} --manifest FILE --export FILE"
    parser.add_argument("files", metavar="SRC ... DEST", nargs="*", help="the sources, and where their previews go")
    parser.add_argument(
        "--from",
        dest="names",
        metavar="FILE",
        help="a list of the sources, one in each line, below the one SRC (- for standard input); there may be millions",
    )
    how = parser.add_argument_group("who does the work (default: all cores of this machine)")
    who = how.add_mutually_exclusive_group()
    who.add_argument("--workers", type=int, metavar="N", help="N processes of this machine; 0: this process alone")
    who.add_argument("--scheduler", metavar="URL", help="the workers of a Dask cluster, such as tcp://10.0.0.5:8786")
    how.add_argument(
        "--shard",
        metavar="I/N",
        type=_shard,
        help="only the I-th of N parts, from 1, by itself and in this process alone unless --workers says otherwise: "
        "for array jobs",
    )
    book = parser.add_argument_group("the manifest")
    book.add_argument(
        "--manifest",
        metavar="FILE",
        help="where it is (default: beside DEST, or here if DEST is elsewhere: DEST.sqlite)",
    )
    book.add_argument("--retry", action="store_true", help="try again what failed before")
    book.add_argument("--export", metavar="FILE", help="write the manifest as a Parquet file too, at the end")
    book.add_argument(
        "--unmeasured",
        action="store_true",
        help="do not decode previews to record their errors, which saves 10 to 20 %%",
    )
    add_encoding(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing when all goes well")
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing, and say on standard error what came of it; returns the exit code."""
    try:
        import fsspec  # noqa: F401  # before any other module says less well that it is missing
    except ImportError as error:
        raise MissingExtra("batch needs fsspec: pip install 'apercu[archive]'") from error
    from apercu.bridges.archive import making, manifest, sources

    streams.set_limit(arguments)
    if not arguments.files and arguments.export and arguments.manifest:
        with manifest.opened(arguments.manifest) as database:
            manifest.export(database, arguments.export)
        return 0
    if len(arguments.files) < 2:
        raise OptionError("give at least one source, and a folder for the previews (SRC ... DEST)")
    *given, destination = arguments.files
    shard = sources.Shard(*arguments.shard) if arguments.shard else None
    place = arguments.manifest or manifest.place_of(destination, arguments.shard)
    options = streams.encoding_options(arguments)
    with _workers(arguments) as workers:
        steps = making.make(
            given,
            destination,
            names=arguments.names,
            place=place,
            shard=shard,
            retry=arguments.retry,
            workers=workers,
            page=arguments.page,
            measure=not arguments.unmeasured,
            **options,
        )
        last = _followed(steps)
    if arguments.export:
        with manifest.opened(place) as database:
            manifest.export(database, arguments.export)
    if not arguments.quiet:
        remark(_summary(last))
    if last.n_failed:
        what = "1 source has" if last.n_failed == 1 else f"{last.n_failed:,} sources have"
        complain(f"{what} no preview; {printable(place)} says why, and --retry tries again")
    return EXIT_MISTAKE if last.n_failed else 0


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N, with I from 1 to N")
    return number, count


@contextmanager
def _workers(arguments: argparse.Namespace) -> Iterator[Callable[..., Any] | None]:
    """What does the tasks; None for this process."""
    n_workers = arguments.workers
    if n_workers is None:
        n_workers = 0 if arguments.shard else n_cores()
    if n_workers < 0:
        raise OptionError(f"--workers is 0 or more, not {n_workers}")
    if n_workers == 0 and arguments.scheduler is None:
        yield None
        return
    from apercu.bridges.archive import cluster

    said: list[str] = []
    stack = ExitStack()
    try:
        with streams.muted():  # what processes have to say as they are started or ended is of no use
            do = stack.enter_context(cluster.workers(n_workers, arguments.scheduler, said.append))
        if said and not arguments.quiet:
            remark("\n".join(said))
        yield do
    finally:
        with streams.muted():
            stack.close()


def _followed(steps: "Generator[Step, None, None]") -> "Step":
    """Work through all steps, with a progress bar and a line for each failure; returns the last step."""
    n_named = 0
    last: Step | None = None
    with closing(steps), streams.progress_bar("making previews") as progress:
        while True:
            with streams.muted():
                step = next(steps, None)
            if step is None:
                assert last is not None
                return last
            last = step
            for failure in step.failures[: _MOST_NAMED - n_named]:
                streams.complain_above(progress, f"{printable(failure.source)}: {failure.message}")
            n_named = min(n_named + len(step.failures), _MOST_NAMED)
            if progress:
                progress(step.share)


def _summary(last: "Step") -> str:
    """One line: `9,998 of 10,000 sources have previews; 120 made now, 118,204 bytes, 4.1 seconds of processors`."""
    n_all = last.n_done + last.n_failed
    made = f"{last.n_made:,} made now"
    if last.n_made:
        made += f", {last.n_bytes:,} bytes, {last.seconds:,.1f} seconds of processors"
    return f"{last.n_done:,} of {n_all:,} sources have previews; {made}"
