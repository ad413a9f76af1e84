-- upsert_worker: of two new processes of one new name, the later one stays. A name belongs to the principal that registered
-- it last, $12, as long as its worker lives; then there is no row.
insert into core.worker (
    worker_id, name, instance_id, version, device, device_description, memory_bytes, memory_limit_bytes,
    libtorch_version, threads, expires_at, principal, allows_code
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(secs => $11::double precision), $12, $13)
on conflict on constraint worker_name_unique do update
set
    instance_id = excluded.instance_id,
    version = excluded.version,
    device = excluded.device,
    device_description = excluded.device_description,
    memory_bytes = excluded.memory_bytes,
    memory_limit_bytes = excluded.memory_limit_bytes,
    libtorch_version = excluded.libtorch_version,
    threads = excluded.threads,
    registered_at = now(),
    seen_at = now(),
    expires_at = excluded.expires_at,
    principal = excluded.principal,
    allows_code = excluded.allows_code
where worker.principal is null
    or excluded.principal is null
    or worker.principal = excluded.principal
    or worker.expires_at < now()
    -- The clock was set back: whoever lives is heard of before this can be.
    or worker.expires_at > now() + make_interval(secs => 2 * $11::double precision) + interval '1 minute'
returning worker_id
