#!/usr/bin/env bash
# Runs once, when the Postgres image makes its cluster: the database and the two roles that use it. The owner runs the
# migrations; the services' role is bound by row-level security. What each may do is told to no one else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v owner="$PARLEY_OWNER_PASSWORD" -v service="$PARLEY_SERVICE_PASSWORD" \
  --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE parley_owner LOGIN NOSUPERUSER CREATEROLE PASSWORD :'owner';
CREATE ROLE parley_service LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'service';
CREATE DATABASE parley OWNER parley_owner;
REVOKE CONNECT ON DATABASE parley FROM PUBLIC;
GRANT CONNECT ON DATABASE parley TO parley_service;
SQL
