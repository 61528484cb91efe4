"""The manifest of an archive: what became of every source, in an SQLite file that one process alone writes.

    sqlite3 previews.sqlite "SELECT source, message FROM previews WHERE state = 'failed'"

Others may read it at any time. A process that is killed leaves what it had recorded, and lets others go on.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

from apercu.bridges.archive.work import Outcome
from apercu.errors import MissingExtra, OptionError
from apercu.replacing import replacing

_FORMAT = 1  # user_version
_APPLICATION = 0x61706300  # "apc"
_SCHEMA = """
CREATE TABLE archive (destination TEXT NOT NULL);
CREATE TABLE settings (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, content TEXT NOT NULL);
CREATE TABLE previews (
    source TEXT NOT NULL,        -- URL, or path on this machine
    object TEXT NOT NULL,        -- name below the destination
    state TEXT NOT NULL,         -- done; failed; refused: the object is another's; begun: by a process that has not
                                 -- come back yet
    settings INTEGER NOT NULL REFERENCES settings (id),
    identity TEXT,               -- size and ETag or time, as the source's store says
    sha256 BLOB,                 -- of the source's content
    tries INTEGER NOT NULL,      -- since it was last done
    bytes INTEGER,               -- of the object
    width INTEGER, height INTEGER, bands INTEGER, dtype TEXT,
    reduced INTEGER,             -- 1: coded at this size; 2: at half of it, and so on
    quality REAL,
    rmse REAL,                   -- of all samples that count, in units of the samples
    mapping_error REAL,          -- at most, of samples that were mapped to 16 bits
    seconds REAL NOT NULL,       -- processor time of the last try
    message TEXT NOT NULL,       -- why there is no preview, or what it leaves out
    PRIMARY KEY (object, source)
);
CREATE INDEX undone ON previews (state) WHERE state != 'done';
"""
_COLUMNS = (
    *("source", "object", "state", "settings", "identity", "sha256", "tries", "bytes", "width", "height", "bands"),
    *("dtype", "reduced", "quality", "rmse", "mapping_error", "seconds", "message"),
)
_TRIES = """tries = CASE
    WHEN previews.state = 'begun' AND excluded.state != 'begun' THEN previews.tries
    WHEN previews.state = 'done' THEN 1
    ELSE previews.tries + 1 END"""
_INSERT = (
    f"INSERT INTO previews ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT (object, source) DO UPDATE SET {_TRIES}, "
)
_RECORD = _INSERT + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:] if name != "tries")
_BEGIN = _INSERT + "state = excluded.state"  # what is known of it may still hold
_ROWS = 1 << 16  # of a row group


class Row(NamedTuple):
    """What is known of a source from before."""

    source: str
    target: str
    state: str
    settings: int
    identity: str | None
    sha256: bytes | None
    tries: int


def place_of(destination: str, shard: tuple[int, int] | None = None) -> str:
    """Where the manifest of a destination is, unless it is named: beside a folder, here for what is elsewhere."""
    if "://" in destination:
        base = destination.split("://", 1)[1].strip("/").replace("/", "-")
    else:
        base = os.path.abspath(destination)
    part = f"-{shard[0]}-of-{shard[1]}" if shard else ""
    return f"{base}{part}.sqlite"


@contextmanager
def opened(path: str, destination: str | None = None) -> Iterator[sqlite3.Connection]:
    """A manifest, for this process alone to write; it is made if it is not there and a destination is given.

    Raises:
        OptionError: another process writes it, it is that of another destination, or no manifest at all.
        OSError: it cannot be opened.
    """
    if destination is None and not os.path.exists(path):
        raise OptionError(f"{path}: there is no such manifest")
    with suppress(FileExistsError):
        os.makedirs(os.path.dirname(os.path.abspath(path)))
    try:
        # The lock of SQLite goes with the process, however it ends. The manifest itself stays open to readers.
        with closing(sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                raise OptionError(f"{path}: another process writes this manifest") from None
            with closing(sqlite3.connect(path)) as database:
                _prepare(database, path, destination)
                yield database
    except sqlite3.DatabaseError as error:
        raise OSError(None, f"SQLite: {error}", path) from error


def _prepare(database: sqlite3.Connection, path: str, destination: str | None) -> None:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if n_tables and (application, found) != (_APPLICATION, _FORMAT):
        raise OptionError(f"{path}: no manifest that this release reads")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    if not n_tables:
        database.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_FORMAT}; COMMIT;"
        )
    if destination is None:
        return
    with database:
        known = database.execute("SELECT destination FROM archive").fetchone()
        if known is None:
            database.execute("INSERT INTO archive VALUES (?)", (destination,))
        elif known[0] != destination:
            raise OptionError(f"{path}: the manifest of {known[0]}, not of {destination}")


def settings_of(database: sqlite3.Connection, digest: str, content: Mapping[str, Any]) -> int:
    """The number by which rows name these settings."""
    with database:
        text = json.dumps(content, sort_keys=True, default=str)
        database.execute("INSERT OR IGNORE INTO settings (digest, content) VALUES (?, ?)", (digest, text))
        (number,) = database.execute("SELECT id FROM settings WHERE digest = ?", (digest,)).fetchone()
    return int(number)


def known(database: sqlite3.Connection, targets: Sequence[str]) -> list[Row]:
    """The rows of these objects."""
    columns, marks = "source, object, state, settings, identity, sha256, tries", ", ".join("?" * len(targets))
    found = database.execute(f"SELECT {columns} FROM previews WHERE object IN ({marks})", [*map(text_of, targets)])
    return [Row(*row) for row in found]


def record(database: sqlite3.Connection, outcomes: Iterable[Outcome], settings: int) -> None:
    """Keep what became of some sources, all of it or nothing."""
    with database:
        for one in outcomes:
            if one.state == "same":
                changed = "UPDATE previews SET state = 'done', identity = ? WHERE object = ? AND source = ?"
                database.execute(changed, (one.identity, text_of(one.target), text_of(one.source)))
            else:
                database.execute(_RECORD, _row(one, settings))


def begin(database: sqlite3.Connection, source: str, target: str, settings: int) -> None:
    """Note that a source is begun, and so tried, by a process that may end with it."""
    with database:
        database.execute(_BEGIN, _row(Outcome(source, target, "begun", None, None), settings))


def _row(one: Outcome, settings: int) -> tuple[Any, ...]:
    return (text_of(one.source), text_of(one.target), one.state, settings, one.identity, one.sha256, 1, *one[5:])


def text_of(name: str) -> str:
    """A name as SQLite can hold it: bytes that are no characters become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def export(database: sqlite3.Connection, path: str) -> None:
    """Write all rows as a Parquet file, in groups of 65,536 rows. Raises MissingExtra and OSError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("--export needs pyarrow: pip install 'apercu[archive]'") from error
    text, number, real, whole = pyarrow.string(), pyarrow.int64(), pyarrow.float64(), pyarrow.int32()
    kinds = {
        "sha256": pyarrow.binary(),
        "bytes": number,
        "quality": real,
        "rmse": real,
        "mapping_error": real,
        "seconds": real,
    }
    kinds |= dict.fromkeys(("tries", "width", "height", "bands", "reduced"), whole)
    schema = pyarrow.schema([(name, kinds.get(name, text)) for name in _COLUMNS])
    names = ", ".join("content" if name == "settings" else f"previews.{name}" for name in _COLUMNS)
    rows = database.execute(f"SELECT {names} FROM previews JOIN settings ON id = settings ORDER BY previews.rowid")
    with replacing(path) as stream, pyarrow.parquet.ParquetWriter(stream, schema) as writer:
        while group := rows.fetchmany(_ROWS):
            columns = zip(*group, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
