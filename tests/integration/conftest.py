import shutil

import pytest

from harness.broker import Started
from harness.sample import SAMPLE


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    data = tmp_path_factory.mktemp("sample") / "data"
    shutil.copytree(SAMPLE, data)
    started = Started(tmp_path_factory)
    # What lies in it is older than any retention; it must not go while we read.
    yield started(
        data=data, settings={"log.retention.ms": -1, "log.cleaner.enable": "false"}
    )
    started.close()
