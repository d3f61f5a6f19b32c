"""One registry of codes, shared by problem documents, blockers and skip reasons (rule D13); and refusals by code."""

from enum import StrEnum


class Code(StrEnum):
    """Every stable code an integrator may meet."""

    # requests
    malformed_json = "malformed_json"
    duplicate_key = "duplicate_key"
    too_deep = "too_deep"
    number_out_of_range = "number_out_of_range"
    invalid_text = "invalid_text"
    not_utf8 = "not_utf8"
    bad_request = "bad_request"
    unauthorized = "unauthorized"
    key_expired = "key_expired"
    key_revoked = "key_revoked"
    insufficient_scope = "insufficient_scope"
    not_found = "not_found"
    method_not_allowed = "method_not_allowed"
    conflict = "conflict"
    busy = "busy"
    precondition_failed = "precondition_failed"
    payload_too_large = "payload_too_large"
    unsupported_media_type = "unsupported_media_type"
    rate_limited = "rate_limited"
    internal_error = "internal_error"
    timeout = "timeout"
    idempotency_key_reused = "idempotency_key_reused"
    idempotency_in_flight = "idempotency_in_flight"

    # fields
    validation_failed = "validation_failed"
    missing = "missing"
    unknown_field = "unknown_field"
    invalid_type = "invalid_type"
    invalid_value = "invalid_value"
    too_long = "too_long"
    too_short = "too_short"
    invalid_format = "invalid_format"
    out_of_range = "out_of_range"
    money_not_string = "money_not_string"
    amount_format = "amount_format"
    amount_decimals = "amount_decimals"
    amount_range = "amount_range"
    unknown_currency = "unknown_currency"
    currency_mismatch = "currency_mismatch"
    date_in_future = "date_in_future"
    date_order = "date_order"
    unknown_reference = "unknown_reference"
    external_id_taken = "external_id_taken"
    invalid_cursor = "invalid_cursor"
    duplicate_value = "duplicate_value"

    # commands
    state_conflict = "state_conflict"
    issued_invoice_is_fixed = "issued_invoice_is_fixed"
    allocation_exceeds_open = "allocation_exceeds_open"
    allocation_exceeds_payment = "allocation_exceeds_payment"
    allocation_exceeds_credit = "allocation_exceeds_credit"
    channel_not_available = "channel_not_available"
    unknown_template = "unknown_template"
    template_not_allowed = "template_not_allowed"
    steps_out_of_order = "steps_out_of_order"
    window_never_opens = "window_never_opens"
    url_not_allowed = "url_not_allowed"
    test_tenant_only = "test_tenant_only"
    advance_in_progress = "advance_in_progress"
    clock_backwards = "clock_backwards"
    customer_kind_not_allowed = "customer_kind_not_allowed"
    plan_not_allowed = "plan_not_allowed"
    plan_changed = "plan_changed"
    link_expired = "link_expired"
    promise_not_allowed = "promise_not_allowed"
    approval_required = "approval_required"

    # blockers and skip reasons
    not_due = "not_due"
    paid = "paid"
    void = "void"
    written_off = "written_off"
    covered_by_unapplied_cash = "covered_by_unapplied_cash"
    pending_payment = "pending_payment"
    hold = "hold"
    disputed = "disputed"
    promise = "promise"
    plan = "plan"
    placed = "placed"
    erased = "erased"
    min_amount = "min_amount"
    min_gap = "min_gap"
    contact_cap = "contact_cap"
    outside_window = "outside_window"
    no_address = "no_address"
    no_consent = "no_consent"
    no_policy = "no_policy"
    awaiting_approval = "awaiting_approval"
    tenant_paused = "tenant_paused"
    exhausted = "exhausted"
    superseded = "superseded"
    missed = "missed"
    in_flight = "in_flight"
    cancelled = "cancelled"
    address_rejected = "address_rejected"
    not_delivered = "not_delivered"
    awaiting_run = "awaiting_run"
    amount_changed = "amount_changed"
    address_changed = "address_changed"
    condition_not_met = "condition_not_met"
    policy_changed = "policy_changed"
    awaiting_call = "awaiting_call"
    not_reached = "not_reached"


BLOCKER_MESSAGES: dict[Code, str] = {
    Code.not_due: "No step is due yet.",
    Code.paid: "The invoice is paid.",
    Code.void: "The invoice was voided.",
    Code.written_off: "The invoice was written off.",
    Code.covered_by_unapplied_cash: "Unapplied cash or credit of the customer covers what is open.",
    Code.pending_payment: "A pending payment covers what is open and has not matured.",
    Code.hold: "A hold stops contact.",
    Code.disputed: "What is open is disputed.",
    Code.promise: "A promise to pay is running.",
    Code.plan: "A payment plan in good standing covers the invoice.",
    Code.placed: "The invoice is placed with an agency or a lawyer, or was until that was closed.",
    Code.erased: "The customer's personal data was erased.",
    Code.min_amount: "What is owed is below the minimum amount.",
    Code.awaiting_run: "Reminders are made by dunning runs, and none that has it was approved.",
    Code.amount_changed: "Another amount is owed than the one that was shown.",
    Code.address_changed: "The message would go to another address than the one that was shown.",
    Code.min_gap: "The minimum gap since the last contact has not passed.",
    Code.contact_cap: "The limit of contacts for this period is reached.",
    Code.outside_window: "The send window is closed.",
    Code.no_address: "No contact of the customer has an address for the step's channels.",
    Code.no_consent: "Every address for the step's channels has consent denied, or lacks the consent that the contact "
    "profile asks for.",
    Code.no_policy: "No published dunning policy applies.",
    Code.awaiting_approval: "A reminder waits for approval.",
    Code.tenant_paused: "Sending is paused for the tenant.",
    Code.exhausted: "Every step of the policy, or as many as it allows, has been taken.",
    Code.superseded: "A later step went out in its place.",
    Code.missed: "Its time had passed before it could be sent.",
    Code.in_flight: "A reminder is being sent.",
    Code.cancelled: "The reminder was cancelled.",
    Code.address_rejected: "The address was refused for good by the receiving server.",
    Code.not_delivered: "The reminder did not reach the provider.",
    Code.condition_not_met: "The step's conditions exclude the case.",
    Code.policy_changed: "The case has moved to another version of its policy.",
    Code.awaiting_call: "Somebody is to call the customer; the task waits.",
    Code.not_reached: "Nobody was reached by phone.",
}


class RuleError(ValueError):
    """Something that cannot be, by a rule of the domain.

    Attributes:
        code: Stable code of the registry, for problem documents.
        message: One sentence for people; it never repeats the input.
        pointer: JSON pointer of the fault inside what was given; empty for all of it.
    """

    def __init__(self, code: Code, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer
