-- revoke_tokens: one by its id, or all of a name
update core.token
set revoked_at = now()
where revoked_at is null and (name = $1 or token_id::text = $1)
returning token_id, name, scopes, created_at, expires_at, revoked_at, used_at, false as "valid!"
