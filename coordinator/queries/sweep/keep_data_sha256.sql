-- keep_data_sha256: the first worker's stays
update core.sweep
set data_sha256 = $2
where sweep_id = $1 and data_sha256 is null
