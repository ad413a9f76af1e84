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

grant usage on schema core, batchsweep to batchsweep_coordinator;
grant select, insert, update, delete on all tables in schema core to batchsweep_coordinator;
grant usage on all sequences in schema core to batchsweep_coordinator;
grant select on all tables in schema batchsweep to batchsweep_coordinator;
alter default privileges in schema core grant select, insert, update, delete on tables to batchsweep_coordinator;
alter default privileges in schema core grant usage on sequences to batchsweep_coordinator;
alter default privileges in schema batchsweep grant select on tables to batchsweep_coordinator;
