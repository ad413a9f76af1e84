-- workers_seen: notes of each caller that it lives, and tells whether it is the process that registered last, and the
-- caller's own; a principal is NULL where nobody has one. Locked in one order, and until the transaction ends: no other
-- process can take over the names meanwhile, and nobody take them out of service.
with call as (
    select *
    from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality
        as call (worker_id, instance_id, principal, place)
),
held as materialized (
    select worker_id, instance_id, name, principal, drain, allows_code
    from core.worker
    where worker_id = any($1)
    order by worker_id
    for no key update
),
answer as (
    select
        call.place,
        call.worker_id,
        held.name,
        held.drain,
        coalesce(held.allows_code, false) as allows_code,
        held.instance_id = call.instance_id as current,
        call.principal is null or coalesce(held.principal = call.principal, false) as ours
    from call
    left join held using (worker_id)
),
seen as (
    update core.worker
    set seen_at = now(), expires_at = now() + make_interval(secs => $4)
    where worker_id = any (array(select answer.worker_id from answer where current and ours))
)
select name as "name?", current as "current?", ours as "ours!", drain is not null as "draining!",
    allows_code as "allows_code!",
    (
        select true from core.checkpoint_removal where checkpoint_removal.worker_id = answer.worker_id limit 1
    ) is not null as "cleans!"
from answer
order by place
