-- keep_data_sha256: of the fleet's workers the first one's stays; of all of them it is what the sweep shows
with first as (
    update core.sweep
    set data_sha256 = $3
    where sweep_id = $1 and data_sha256 is null
)
insert into core.sweep_data (sweep_id, fleet, data_sha256)
values ($1, $2, $3)
on conflict on constraint sweep_data_pkey do nothing
