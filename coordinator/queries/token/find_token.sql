-- find_token: whose it is, and how many seconds it has left
select
    token_id,
    name,
    scopes,
    revoked_at is not null as "revoked!",
    extract(epoch from expires_at - clock_timestamp())::double precision as seconds_left
from core.token
where hash = $1
