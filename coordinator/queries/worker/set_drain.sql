-- set_drain: NULL puts it back into service
update core.worker
set drain = $2
where worker_id = $1
returning
    name,
    expires_at < now() as "lost!",
    (select count(*) from core.lease where lease.worker_id = worker.worker_id) as "running!"
