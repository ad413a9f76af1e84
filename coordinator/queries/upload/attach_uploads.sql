-- The locks wait for whoever removes one of them, and keep others from it.
insert into core.sweep_upload (sweep_id, sha256)
select $1, found.sha256
from (
    select sha256
    from core.upload
    where sha256 = any($2)
    order by sha256
    for key share
) found
