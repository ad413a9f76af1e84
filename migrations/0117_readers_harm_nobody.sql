-- What a reader may not do though it is a query: write large objects, hold locks, end other people's statements.

-- Ends a statement of the reader that outlives its time limit. A role may end only its own processes, and the coordinator's is
-- not the reader's.
create function core.end_reader(backend integer) returns boolean
language sql
security definer
set search_path = pg_catalog
as $$
    select coalesce(bool_or(pg_terminate_backend(pid)), false)
    from pg_stat_activity
    where pid = backend and usename = 'batchsweep_reader'
$$;

comment on function core.end_reader is 'Ends the process of this number where it works for the reader; whether there was one.';

revoke all on function core.end_reader from public;
grant execute on function core.end_reader to batchsweep_coordinator;

-- These belong to Postgres itself: where the migration does not run as a superuser they stay as they are, with a warning. A
-- coordinator of an earlier version has reports of one trial wait for each other by them, so its role keeps them.
do $$
declare
    harmful regprocedure;
begin
    for harmful in
        select oid::regprocedure
        from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and (
                proname ~ '^(lo_|pg_advisory_|pg_try_advisory_)'
                or proname in ('loread', 'lowrite', 'pg_terminate_backend', 'pg_cancel_backend')
            )
    loop
        execute format('revoke execute on function %s from public', harmful);
        execute format('grant execute on function %s to batchsweep_coordinator', harmful);
    end loop;
end
$$;
