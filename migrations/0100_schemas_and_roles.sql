-- Two schemas: `core` holds the tables and is private, `batchsweep` holds the views that outsiders may rely on.
create schema core;
comment on schema core is 'Tables of batchsweep. Private: they change without notice; read the views of schema batchsweep instead.';

create schema batchsweep;
comment on schema batchsweep is 'Results of batchsweep, for people and their tools. Views only; columns are added, never changed or removed.';

-- Nobody but the owner gets anything by default.
revoke all on schema core from public;
revoke all on schema batchsweep from public;
revoke all on schema public from public;

-- The role for people's SQL. Roles belong to the whole cluster, so another database of it may make this one at the
-- same moment: then the unique index on role names lets one of them win, and the other goes on with its role. What may
-- differ between databases is set for this one only.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'batchsweep_reader') then
        create role batchsweep_reader
            login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 32;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise exception 'the migration may not create the role batchsweep_reader'
            using hint = 'Create it beforehand: create role batchsweep_reader login connection limit 32;';
end
$$;

do $$
declare
    here text := current_database();
begin
    execute format('alter role batchsweep_reader in database %I set default_transaction_read_only = on', here);
    execute format('alter role batchsweep_reader in database %I set statement_timeout = %L', here, '30s');
    execute format(
        'alter role batchsweep_reader in database %I set idle_in_transaction_session_timeout = %L', here, '10s'
    );
    execute format('alter role batchsweep_reader in database %I set search_path = batchsweep', here);
    execute format('revoke create, temporary on database %I from public', here);
    execute format('grant connect on database %I to batchsweep_reader', here);
end
$$;

-- The role that a coordinator runs as where it is not to own the schema: it reads and writes rows, and changes no table.
-- Migrations stay with the owner. As with the reader, another database of the cluster may make the role at the same
-- moment.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'batchsweep_coordinator') then
        create role batchsweep_coordinator
            login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise exception 'the migration may not create the role batchsweep_coordinator'
            using hint = 'Create it beforehand: create role batchsweep_coordinator login;';
end
$$;

do $$
declare
    here text := current_database();
begin
    execute format('grant connect on database %I to batchsweep_coordinator', here);
    execute format('alter role batchsweep_coordinator in database %I set statement_timeout = %L', here, '60s');
    execute format(
        'alter role batchsweep_coordinator in database %I set idle_in_transaction_session_timeout = %L', here, '60s'
    );
    -- To see that the schema is the one of its build. Not there where migrations are applied by hand.
    if to_regclass('public._sqlx_migrations') is not null then
        grant usage on schema public to batchsweep_coordinator;
        grant select on public._sqlx_migrations to batchsweep_coordinator;
    end if;
end
$$;

-- The grants are the boundary; the reader's settings above only help, as a session may change them. A view reads its tables
-- as its owner, so the reader needs nothing in `core`.
grant usage on schema batchsweep to batchsweep_reader;
grant usage on schema core, batchsweep to batchsweep_coordinator;

-- Tables and views of later migrations get these grants when they are created.
alter default privileges in schema batchsweep grant select on tables to batchsweep_reader;
alter default privileges in schema batchsweep grant select on tables to batchsweep_coordinator;
alter default privileges in schema core grant select, insert, update, delete on tables to batchsweep_coordinator;
alter default privileges in schema core grant usage on sequences to batchsweep_coordinator;
