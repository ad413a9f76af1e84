-- A machine is taken out of service without losing work: its worker gets no further trial until it is put back. This stays
-- with the worker's name, whatever process registers under it.
alter table core.worker
add column drain text,
add constraint worker_drain_known check (drain in ('finish', 'hand_over'));

comment on column core.worker.drain is 'Set while an operator takes it out of service: finish, its running trials end as usual, or hand_over, they are saved and given back. NULL else.';

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
    worker.drain is not null as draining
from core.worker
cross join lateral (
    select count(*) as running from core.lease where lease.worker_id = worker.worker_id
) held;

comment on column batchsweep.worker.status is 'idle, busy, draining (gets no trial, and still holds some), drained (gets no trial, holds none), or lost (not heard of for a lease''s time, stopped or cut off).';
comment on column batchsweep.worker.draining is 'Whether it is taken out of service: it gets no trial until `batchsweep workers resume`.';
