"""What a benchmark found: figures and ratios, as a table and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A value beside what it was measured against, or against a limit, and the aim if there is one."""

    name: str
    value: float
    aim: float | None = None
    better: Literal["higher", "lower"] = "higher"
    unit: str = "x"
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.better == "higher" else self.value <= self.aim

    @property
    def aim_text(self) -> str:
        """The aim as it is printed."""
        return "" if self.aim is None else f"{'≥' if self.better == 'higher' else '≤'} {self.aim:g}"


@dataclass(slots=True)
class Report:
    """All that one benchmark found."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, unit, note))

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "title": self.title,
            "seconds": round(self.seconds, 1),
            "figures": {
                item.name: {
                    "value": rounded(item.value),
                    "unit": item.unit,
                    **({"note": item.note} if item.note else {}),
                }
                for item in self.figures
            },
            "ratios": {
                item.name: {
                    "value": rounded(item.value),
                    "aim": item.aim,
                    "better": item.better,
                    "met": item.is_met,
                    **({"note": item.note} if item.note else {}),
                }
                for item in self.ratios
            },
        }

    def show(self, console: Console) -> None:
        """Print the report as a table."""
        table = Table(title=f"{self.name}: {self.title} ({self.seconds:.0f} s)", title_justify="left")
        for heading, justify in (("", "left"), ("value", "right"), ("unit", "left"), ("aim", "left"), ("", "left")):
            table.add_column(heading, justify="right" if justify == "right" else "left")
        for figure in self.figures:
            table.add_row(figure.name, shown(figure.value), figure.unit, "", figure.note)
        if self.figures and self.ratios:
            table.add_section()
        for ratio in self.ratios:
            verdict = {True: "[green]met[/]", False: "[yellow]missed[/]", None: ""}[ratio.is_met]
            table.add_row(
                ratio.name,
                shown(ratio.value),
                ratio.unit,
                ratio.aim_text,
                " ".join(filter(None, [verdict, ratio.note])),
            )
        console.print(table)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def ratio_of_rounds(subject: Sequence[float], baseline: Sequence[float]) -> float:
    """The median over rounds of subject ÷ baseline; rounds are pairs measured one after the other."""
    return median(a / b for a, b in zip(subject, baseline, strict=True) if b)


def rounded(value: float) -> float:
    """A value with four significant digits, which is more than a shared machine can tell."""
    return float(f"{value:.4g}") if value else 0.0


def shown(value: float) -> str:
    """A value for people."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


__all__ = ["Figure", "Ratio", "Report", "median", "percentile", "ratio_of_rounds"]
