-- insert_sweep
insert into core.sweep (sweep_id, name, spec, source, request_id, request_hash, weight, runs_code)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict on constraint sweep_request_unique do nothing
