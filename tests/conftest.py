"""What every test may ask for."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# A deadline measures the machine, which others use too: what must be fast is measured by `make bench`.
settings.register_profile("kizuna", deadline=None)
settings.load_profile("kizuna")

ROOT = Path(__file__).resolve().parent.parent


_ONE_STORY = ("tests/acceptance/", "tests/web/test_readers.py")
"""Files whose tests look at what the first of them has made."""


class Together(LoadScopeScheduling):
    """Tests of the browser run one after another in one process, those of a story in the process that started its nodes; all others freely.

    The marks of pytest-xdist 3.8 for this do not reach its scheduler under pytest 9.2, which keeps no node id that could be changed.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/browser/"):
            return "tests/browser"
        return nodeid.partition("::")[0] if nodeid.startswith(_ONE_STORY) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Together:
    """Return what spreads the tests over processes."""
    return Together(config, log)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of recordings and vectors that are not ours to ship; skip where it is absent."""
    named = os.environ.get("KIZUNA_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at `{folder}`: set KIZUNA_SHARED")
    return folder


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def postgres_conninfo() -> str:
    """Return how to reach the test server; skip where there is none."""
    conninfo = os.environ.get("KIZUNA_TEST_POSTGRES")
    if not conninfo:
        pytest.skip("no PostgreSQL: set KIZUNA_TEST_POSTGRES to a conninfo, or run .ci/run")
    return conninfo
