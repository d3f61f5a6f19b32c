"""Statutory late interest as data: what the law grants a creditor where nothing else was agreed.

The figures are those that the named authorities published. They are a convenience and not legal advice: whether a
law applies to a debt is the creditor's to judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from app.domain.interest import DayCount, FixedSum, Rate, RateBasis, RateTable, Rounding

_BUSINESSES: Final = frozenset({"business", "sole_trader"})
_EVERYONE: Final = _BUSINESSES | {"consumer"}


@dataclass(frozen=True, slots=True)
class Source:
    """A norm or an authority's publication, with its public address."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A rate table that the law wrote, and whom it may be used for.

    Attributes:
        table: Rates and conventions.
        title: What it is called, for people.
        customer_kinds: Kinds of customer that may be charged by it.
        sources: The law first, then where its rates are published.
        note: What a creditor should know before using it.
    """

    table: RateTable
    title: str
    customer_kinds: frozenset[str]
    sources: tuple[Source, ...]
    note: str

    def allows(self, customer_kind: str) -> bool:
        """Tell whether customers of this kind may be charged by it."""
        return customer_kind in self.customer_kinds


def _rates(text: str) -> tuple[Rate, ...]:
    """Read `date rate` pairs; a rate stays until the next one."""
    words = text.split()
    return tuple(
        Rate(date.fromisoformat(from_on), Fraction(annual_rate))
        for from_on, annual_rate in zip(words[::2], words[1::2], strict=True)
    )


_LAST_HALF_YEAR: Final = date(2026, 6, 30)

_SINCE_DIRECTIVE: Final = """
    2013-07-01  8.50  2014-01-01  8.25  2014-07-01  8.15  2015-01-01  8.05  2016-07-01  8.00  2023-01-01 10.50
    2023-07-01 12.00  2024-01-01 12.50  2024-07-01 12.25  2025-01-01 11.15  2025-07-01 10.15
"""
"""The ECB's main refinancing rate on the first day of the half-year, plus eight points, where it changed."""

_ECB: Final = Source(
    "European Central Bank, key interest rates",
    "https://www.ecb.europa.eu/stats/policy_and_exchange_rates/key_ecb_interest_rates/html/index.en.html",
)
_DIRECTIVE: Final = Source(
    "Directive 2011/7/EU, articles 2(6), 2(7), 3 and 6", "https://eur-lex.europa.eu/eli/dir/2011/7/oj"
)
_SPANISH_LAW: Final = Source("Ley 3/2004, artículos 5 a 8", "https://www.boe.es/eli/es/l/2004/12/29/3/con")
_BRITISH_ACT: Final = Source(
    "Late Payment of Commercial Debts (Interest) Act 1998, sections 4 to 6",
    "https://www.legislation.gov.uk/ukpga/1998/20",
)
_MEXICAN_COMMERCIAL: Final = Source(
    "Código de Comercio, artículo 362", "https://www.diputados.gob.mx/LeyesBiblio/ref/ccom.htm"
)
_MEXICAN_CIVIL: Final = Source(
    "Código Civil Federal, artículo 2395", "https://www.diputados.gob.mx/LeyesBiblio/ref/ccf.htm"
)

_ALL: Final = (
    Preset(
        RateTable(
            code="eu_late_payment",
            day_count=DayCount.act_365,
            rates=_rates("2013-03-16 8.75" + _SINCE_DIRECTIVE),
            # Article 2(7) names a reference rate for each half-year, so a day earns the rate of its own half. Ireland's
            # authority applies the one of the payment date instead; a table of one's own says `at_payment`.
            rate_basis=RateBasis.each_day,
            fixed_sums=(FixedSum(0, 40_00),),
            currency="EUR",
            published_through=_LAST_HALF_YEAR,
            source=_DIRECTIVE.name,
        ),
        title="EU late payment interest, ECB rate plus 8 points",
        customer_kinds=_BUSINESSES,
        sources=(
            _DIRECTIVE,
            _ECB,
            Source(
                "Department of Enterprise, Ireland: late payment interest rate",
                "https://enterprise.gov.ie/en/faqs/what-is-the-late-payment-interest-rate-1.html",
            ),
        ),
        note="The least that member states with the euro grant between businesses; several grant more, and those with "
        "a currency of their own use the rate of their central bank.",
    ),
    Preset(
        RateTable(
            code="es_ley_3_2004",
            day_count=DayCount.act_365,
            rates=_rates(
                """
                2006-01-01  9.25  2006-07-01  9.83  2007-01-01 10.58  2007-07-01 11.07  2008-01-01 11.20
                2008-07-01 11.07  2009-01-01  9.50  2009-07-01  8.00  2011-07-01  8.25  2012-01-01  8.00
                2013-01-01  7.75  2013-02-24  8.75
                """
                + _SINCE_DIRECTIVE
            ),
            fixed_sums=(FixedSum(0, 40_00),),
            currency="EUR",
            published_through=_LAST_HALF_YEAR,
            source=_SPANISH_LAW.name,
        ),
        title="Interés de demora en operaciones comerciales (España)",
        customer_kinds=_BUSINESSES,
        sources=(
            _SPANISH_LAW,
            Source(
                "BOE-A-2019-18736 (primer semestre de 2020)", "https://www.boe.es/buscar/doc.php?id=BOE-A-2019-18736"
            ),
            Source(
                "BOE-A-2025-27201 (primer semestre de 2026)", "https://www.boe.es/buscar/doc.php?id=BOE-A-2025-27201"
            ),
        ),
        note="The Treasury publishes the rate of each half-year in the BOE. The 40 euros of article 8 are owed on "
        "debts that became late on 24 February 2013 or later.",
    ),
    Preset(
        RateTable(
            code="uk_late_payment",
            day_count=DayCount.act_365,
            rates=_rates(
                """
                2013-01-01  8.50  2017-01-01  8.25  2018-01-01  8.50  2019-01-01  8.75  2020-07-01  8.10
                2022-01-01  8.25  2022-07-01  9.25  2023-01-01 11.50  2023-07-01 13.00  2024-01-01 13.25
                2025-01-01 12.75  2025-07-01 12.25  2026-01-01 11.75
                """
            ),
            # The order fixes the rate by the half-year in which interest starts to run; it does not change after that.
            rate_basis=RateBasis.at_start,
            # The government's own example rounds the interest of one day to the penny, then multiplies it.
            rounding=Rounding.daily,
            fixed_sums=(FixedSum(0, 40_00), FixedSum(1_000_00, 70_00), FixedSum(10_000_00, 100_00)),
            currency="GBP",
            published_through=_LAST_HALF_YEAR,
            source=_BRITISH_ACT.name,
        ),
        title="UK statutory interest on late commercial debts, base rate plus 8 %",
        customer_kinds=_BUSINESSES,
        sources=(
            _BRITISH_ACT,
            Source(
                "Late Payment of Commercial Debts (Rate of Interest) (No. 3) Order 2002, SI 2002/1675, article 4",
                "https://www.legislation.gov.uk/uksi/2002/1675/contents/made",
            ),
            Source(
                "Bank of England, official Bank Rate history",
                "https://www.bankofengland.co.uk/boeapps/database/Bank-Rate.asp",
            ),
            Source(
                "GOV.UK, late commercial payments: charging interest and debt recovery",
                "https://www.gov.uk/late-commercial-payments-interest-debt-recovery",
            ),
        ),
        note="Between businesses alone, and only where the contract has no substantial remedy of its own.",
    ),
    Preset(
        RateTable(
            code="mx_comercial",
            day_count=DayCount.act_365,
            rates=_rates("1890-01-01 6"),
            source=_MEXICAN_COMMERCIAL.name,
        ),
        title="Interés legal mercantil (México), 6 %",
        customer_kinds=_BUSINESSES,
        sources=(_MEXICAN_COMMERCIAL,),
        note="Where no rate was agreed; an agreed one goes first, and courts may lower one that is usurious.",
    ),
    Preset(
        RateTable(
            code="mx_civil",
            day_count=DayCount.act_365,
            rates=_rates("1932-10-01 9"),
            source=_MEXICAN_CIVIL.name,
        ),
        title="Interés legal civil (México), 9 %",
        customer_kinds=_EVERYONE,
        sources=(_MEXICAN_CIVIL,),
        note="Federal civil law, where no rate was agreed; the states have civil codes of their own.",
    ),
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({preset.table.code: preset for preset in _ALL})
"""Every preset by the code of its table.

`published_through` is the last day of the last half-year entered here: the rate of that half-year goes on after it,
and an accrual that uses it says so.
"""
