create view batchsweep.worker as
select
    worker.worker_id::text as worker_id,
    worker.name as worker,
    case
        when worker.expires_at < now() then 'lost'
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
    worker.seen_at
from core.worker
cross join lateral (
    select count(*) as running from core.lease where lease.worker_id = worker.worker_id
) held;

comment on view batchsweep.worker is 'One row a worker: who is there, and on what device.';
comment on column batchsweep.worker.worker_id is 'UUID as text; stays with the name.';
comment on column batchsweep.worker.worker is 'Its name.';
comment on column batchsweep.worker.status is 'idle, busy, or lost (not heard of for a lease''s time, stopped or cut off).';
comment on column batchsweep.worker.running is 'Number of trials it holds.';
comment on column batchsweep.worker.device is 'Where it trains: cpu or cuda:0.';
comment on column batchsweep.worker.device_description is 'What the device is.';
comment on column batchsweep.worker.memory_bytes is 'Memory of the device, in bytes.';
comment on column batchsweep.worker.memory_limit_bytes is 'The worker''s own limit, in bytes; NULL for none.';
comment on column batchsweep.worker.threads is 'CPU threads it computes with.';
comment on column batchsweep.worker.version is 'Version of the worker binary.';
comment on column batchsweep.worker.libtorch_version is 'Version of libtorch.';
comment on column batchsweep.worker.registered_at is 'When its process registered.';
comment on column batchsweep.worker.seen_at is 'When it was last heard of.';
