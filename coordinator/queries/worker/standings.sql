-- standings: of callers that wait, those whose names other processes have now, and those that are to get no trial
select call.place as "place!", worker.name, worker.instance_id <> call.instance_id as "superseded!"
from unnest($1::uuid[], $2::uuid[]) with ordinality as call (worker_id, instance_id, place)
join core.worker on worker.worker_id = any (array[call.worker_id])
where worker.instance_id <> call.instance_id or worker.drain is not null
