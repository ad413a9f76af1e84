-- take_turn: reports of one trial go one after the other. One that writes its rows before it locks the lease, and one that
-- locks the lease first, would else wait for each other.
select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))
