-- upsert_worker: of two new processes of one new name, the later one stays
insert into core.worker (
    worker_id, name, instance_id, version, device, device_description, memory_bytes, memory_limit_bytes,
    libtorch_version, threads, expires_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(secs => $11))
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
    expires_at = excluded.expires_at
returning worker_id
