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

-- The grants are the boundary; the settings above only help, as a session may change them. A view reads its tables
-- as its owner, so the reader needs nothing in `core`.
grant usage on schema batchsweep to batchsweep_reader;
grant select on all tables in schema batchsweep to batchsweep_reader;
alter default privileges in schema batchsweep grant select on tables to batchsweep_reader;
