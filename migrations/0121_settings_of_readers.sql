-- A query can change settings, too: by a function, which would let a reader's statement take more memory than it may.
revoke execute on function pg_catalog.set_config(text, text, boolean) from public;
grant execute on function pg_catalog.set_config(text, text, boolean) to batchsweep_coordinator;
