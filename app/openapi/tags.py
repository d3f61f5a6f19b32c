"""The chapters of the reference, in the order in which a newcomer needs them."""

from typing import Any

Json = dict[str, Any]

_GROUPS: dict[str, dict[str, str]] = {
    "Receivables": {
        "Customers": "Who owes you: names, languages, addresses, and whether they may be used.",
        "Invoices": "What is owed. An open invoice is followed by its dunning policy until nothing is open any more; "
        "its balance is the sum of its ledger.",
        "Credit notes": "What lowers an invoice without a payment.",
        "Charges": "Interest and fees on top of an invoice's total.",
        "Payments": "What was received and which invoices it settles. From the instant a payment is acknowledged, no "
        "reminder about what it settles begins.",
        "Imports": "Files of customers, invoices or payments, worked off in the background.",
        "Terms": "Payment terms under codes of yours, and a calculator of due dates that stores nothing.",
        "Rate tables": "Interest rates by date.",
    },
    "Collections": {
        "Dunning policies": "The ladder of reminders: when each step goes out, by which channel, with which words and "
        "fee. A published version never changes, and running cases stay with theirs.",
        "Dunning runs": "Batches of reminders that somebody looks at before they go out.",
        "Reminders": "The messages themselves: planned, waiting for approval, sent, or skipped with the reason.",
        "Templates": "The words of the messages.",
        "Holds": "Stops of contact, escalation or charges.",
        "Promises": "Promises to pay, which pause the ladder until they are kept or broken.",
        "Disputes": "Amounts that the customer contests.",
        "Payment plans": "Instalments agreed over open invoices. While a plan is kept, what it covers is not chased; "
        "its instalments are, under a policy of their own.",
        "Plan links": "What a customer opens to read and accept a proposed plan; the link itself is the key.",
        "Placements": "Cases handed to an agency or a lawyer.",
        "Activities": "Calls, visits and notes of people; they count as contacts.",
        "Tasks": "What people have to do next.",
    },
    "Integration": {
        "Events": "Every change, in order and without gaps. Whoever follows the feed sees each event exactly once.",
        "Webhooks": "The same events, pushed to your endpoints, signed and retried.",
        "Reports": "Aging and the like, as of any day, and as it was known then.",
        "Test clock": "Simulated time for test tenants: advance it, and all that falls due on the way happens.",
    },
    "Administration": {
        "Tenant": "Your company's settings: zone, language, send window, bank accounts, and whether messages leave.",
        "Contact profiles": "Legal rules about when and how often debtors may be contacted, ready to be chosen.",
        "API keys": "Keys with scopes and expiry, rotated with an overlap.",
        "Operating": "Probes for whoever runs the service; they need no key.",
    },
}


def describe(document: Json) -> tuple[list[Json], list[Json]]:
    """The tags that the document uses with their descriptions, and their groups; unknown ones come last."""
    used = [
        tag for item in document["paths"].values() for operation in item.values() for tag in operation.get("tags", ())
    ]
    known = {tag: text for group in _GROUPS.values() for tag, text in group.items()}
    groups = [{"name": name, "tags": [tag for tag in group if tag in used]} for name, group in _GROUPS.items()]
    rest = [tag for tag in dict.fromkeys(used) if tag not in known]
    if rest:
        groups.append({"name": "More", "tags": rest})
    described = [{"name": tag, "description": text} for tag, text in known.items() if tag in used]
    return described + [{"name": tag} for tag in rest], [group for group in groups if group["tags"]]
