-- find_sweeps: by exact name (the newest), and by a range of ids
(
    select sweep_id, name
    from core.sweep
    where name = $1
    order by created_at desc, sweep_id desc
    limit 1
)
union
(
    select sweep_id, name
    from core.sweep
    where sweep_id between $2::uuid and $3::uuid
    order by created_at desc, sweep_id desc
    limit 10
)
