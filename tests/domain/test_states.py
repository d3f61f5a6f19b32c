from itertools import product
from types import MappingProxyType

import pytest

from app.domain.states import MACHINES, IllegalTransition, StateMachine

# Every allowed pair, written out one by one; the tables under test group them by their old state.
ALLOWED = {
    "invoice": """
        draft>open
        open>partially_paid partially_paid>open
        open>paid paid>open partially_paid>paid paid>partially_paid
        open>written_off written_off>open partially_paid>written_off written_off>partially_paid
        written_off>paid paid>written_off
        open>void written_off>paid
    """,
    "case": """
        open>active
        open>suspended open>exhausted open>closed active>suspended active>exhausted active>closed
        suspended>active suspended>closed exhausted>active exhausted>closed closed>active
    """,
    "reminder": """
        scheduled>awaiting_approval awaiting_approval>ready scheduled>ready
        ready>sending sending>sent sent>delivered sending>ready
        sent>failed delivered>failed
        scheduled>skipped awaiting_approval>skipped ready>skipped
        scheduled>cancelled awaiting_approval>cancelled ready>cancelled
        sending>outcome_unknown outcome_unknown>sent outcome_unknown>failed
    """,
    "charge": "posted>paid paid>posted posted>waived posted>reversed",
    "payment": "pending>posted pending>reversed posted>reversed",
    "credit_note": "open>applied applied>open open>voided applied>voided",
    "import": """
        receiving>queued receiving>cancelled queued>running queued>cancelled
        running>completed running>failed running>cancelled
    """,
    "hold": "scheduled>active scheduled>released active>released active>expired",
    "promise": """
        open>kept open>partially_kept open>broken open>cancelled
        kept>partially_kept kept>broken partially_kept>kept partially_kept>broken broken>kept broken>partially_kept
        kept>open
    """,
    "dispute": "open>accepted open>partially_accepted open>rejected open>withdrawn",
    "plan": """
        draft>proposed proposed>accepted accepted>active
        active>completed active>defaulted active>cancelled active>superseded
        completed>active
        draft>cancelled proposed>cancelled accepted>cancelled
    """,
    "instalment": """
        pending>due due>partially_paid partially_paid>paid due>paid
        pending>partially_paid pending>paid partially_paid>pending partially_paid>due
        paid>pending paid>partially_paid
        due>missed partially_paid>missed missed>partially_paid missed>paid
        paid>due paid>missed
        pending>waived due>waived partially_paid>waived missed>waived
    """,
    "placement": """
        placed>acknowledged acknowledged>in_progress acknowledged>closed in_progress>closed
        placed>recalled acknowledged>recalled in_progress>recalled
        placed>returned acknowledged>returned in_progress>returned
    """,
    "task": "open>done open>cancelled",
    "dunning_run": "planning>planned planning>failed planned>approved planned>discarded approved>completed",
    "delivery": """
        pending>in_flight in_flight>delivered in_flight>retry_scheduled in_flight>exhausted
        retry_scheduled>in_flight
    """,
}

INITIAL = {
    "invoice": "draft open",
    "case": "open",
    "reminder": "scheduled awaiting_approval ready",
    "charge": "posted",
    "payment": "pending posted",
    "credit_note": "open",
    "import": "receiving",
    "hold": "scheduled active",
    "promise": "open",
    "dispute": "open",
    "plan": "draft",
    "instalment": "pending",
    "placement": "placed",
    "task": "open",
    "dunning_run": "planning",
    "delivery": "pending",
}


def pairs(name: str) -> set[tuple[str, str]]:
    return {(old, new) for old, _, new in (pair.partition(">") for pair in ALLOWED[name].split())}


def test_every_machine_is_listed() -> None:
    assert set(MACHINES) == set(ALLOWED) == set(INITIAL)
    assert all(machine.name == name for name, machine in MACHINES.items())


@pytest.mark.parametrize("name", ALLOWED)
def test_every_pair_of_states(name: str) -> None:
    machine, allowed = MACHINES[name], pairs(name)
    states = {state for pair in allowed for state in pair}
    assert machine.states == states
    for old, new in product(states, repeat=2):
        assert machine.allows(old, new) is ((old, new) in allowed), (old, new)
        if (old, new) in allowed:
            machine.require(old, new)
        else:
            with pytest.raises(IllegalTransition) as caught:
                machine.require(old, new)
            assert (caught.value.machine, caught.value.old, caught.value.new) == (name, old, new)


@pytest.mark.parametrize("name", ALLOWED)
def test_initial_and_final_states(name: str) -> None:
    machine = MACHINES[name]
    assert machine.initial == set(INITIAL[name].split())
    assert machine.final == machine.states - {old for old, _ in pairs(name)}


@pytest.mark.parametrize("name", ALLOWED)
def test_every_state_can_be_reached(name: str) -> None:
    machine = MACHINES[name]
    reached, frontier = set(machine.initial), set(machine.initial)
    while frontier:
        frontier = {new for old in frontier for new in machine.transitions[old]} - reached
        reached |= frontier
    assert reached == machine.states


@pytest.mark.parametrize("name", ALLOWED)
def test_staying_and_unknown_states_are_no_transition(name: str) -> None:
    machine = MACHINES[name]
    assert not any(machine.allows(state, state) for state in machine.states)
    assert not machine.allows("nonsense", next(iter(machine.initial)))
    assert not machine.allows(next(iter(machine.initial)), "nonsense")


@pytest.mark.parametrize(
    ("initial", "transitions"),
    [
        (set(), {"a": frozenset[str]()}),
        ({"b"}, {"a": frozenset[str]()}),
        ({"a"}, {"a": frozenset({"b"})}),
        ({"a"}, {"a": frozenset({"a"})}),
    ],
)
def test_inconsistent_tables_are_refused(initial: set[str], transitions: dict[str, frozenset[str]]) -> None:
    with pytest.raises(ValueError, match="made up"):
        StateMachine("made up", frozenset(initial), MappingProxyType(transitions))
