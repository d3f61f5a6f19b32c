"""What may happen to customers, at random, through the API."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.conftest import Api

TODAY = date(2026, 3, 2)
LAST = date(2026, 3, 12)
CURRENCIES = ["MXN", "MXN", "JPY"]


async def live(api: Api, dice: random.Random, *, starts_on: date = TODAY) -> None:
    """Customers who are invoiced, pay, overpay, pay late, and whose payments bounce, over some days."""
    customers = [await api.customer() for _ in range(5)]
    story = Story(api, dice, starts_on, [customer["id"] for customer in customers])
    for turn in range(dice.randint(22, 30)):
        if turn % 9 == 8:
            await story.wait()
        what = dice.random()
        if what < 0.4:
            await story.invoice()
        elif what < 0.7 or not story.payments:
            await story.pay()
        elif what < 0.85:
            await story.bounce()
        else:
            await story.move_payment()


@dataclass(slots=True)
class Story:
    """One tenant's customers, and what was paid so far."""

    api: Api
    dice: random.Random
    today: date
    customers: list[str]
    payments: list[tuple[str, date]] = field(default_factory=list)

    async def wait(self) -> None:
        """Some days go by."""
        self.today += timedelta(days=self.dice.randint(1, 4))
        await self.api.advance(datetime(self.today.year, self.today.month, self.today.day, 18, tzinfo=UTC).isoformat())

    async def invoice(self) -> None:
        """An invoice, a draft, or one that was paid in part before."""
        dice = self.dice
        issued = self.today + timedelta(days=dice.choice([-120, -40, -5, 0, 0, 6]))
        due = issued + timedelta(days=dice.choice([0, 15, 30]))
        fields = {"status": "draft"} if dice.random() < 0.1 else {}
        if not fields and dice.random() < 0.2:
            fields = {"opening_paid": "40"}
        customer, currency = dice.choice(self.customers), dice.choice(CURRENCIES)
        await self.api.invoice(
            customer, self.amount(), issued.isoformat(), due.isoformat(), currency=currency, **fields
        )

    async def pay(self) -> None:
        """A payment: applied or not, of somebody or of nobody yet, received or still to come."""
        dice = self.dice
        received_on = self.today - timedelta(days=dice.choice([0, 0, 3, 40, 130]))
        body: dict[str, Any] = {
            "currency": dice.choice(CURRENCIES),
            "amount": self.amount(),
            "received_on": received_on.isoformat(),
        }
        if dice.random() > 0.1:
            body["customer_id"] = dice.choice(self.customers)
            body["auto_allocate"] = dice.random() < 0.8
        if dice.random() < 0.15:
            body |= {"status": "pending", "matures_on": (self.today + timedelta(days=20)).isoformat()}
        payment = await self.api.post("/payments", body)
        self.payments.append((payment["id"], received_on))

    async def bounce(self) -> None:
        """A payment is taken back, now or as of a day in the past; one that was refunded stays."""
        payment_id, received_on = self.payments.pop(self.dice.randrange(len(self.payments)))
        on = max(received_on, self.today - timedelta(days=self.dice.choice([0, 2, 20])))
        await self.may(f"/payments/{payment_id}/reverse", {"reason": "bounced", "reversed_on": on.isoformat()})

    async def move_payment(self) -> None:
        """One of the other commands on a payment, where its state allows it."""
        payment_id, _ = self.dice.choice(self.payments)
        command, body = self.dice.choice(
            [
                ("allocate", {"auto_allocate": True}),
                ("unallocate", {}),
                ("refund", {}),
                ("refund", {"amount": "30", "refunded_on": (self.today - timedelta(days=1)).isoformat()}),
                ("assign", {"customer_id": self.dice.choice(self.customers), "auto_allocate": True}),
                ("confirm", {"auto_allocate": True}),
            ]
        )
        await self.may(f"/payments/{payment_id}/{command}", body)

    async def may(self, path: str, body: Any) -> None:
        """A command that is carried out or refused."""
        response = await self.api.call("POST", path, json=body)
        assert response.status_code in {200, 409, 422}, f"{path}: {response.status_code} {response.text}"

    def amount(self) -> str:
        """Few different ones, so that some are equal."""
        return str(self.dice.choice([100, 100, 200, 350]))
