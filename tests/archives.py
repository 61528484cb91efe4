"""What the tests of archives share: pictures in a folder, an S3 server, and what a manifest says."""

import os
import sqlite3
from contextlib import closing, contextmanager
from io import BytesIO

import pytest
from PIL import Image

from scripts.pictures import scene


def png(seed, side=64):
    """A picture of its own for each seed."""
    buffer = BytesIO()
    Image.fromarray(scene(side, side, 1, seed)[..., 0]).save(buffer, "PNG")
    return buffer.getvalue()


def rows(manifest, columns="source, object, state, tries, message"):
    """All rows of a manifest, in order."""
    with closing(sqlite3.connect(manifest)) as database:
        return database.execute(f"SELECT {columns} FROM previews ORDER BY source").fetchall()


@contextmanager
def s3_server(bucket):
    """A server of S3 in a thread, with an empty bucket, which this process and those that it starts find by themselves.

    Yields a client of botocore.
    """
    moto = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name, value in (
            ("ACCESS_KEY_ID", "test"),
            ("SECRET_ACCESS_KEY", "test"),
            ("DEFAULT_REGION", "us-east-1"),
            ("EC2_METADATA_DISABLED", "true"),
        ):
            patch.setenv(f"AWS_{name}", value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        try:
            yield client
        finally:
            client.close()
            server.stop()


def processes_below(number):
    """The processes that another has started, and those that these have."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stream:
                if int(stream.read().rpartition(")")[2].split()[1]) == number:
                    found += [int(name), *processes_below(int(name))]
        except OSError:  # it has ended meanwhile
            continue
    return found
