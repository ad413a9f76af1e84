-- insert_token: for so many seconds from now, or for ever
insert into core.token (token_id, name, hash, scopes, expires_at)
values ($1, $2, $3, $4, now() + make_interval(secs => $5))
returning token_id, name, scopes, created_at, expires_at, revoked_at, used_at, true as "valid!"
