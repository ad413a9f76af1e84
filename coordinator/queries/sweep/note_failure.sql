-- note_failure: one more in a row; gives how many, and how many workers could train its trials
insert into core.sweep_breaker (sweep_id, failures_in_a_row)
select sweep_id, 1
from core.trial
where trial_id = $1
on conflict on constraint sweep_breaker_pkey do update
set failures_in_a_row = sweep_breaker.failures_in_a_row + 1
returning
    sweep_id,
    failures_in_a_row,
    (select count(*) from core.worker where expires_at >= now() and drain is null) as "workers!"
