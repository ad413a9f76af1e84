-- known_leases: which of these were ever given; made up ones are not looked at any further
select attempt.trial_id, attempt.attempt, attempt.token
from unnest($1::uuid[], $2::integer[], $3::bytea[]) as asked (trial_id, attempt, token)
join core.attempt
    on attempt.trial_id = any (array[asked.trial_id])
    and attempt.attempt = asked.attempt
    and attempt.token = asked.token
