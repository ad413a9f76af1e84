-- superseded: which callers' names other processes have now
select call.place as "place!", worker.name
from unnest($1::uuid[], $2::uuid[]) with ordinality as call (worker_id, instance_id, place)
join core.worker on worker.worker_id = call.worker_id
where worker.instance_id <> call.instance_id
