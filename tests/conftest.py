"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline measures the machine, which others use too: what must be fast is measured by `make bench`.
settings.register_profile("kizuna", deadline=None)
settings.load_profile("kizuna")

ROOT = Path(__file__).resolve().parent.parent


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
