-- notify_trials: a hint to all coordinators that trials wait; a lost one costs a second
select pg_notify('batchsweep_trials', '')
