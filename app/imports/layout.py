"""How the rows of one file become rows of ours: which column is which field, and how dates and amounts are written."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.core.errors import FieldError, ProblemError, invalid, invalid_fields
from app.core.strictjson import StrictJsonError, clean_text
from app.domain.errors import Code
from app.imports.targets import CHANNELS, INPUTS, Kind, Target, find_target, required
from app.models import Import

Row = dict[str, Any]
DateFormat = Literal["iso", "dmy", "mdy"]
Decimal = Literal[".", ","]
UnknownColumns = Literal["refuse", "ignore"]

_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE: Final = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})")
_DATE_WORDS: Final = {"dmy": "day/month/year, such as 21/11/2026", "mdy": "month/day/year, such as 11/21/2026"}
_GROUPED: Final = {
    ".": re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"),
    ",": re.compile(r"-?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?"),
}
_DECIMAL_WORDS: Final = {
    ".": 'Amounts are written 1234.56 or 1,234.56 here; send decimal="," for files with a decimal comma.',
    ",": "Amounts are written 1234,56 or 1.234,56 here, since the import said so by its `decimal`.",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is written, as whoever sent it said."""

    fields: Mapping[str, str | None]
    delimiter: str = ","
    date_format: DateFormat = "iso"
    decimal: Decimal = "."
    unknown_columns: UnknownColumns = "refuse"


@dataclass(frozen=True, slots=True)
class Layout:
    """One file's columns and ways of writing.

    Attributes:
        header: the columns' own names; empty where each row names its fields.
        columns: what each of them is; None for one that is left out.
    """

    kind: Kind
    options: Options
    header: tuple[str, ...] = ()
    columns: tuple[Target | None, ...] = ()

    @classmethod
    def of(cls, found: Import) -> "Layout":
        """The layout of an import that has been taken in."""
        kept = found.mapping
        kind: Any = found.kind
        return cls(
            kind,
            Options(**kept["options"]),
            tuple(kept["header"]),
            tuple(find_target(kind, name) if name else None for name in kept["columns"]),
        )

    def stored(self) -> dict[str, Any]:
        """As it is kept with the import."""
        options = self.options
        return {
            "options": {
                "fields": dict(options.fields),
                "delimiter": options.delimiter,
                "date_format": options.date_format,
                "decimal": options.decimal,
                "unknown_columns": options.unknown_columns,
            },
            "header": list(self.header),
            "columns": [target.name if target else None for target in self.columns],
        }

    @property
    def named(self) -> frozenset[str] | None:
        """The fields that a table speaks of; rows of JSON are whole."""
        return frozenset(target.path[0] for target in self.columns if target) if self.columns else None

    def row_of(self, value: Any) -> Row | ProblemError:
        """A record as a row for the API's own forms, or what is wrong with it."""
        try:
            return self._row_of_cells(value) if self.columns else self._row_of_object(value)
        except StrictJsonError as error:
            return ProblemError(422, error.code, error.message, [FieldError(error.pointer, error.code, error.message)])

    def column_of(self, pointer: str, value: Any) -> str | None:
        """The column behind a fault's pointer, as the file calls it."""
        if not self.columns or not isinstance(value, list):
            return None
        names = pointer.removeprefix("/").split("/")
        if names[0] == "contacts" and len(names) > 3:
            filled = [
                target.path[1]
                for target, cell in zip(self.columns, value, strict=False)
                if target and target.path[0] == "contacts" and target.path[1] in CHANNELS and cell.strip()
            ]
            names = ["contacts", filled[int(names[3])]]
        path = tuple(name for name in names if not name.isdigit())
        return next(
            (name for name, target in zip(self.header, self.columns, strict=True) if target and target.path == path),
            None,
        )

    def _row_of_cells(self, cells: Sequence[str]) -> Row | ProblemError:
        if len(cells) != len(self.columns):
            return ProblemError(
                422,
                Code.invalid_format,
                f"The row has {len(cells)} cells and the header {len(self.columns)}; quote cells with a "
                "delimiter in them.",
            )
        joined = "\n".join(cells)
        if clean_text(joined) != joined:
            cells = [clean_text(cell) for cell in cells]
        row: Row = {}
        faults: list[FieldError] = []
        for target, cell in zip(self.columns, cells, strict=True):
            text = cell.strip()
            if text and target is not None:
                self._put(row, target, text, faults)
        return self._finished(row, faults)

    def _row_of_object(self, value: Any) -> Row | ProblemError:
        if not isinstance(value, dict):
            return invalid("", Code.invalid_type, "Each line is a JSON object.")
        row: Row = {}
        faults: list[FieldError] = []
        is_strict = self.options.unknown_columns == "refuse"
        for key, item in value.items():
            name = self.options.fields.get(key, key)
            target = find_target(self.kind, name) if name is not None else None
            is_filled = _can_fill(target, is_table=False) and (isinstance(item, str) or key in self.options.fields)
            if target is not None and is_filled:
                self._put(row, target, item, faults)
            elif name is not None and (is_strict or name in INPUTS[self.kind].model_fields):
                row[name] = item
        return self._finished(row, faults)

    def _put(self, row: Row, target: Target, value: Any, faults: list[FieldError]) -> None:
        if target.reads != "text" and isinstance(value, str):
            read = _READERS[target.reads](value, self.options)
            if isinstance(read, str):
                value = read
            else:
                faults.append(FieldError("/" + "/".join(target.path), *read))
                return
        first, *rest = target.path
        if not rest:
            row[first] = value
        elif first == "contacts":
            _put_contact(row, rest[0], value)
        elif first == "allocations":
            row.setdefault(first, [{}])[0][rest[0]] = value
        else:
            place = row
            for name in target.path[:-1]:
                place = place.setdefault(name, {})
                if not isinstance(place, dict):
                    # What stands there already is of another form, which is told with the row's other faults.
                    return
            place[rest[-1]] = value

    def _finished(self, row: Row, faults: list[FieldError]) -> Row | ProblemError:
        if faults:
            return invalid_fields(faults)
        if not row.get("external_id"):
            return invalid(
                "/external_id",
                Code.missing,
                "A row needs your own id: without it, the same file sent again would double it.",
            )
        for contact in row.get("contacts", ()) if self.columns else ():
            consent = contact.pop("consent", None)
            if consent is not None:
                contact["channels"] = [{**channel, "consent": consent} for channel in contact.get("channels", ())]
        if self.columns and "allocations" in row:
            # One allocation without an amount is of the whole payment.
            row["allocations"][0].setdefault("amount", row.get("amount"))
        return row


def layout_of_header(kind: Kind, options: Options, header: Sequence[str]) -> Layout:
    """Match a file's columns with our fields.

    Raises:
        ProblemError: 422 naming each column that is not known, is there twice, or is missing.
    """
    names = [name.strip() for name in header]
    faults: list[FieldError] = []
    columns: list[Target | None] = []
    for name in names:
        wanted = options.fields.get(name, name)
        target = find_target(kind, wanted) if wanted else None
        if target is None and wanted and options.unknown_columns == "refuse":
            faults.append(
                FieldError(
                    f"column:{name[:100]}",
                    Code.unknown_field,
                    "This column is none of our fields: name its field in `mapping`, map it to null to leave it out, "
                    "or send unknown_columns=ignore.",
                )
            )
        if target is not None and target in columns:
            faults.append(FieldError(f"column:{name[:100]}", Code.duplicate_value, "Two columns fill the same field."))
        columns.append(target)
    covered = {target.path[0] for target in columns if target}
    faults += [
        FieldError(f"?mapping/{name}", Code.missing, "No column fills this field; map one to it.")
        for name in sorted(required(kind) - covered)
    ]
    if faults:
        raise invalid_fields(faults)
    return Layout(kind, options, tuple(names), tuple(columns))


def check_fields(kind: Kind, fields: Mapping[str, str | None], *, is_table: bool) -> None:
    """Check that a mapping leads to fields that there are; rows of JSON have lists of their own.

    Raises:
        ProblemError: 422.
    """
    faults = [
        FieldError(
            f"?mapping/{column[:100]}",
            Code.unknown_field,
            "A file of this kind cannot fill this field; the description of `mapping` lists those it can.",
        )
        for column, name in fields.items()
        if name is not None and not _can_fill(find_target(kind, name), is_table=is_table)
    ]
    if faults:
        raise invalid_fields(faults)


def _can_fill(target: Target | None, *, is_table: bool) -> bool:
    return target is not None and (is_table or target.path[0] not in {"contacts", "allocations"})


def _put_contact(row: Row, name: str, value: Any) -> None:
    contact = row.setdefault("contacts", [{}])[0]
    if name in CHANNELS:
        contact.setdefault("channels", []).append({"type": name, "address": value})
    else:
        contact[name] = value


_Fault = tuple[Code, str]


def _read_date(text: str, options: Options) -> str | _Fault:
    if options.date_format == "iso" or _ISO.fullmatch(text):
        return text
    match = _DATE.fullmatch(text)
    if match is None:
        return Code.invalid_format, f"Dates are written {_DATE_WORDS[options.date_format]} here, or 2026-11-21."
    day, month = (match[1], match[3]) if options.date_format == "dmy" else (match[3], match[1])
    return f"{match[4]}-{month:0>2}-{day:0>2}"


def _read_decimal(text: str, options: Options) -> str | _Fault:
    mark, group = options.decimal, "," if options.decimal == "." else "."
    if group in text:
        if not _GROUPED[mark].fullmatch(text):
            return Code.amount_format, _DECIMAL_WORDS[mark]
        text = text.replace(group, "")
    return text.replace(mark, ".")


_READERS: Final[Mapping[str, Callable[[str, Options], str | _Fault]]] = {"date": _read_date, "decimal": _read_decimal}
