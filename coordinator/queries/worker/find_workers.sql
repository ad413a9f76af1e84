-- find_workers: by exact name, and by a range of ids
select worker_id as "worker_id!", name as "name!"
from core.worker
where name = $1
union
(
    select worker_id, name
    from core.worker
    where worker_id between $2::uuid and $3::uuid
    order by worker_id
    limit 10
)
