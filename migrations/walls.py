"""What SQLAlchemy's metadata cannot say: roles, row-level security, grants, and the functions that look across tenants.

The application runs under a role that owns nothing and cannot bypass row-level security. Three things must look
across tenants: finding the tenant of an API key, finding tenants with due work, and telling how far work lags. Each is
a SECURITY DEFINER function with a fixed search_path, owned by a role that nobody can log in as.
"""

from collections.abc import Sequence

RUNTIME_ROLE = "puntual_app"
LOOKUP_ROLE = "puntual_lookup"

# Roles belong to the cluster: another database's migration may have made them already, even at this moment.
ROLES = f"""
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('puntual roles'));
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RUNTIME_ROLE}') THEN
        CREATE ROLE {RUNTIME_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{LOOKUP_ROLE}') THEN
        CREATE ROLE {LOOKUP_ROLE} NOLOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    -- Whoever migrates may act as the runtime role, so that one DATABASE_URL serves both.
    EXECUTE format('GRANT {RUNTIME_ROLE}, {LOOKUP_ROLE} TO %I', current_user);
END $$;
"""

# The setting is '' and not NULL on a connection that has had a tenant before.
CURRENT_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"


def wall(table: str, column: str = "tenant_id") -> list[str]:
    """Row-level security for one table, also for its owner."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        (
            f"CREATE POLICY tenant_wall ON {table} USING ({column} = {CURRENT_TENANT}) "
            f"WITH CHECK ({column} = {CURRENT_TENANT})"
        ),
    ]


def grants(tables: Sequence[str], append_only: Sequence[str]) -> list[str]:
    """What the runtime role may do; append-only tables can be neither changed nor emptied by it."""
    statements = [f"GRANT USAGE ON SCHEMA public TO {RUNTIME_ROLE}, {LOOKUP_ROLE}"]
    for table in tables:
        may = "SELECT, INSERT" if table in append_only else "SELECT, INSERT, UPDATE, DELETE"
        statements.append(f"GRANT {may} ON {table} TO {RUNTIME_ROLE}")
        statements.append(f"GRANT SELECT ON {table} TO {LOOKUP_ROLE}")
    return statements


def definer(signature: str, returns: str, body: str) -> list[str]:
    """A function that may look across tenants, callable by the runtime role alone."""
    return [
        (
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path = pg_catalog, public, pg_temp AS $$ {body} $$"
        ),
        # An owner who is no superuser may only give a function to a role that could have made it.
        f"GRANT CREATE ON SCHEMA public TO {LOOKUP_ROLE}",
        f"ALTER FUNCTION {signature_types(signature)} OWNER TO {LOOKUP_ROLE}",
        f"REVOKE CREATE ON SCHEMA public FROM {LOOKUP_ROLE}",
        f"REVOKE ALL ON FUNCTION {signature_types(signature)} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {signature_types(signature)} TO {RUNTIME_ROLE}",
    ]


def invoker(signature: str, returns: str, body: str) -> list[str]:
    """A function of the runtime role, bound by row-level security like its caller."""
    return [
        (
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql SECURITY INVOKER "
            f"SET search_path = pg_catalog, public, pg_temp AS $$ {body} $$"
        ),
        f"REVOKE ALL ON FUNCTION {signature_types(signature)} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {signature_types(signature)} TO {RUNTIME_ROLE}",
    ]


def signature_types(signature: str) -> str:
    """`f(a uuid, b text)` → `f(uuid, text)`."""
    name, _, arguments = signature.rstrip(")").partition("(")
    types = [argument.strip().split(" ", 1)[1] for argument in arguments.split(",") if argument.strip()]
    return f"{name}({', '.join(types)})"
