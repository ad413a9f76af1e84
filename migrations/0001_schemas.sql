-- Two schemas: `core` holds the tables and is private, `batchsweep` holds the views that outsiders may rely on.
create schema core;
comment on schema core is 'Tables of batchsweep. Private: they change without notice; read the views of schema batchsweep instead.';

create schema batchsweep;
comment on schema batchsweep is 'Results of batchsweep, for people and their tools. Views only; columns are added, never changed or removed.';

-- Nobody but the owner gets anything by default.
revoke all on schema core from public;
revoke all on schema batchsweep from public;
revoke all on schema public from public;
