-- list_tokens: newest first; those that are over only when $1
select
    token_id, name, scopes, created_at, expires_at, revoked_at, used_at,
    (revoked_at is null and (expires_at is null or expires_at > now())) as "valid!"
from core.token
where $1 or (revoked_at is null and (expires_at is null or expires_at > now()))
order by created_at desc, token_id
limit 1000
