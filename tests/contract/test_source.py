"""Rules of the house that a linter does not know: where clocks, floats and packages may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

APP = ROOT / "app"
CLOCK = APP / "core" / "clock.py"
# Seconds are floats; money is not.
MONEY_PACKAGES = (
    "domain", "models", "ledger", "settlement", "dunning", "outbox", "messages", "tenants", "customers",
    "credit_notes", "invoices", "payments", "policies", "reports", "charges", "disputes", "holds", "placements",
    "plans", "promises", "tasks", "rate_tables", "terms",
)  # fmt: skip
# Not among them: `clock_timestamp()` and `statement_timestamp()`, the database's clock, by which leases run for all
# hosts alike.
CLOCK_READERS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "time_ns"), ("func", "now"), ("func", "current_timestamp"), ("func", "current_date"),
    ("func", "transaction_timestamp"),
}  # fmt: skip


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every source file of some packages, or of the whole application."""
    found = 0
    for folder in [APP / package for package in packages] or [APP]:
        for path in sorted(folder.rglob("*.py")):
            found += 1
            yield path, ast.parse(path.read_text(encoding="utf-8"))
    assert found > 5


def _reads_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        owner = node.value
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return (name, node.attr) in CLOCK_READERS
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(alias.name in {"time", "time_ns"} for alias in node.names)
    return False


def test_only_one_file_reads_the_systems_clock() -> None:
    readers = {path for path, tree in sources() if any(_reads_clock(node) for node in ast.walk(tree))}
    assert readers == {CLOCK}


def test_money_never_meets_a_float() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in sources(*MONEY_PACKAGES)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in {"float", "Float"})
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert faults == []


def test_the_domain_knows_the_standard_library_and_itself() -> None:
    for path, tree in sources("domain"):
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                own = module == "app.domain" or module.startswith("app.domain.")
                assert own or module.partition(".")[0] in sys.stdlib_module_names, f"{path}: {module}"


def test_only_the_unit_of_work_commits() -> None:
    commits = {
        path.relative_to(APP).as_posix()
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "rollback"}
    }
    assert commits == set()


def test_imports_keep_their_contracts() -> None:
    program = (
        "from importlinter.cli import lint_imports_command as main; main(['--no-cache'], prog_name='lint-imports')"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


# Files that are longer than one sitting, and why.
LONG = {
    "migrations/versions/2026_11_21_0001_foundation.py": "the whole schema as its first revision made it",
    "migrations/versions/2026_11_21_0002_money.py": "two functions of the database, whole as this revision made them",
    "migrations/versions/2026_11_21_0005_agreements.py": "the tables of one idea, as one revision made them",
    "tests/domain/test_chase.py": "one table for each rule of one function",
    "tests/webhooks/test_delivery.py": "one story for each way a delivery can end, over shared receivers",
    "tests/webhooks/test_transport.py": "one hostile server for each way a receiver can behave",
}


def test_files_can_be_read_in_one_sitting() -> None:
    folders = ("app", "tests", "examples", "migrations")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    long = {
        path.relative_to(ROOT).as_posix() for path in paths if len(path.read_text(encoding="utf-8").splitlines()) > 400
    }
    assert long == LONG.keys(), "split the file at the idea that wants its own room, or say here why not"
