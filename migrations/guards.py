"""How constraints come to tables that are in use: written without a look at the rows, and proved in a later revision.

Proving reads the whole table; in the transaction that wrote the constraint it would do so under that one's lock.
"""

from alembic import op


def add_check(table: str, name: str, condition: str) -> None:
    """Add a CHECK named as the models name it."""
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition}) NOT VALID")


def replace_check(table: str, name: str, condition: str) -> None:
    """Let a CHECK ask for something else."""
    drop_constraint(table, f"ck_{table}_{name}")
    add_check(table, name, condition)


def drop_constraint(table: str, name: str) -> None:
    """Drop a constraint of ours that another one takes the place of."""
    op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")


def allow_null(table: str, column: str) -> None:
    """Let a column be empty; only this service reads it, and knows."""
    op.execute(f"-- squawk-ignore ban-drop-not-null\nALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")


def add_foreign_key(table: str, column: str, references: str) -> None:
    """Add a foreign key over the tenant and an id, checked at the commit."""
    name = f"fk_{table}_{column}"
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {references} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED NOT VALID"
    )


def prove(table: str, *names: str) -> None:
    """Prove constraints that an earlier revision wrote."""
    for name in names:
        # A proof may be repeated.
        op.execute(f"-- squawk-ignore prefer-robust-stmts\nALTER TABLE {table} VALIDATE CONSTRAINT {name}")
