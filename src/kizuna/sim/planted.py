"""Planted bugs: the node's source with one rule broken, and the first seed that notices.

The bugs are data (`mutants.toml`): a module, a piece of its source that stands there once, and what stands in its place. Each is planted in a process
of its own as the module is imported; nothing on the disk changes. `python -m kizuna.sim.planted NAME SEED SEEDS` is that process.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import subprocess  # a planted bug must not outlive its process
import sys
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.resources import files
from types import CodeType

from kizuna.errors import RefusedError


@dataclass(frozen=True)
class Mutant:
    """One bug: in `module`, `new` stands in the place of `old`. `rule` says what is broken."""

    name: str
    rule: str
    module: str
    old: str
    new: str

    def planted(self, source: str) -> str:
        """Return a module's source with the bug in it.

        Raises:
            RefusedError: the piece does not stand there exactly once.
        """
        if source.count(self.old) != 1:
            raise RefusedError(
                f"`{self.old}` stands {source.count(self.old)} times in `{self.module}`: mend mutants.toml"
            )
        return source.replace(self.old, self.new)


@dataclass(frozen=True)
class Catch:
    """Whether seeds caught a bug: how many it took, and by which promise."""

    name: str
    caught: bool
    seeds: int
    by: str


def mutants() -> tuple[Mutant, ...]:
    """Return every planted bug."""
    found = tomllib.loads((files("kizuna.sim") / "mutants.toml").read_text(encoding="utf-8"))
    return tuple(Mutant(**each) for each in found["mutant"])


class _Planter(importlib.abc.MetaPathFinder):
    """Finds one module with its bug in it."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: object = None) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.origin is None:
            return None
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=_Loader(self._mutant, spec.origin))


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant, origin: str) -> None:
        super().__init__(mutant.module, origin)
        self._mutant = mutant

    def get_code(self, _fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        return compile(self._mutant.planted(source), self.path, "exec")


def run(
    chosen: Sequence[Mutant], seed: int, seeds: int, workers: int, told: Callable[[int], None] = lambda _: None
) -> list[Catch]:
    """Plant each bug in a process of its own and play seeds until one notices, or there are no more."""
    found: list[Catch] = []
    with ThreadPoolExecutor(workers) as pool:
        for each in pool.map(lambda mutant: _caught(mutant, seed, seeds), chosen):
            found.append(each)
            told(len(found))
    return found


def _caught(mutant: Mutant, seed: int, seeds: int) -> Catch:
    found = _played(mutant.name, seed, seeds)
    if found.caught and _played("", seed + found.seeds - 1, 1).caught:
        raise RefusedError(f"seed `{seed + found.seeds - 1}` fails without any planted bug: mend that first")
    return found


def _played(name: str, seed: int, seeds: int) -> Catch:
    """Return what a process of its own found; without a name nothing is planted in it."""
    command = [sys.executable, "-m", "kizuna.sim.planted", name, str(seed), str(seeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # our own command
    if done.returncode:
        raise RefusedError(f"`{name}` could not be played: {done.stderr.strip().splitlines()[-1:]}")
    return Catch(**json.loads(done.stdout))


def main(name: str, seed: int, seeds: int) -> Catch:
    """Plant a bug in this process, or none, and play seeds until one notices."""
    for mutant in mutants():
        if mutant.name == name:
            sys.meta_path.insert(0, _Planter(mutant))
    from kizuna.sim.campaign import run_seed  # noqa: PLC0415 # the node is imported with the bug in it

    for number in range(seed, seed + seeds):
        outcome = run_seed(number)
        if outcome.violation:
            return Catch(name, caught=True, seeds=number - seed + 1, by=outcome.violation.partition(":")[0])
    return Catch(name, caught=False, seeds=seeds, by="")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
