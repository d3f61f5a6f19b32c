"""The words around a letter, read from the texts folder: labels, and phrases that depend on a number."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

TEXTS: Final = Path(__file__).with_name("texts")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    labels: dict[str, str]
    phrases: dict[str, dict[str, str]]

    def say(self, label: str, **values: str) -> str:
        """Fill a label's placeholders."""
        return self.labels[label].format_map(values)

    def moment(self, phrase: str, days_overdue: int, date: str = "") -> str:
        """Say where a due date lies, seen from the day of the message."""
        text = self.phrases[phrase][_moment(days_overdue)]
        return text.format_map({"n": abs(days_overdue), "date": date})

    def owed(self, count: int, overdue: int) -> str:
        """Say how many invoices are open, and how many of them are overdue."""
        if count == 1:
            form = "single_late" if overdue else "single"
        elif overdue == 0:
            form = "none"
        elif overdue == count:
            form = "all"
        else:
            form = "one" if overdue == 1 else "some"
        return self.phrases["owed"][form].format_map({"n": count, "late": overdue})

    def more(self, count: int) -> str:
        """Say how many invoices a shortened list leaves out; nothing when it leaves out none."""
        if count <= 0:
            return ""
        return self.phrases["more"]["one" if count == 1 else "other"].format_map({"n": count})


@cache
def words_of(language: str) -> Words:
    """Load the words of a shipped language."""
    with (TEXTS / language / "words.toml").open("rb") as file:
        content = tomllib.load(file)
    return Words(
        labels={key: value for key, value in content.items() if isinstance(value, str)},
        phrases={key: value for key, value in content.items() if isinstance(value, dict)},
    )


def _moment(days_overdue: int) -> str:
    if days_overdue > 1:
        return "late"
    if days_overdue < -1:
        return "ahead"
    return {1: "yesterday", 0: "today", -1: "tomorrow"}[days_overdue]
