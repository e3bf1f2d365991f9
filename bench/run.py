"""Run the benchmarks beside this file: print a table, write bench/latest.json.

Each `bench_*.py` has `run() -> list[dict]` whose rows are `{"name", "value", "unit", "peer", "ratio"}`: `peer` names what the same run was
measured against and `ratio` is ours over the peer's, both None where there is none. Names are stable, so that runs can be compared.
"""

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path.insert(
    0, str(HERE.parent)
)  # benchmarks name one another as `bench.name`, whatever folder this was started from
FIELDS = ("name", "value", "unit", "peer", "ratio")


def machine() -> dict[str, Any]:
    """Return what figures depend on: processor, cores that this process may use, interpreter, system."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def load(path: Path) -> ModuleType:
    """Return the benchmark module at `path`, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import `{path}`")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def measure(path: Path) -> tuple[list[dict[str, Any]], float]:
    """Return the rows of one benchmark and the CPU seconds that it took, its ended children included."""
    before = os.times()
    rows = load(path).run()
    after = os.times()
    for row in rows:
        if set(row) != set(FIELDS):
            raise ValueError(f"`{path.name}` gave the fields {sorted(row)}, not {sorted(FIELDS)}")
    return rows, sum(after[:4]) - sum(before[:4])


def shown(value: object) -> str:
    """Return a figure as people read it: three digits that count, thousands apart."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 # from three digits on, no fraction
    return str(value)


def main() -> None:
    """Run what was asked for; a benchmark that fails ends the run, and nothing is written."""
    parser = argparse.ArgumentParser(description="run the benchmarks")
    parser.add_argument("--only", metavar="NAME", help="run only the benchmarks whose file name contains NAME")
    only = parser.parse_args().only or ""
    paths = [path for path in sorted(HERE.glob("bench_*.py")) if only in path.stem]
    if not paths:
        sys.exit(f"no benchmark is named like `{only}`: there are {[p.stem for p in sorted(HERE.glob('bench_*.py'))]}")
    console = Console(width=None if sys.stdout.isatty() else 120)  # a log keeps the names whole
    table = Table("name", "value", "unit", "peer", "ratio", "CPU s of its file")
    for column in table.columns[1:2] + table.columns[4:]:
        column.justify = "right"
    results: list[dict[str, Any]] = []
    for path in paths:
        console.print(f"running {path.stem}", style="dim")
        started = time.perf_counter()
        rows, cpu_s = measure(path)
        console.print(f"  {time.perf_counter() - started:.1f} s", style="dim")
        for row in rows:
            table.add_row(*(shown(row[field]) for field in FIELDS), f"{cpu_s:.1f}")
        results += rows
    console.print(table)
    report = {"machine": machine(), "results": [{field: row[field] for field in FIELDS} for row in results]}
    target = HERE / "latest.json"
    target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {target.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
