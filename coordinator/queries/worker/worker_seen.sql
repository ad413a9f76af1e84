-- worker_seen: notes that it lives, and tells whether it is the process that registered last
update core.worker
set
    seen_at = case when instance_id = $2 then now() else seen_at end,
    expires_at = case when instance_id = $2 then now() + make_interval(secs => $3) else expires_at end
where worker_id = $1
returning name, instance_id
