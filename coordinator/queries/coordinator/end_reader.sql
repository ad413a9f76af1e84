-- end_reader: a process of the database that outlives its time limit
select core.end_reader($1) as "is_ended!"
