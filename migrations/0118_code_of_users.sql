-- Code of users runs only on workers that were started for it. A worker says so when it registers; one of an earlier version
-- gets no such trial until it is started anew. A sweep from before may be handed to any worker, which refuses it itself.
alter table core.worker add column allows_code boolean not null default false;
alter table core.sweep add column runs_code boolean not null default false;

comment on column core.worker.allows_code is 'Whether it runs code of users, as models of kind torchscript are.';
comment on column core.sweep.runs_code is 'Whether its model is code of its user''s: its trials are handed to workers that allow that alone.';

create or replace view batchsweep.worker as
select
    worker.worker_id::text as worker_id,
    worker.name as worker,
    case
        when worker.expires_at < now() then 'lost'
        when worker.drain is not null and held.running > 0 then 'draining'
        when worker.drain is not null then 'drained'
        when held.running > 0 then 'busy'
        else 'idle'
    end as status,
    held.running,
    worker.device,
    worker.device_description,
    worker.memory_bytes,
    worker.memory_limit_bytes,
    worker.threads::bigint as threads,
    worker.version,
    worker.libtorch_version,
    worker.registered_at,
    worker.seen_at,
    worker.drain is not null as draining,
    worker.allows_code
from core.worker
cross join lateral (
    select count(*) as running from core.lease where lease.worker_id = worker.worker_id
) held;

comment on column batchsweep.worker.allows_code is 'Whether it runs code of users, as models of kind torchscript are (--allow-code).';
