#!/bin/sh
# Runs once, when the database is made: the role that the API and the worker log in as. The migration knows the other.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$PUNTUAL_DB_PASSWORD" <<'SQL'
CREATE ROLE puntual_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE puntual LOGIN PASSWORD :'password' NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
GRANT puntual_app TO puntual WITH INHERIT FALSE, SET TRUE;
SQL
