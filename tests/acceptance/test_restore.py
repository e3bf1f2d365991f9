"""A node is backed up while it works, dies, and is put back to the older backup: nothing receipted is missing at home, and roots are equal."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.node.channel.treaties import bundled
from tests.acceptance.stories import SOURCE, kizuna, running, until
from tests.acceptance.test_kill import assert_same_channel, settled, store_of
from tests.acceptance.test_rotation import ships

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_what_was_receipted_after_the_backup_comes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    nodes = list(demo_world.prepare(tmp_path / "demo", bundled(), CLOCK, fresh))
    india, japan = nodes
    with running(*nodes):
        with ships(nodes):
            time.sleep(3.0)
            made = kizuna("backup", tmp_path / "backup", "--config", india.config)
            assert made["seq"] > 0
            time.sleep(6.0)
        until(lambda: settled(nodes), "everything released is receipted")
        india.kill()
        store = store_of(india)
        ((size,),) = store.query("SELECT size FROM channel_out")
        store.close()
        done = kizuna("restore", tmp_path / "backup", "--config", india.config)
        assert done["seq"] == made["seq"]
        store = store_of(india)
        ((behind,),) = store.query("SELECT size FROM channel_out")
        store.close()
        assert behind < size, "the story is of a backup that is behind"
        shutil.rmtree(done["before"])
        india.start()
        india.wait_ready(lambda _text: None)
        with ships(nodes):
            time.sleep(4.0)
        until(lambda: settled(nodes), "everything released is receipted")
        time.sleep(1.0)
        until(lambda: settled(nodes), "everything released is receipted")
    one, other = (demo_world.audit(node) for node in nodes)
    assert one.findings == other.findings == ()
    assert (one.out_root, other.out_root) == (other.in_root, one.in_root)
    # what a stopping node says at last may be held and not yet receipted
    assert one.released == other.received >= one.receipted > size
    assert not one.refused
    assert not other.refused
    assert_same_channel(india, japan)
    assert_same_channel(japan, india)
    home, there = store_of(india), store_of(japan)
    held = {item for (item,) in there.query("SELECT record_id FROM leaf_in WHERE kind = 'record'")}
    assert held <= {item for (item,) in home.query("SELECT id FROM record")}, "whatever the partner holds is home again"
    home.close()
    there.close()
