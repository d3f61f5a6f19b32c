"""What people do, have to do, and approve."""

from app.core.wire import day, instant, money
from app.models import Activity, DunningRun, DunningRunItem, Task
from app.outbox.payloads.forms import Payload, stamps


def activity_payload(activity: Activity) -> Payload:
    """The wire form of an activity."""
    return {
        "id": str(activity.id),
        "external_id": activity.external_id,
        "customer_id": str(activity.customer_id),
        "invoice_ids": [str(invoice_id) for invoice_id in activity.invoice_ids],
        "kind": activity.kind,
        "direction": activity.direction,
        "occurred_at": instant(activity.occurred_at),
        "contacted_on": day(activity.contacted_on),
        "is_conversation": activity.is_conversation,
        "contact_name": activity.contact_name,
        "outcome": activity.outcome,
        "note": activity.note,
        "author": activity.author,
        "task_id": str(activity.task_id) if activity.task_id else None,
        "metadata": activity.meta,
        **stamps(activity),
    }


def task_payload(task: Task) -> Payload:
    """The wire form of a task."""
    amount, currency = task.amount_minor, task.currency
    return {
        "id": str(task.id),
        "external_id": task.external_id,
        "customer_id": str(task.customer_id),
        "invoice_ids": [str(invoice_id) for invoice_id in task.invoice_ids],
        "kind": task.kind,
        "title": task.title,
        "script": task.script,
        "due_on": day(task.due_on),
        "assignee": task.assignee,
        "status": task.status,
        "outcome": task.outcome,
        "note": task.note,
        "completed_at": instant(task.completed_at),
        "reminder_id": str(task.reminder_id) if task.reminder_id else None,
        "amount": None if amount is None or currency is None else money(amount, currency),
        "currency": currency,
        "metadata": task.meta,
        **stamps(task),
    }


def dunning_run_payload(run: DunningRun) -> Payload:
    """The wire form of a dunning run."""
    return {
        "id": str(run.id),
        "status": run.status,
        "run_on": day(run.run_on),
        "filter": run.filter,
        "progress": {"customers": run.customer_count, "planned": run.done_count},
        "item_count": run.item_count,
        "made_count": run.sent_count,
        "drifted_count": run.drifted_count,
        "approved_at": instant(run.approved_at),
        "finished_at": instant(run.finished_at),
        "failure": run.failure,
        **stamps(run),
    }


def dunning_run_item_payload(item: DunningRunItem) -> Payload:
    """The wire form of one message of a dunning run."""
    return {
        "number": item.number,
        "customer_id": str(item.customer_id),
        "policy_id": str(item.policy_id),
        "policy_version": item.policy_version,
        "currency": item.currency,
        "channel": item.channel,
        "to": item.to,
        "language": item.language,
        "template": item.template,
        "planned_at": instant(item.planned_at),
        "total_due": money(item.total_due_minor, item.currency),
        "cases": [
            {
                "case_id": case["case_id"],
                "invoice_id": case["invoice_id"],
                "step_key": case["step_key"],
                "cycle": case["cycle"],
                "amount": money(case["amount_minor"], item.currency),
            }
            for case in item.cases
        ],
        "subject": item.subject,
        "text": item.text_body,
        "status": item.status,
        "drift_reason": item.drift_reason,
        "reminder_id": str(item.reminder_id) if item.reminder_id else None,
    }
