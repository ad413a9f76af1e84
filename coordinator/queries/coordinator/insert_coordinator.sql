-- insert_coordinator: and forgets those that have been gone for a day
with forgotten as (
    delete from core.coordinator
    where seen_at < now() - interval '1 day'
)
insert into core.coordinator (coordinator_id)
values ($1)
on conflict on constraint coordinator_pkey do nothing
