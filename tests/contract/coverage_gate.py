"""Holds the coverage of a run to the house's floors: `python -m tests.contract.coverage_gate coverage.json`."""

import json
import sys
from pathlib import Path

BRANCH_FLOORS = {"app/domain": 95, "app/settlement": 95, "app/dunning": 95, "app/ledger": 95}
OVERALL_FLOOR = 90


def shares(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, float]:
    """Percent of branches covered in each package that has a floor, and overall."""
    covered = dict.fromkeys([*BRANCH_FLOORS, "overall"], 0)
    total = dict.fromkeys(covered, 0)
    for name, file in report["files"].items():
        package = "/".join(name.split("/")[:2])
        for key in {package, "overall"} & covered.keys():
            covered[key] += file["summary"]["covered_branches"]
            total[key] += file["summary"]["num_branches"]
    return {key: 100 * covered[key] / total[key] for key in covered if total[key]}


def main() -> int:
    """Print the shares; 1 when one is under its floor."""
    found = shares(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    floors = {**BRANCH_FLOORS, "overall": OVERALL_FLOOR}
    for key, share in found.items():
        print(f"{key:16} {share:5.1f} % of branches (floor {floors[key]} %)")
    return int(any(share < floors[key] for key, share in found.items()))


if __name__ == "__main__":
    sys.exit(main())
