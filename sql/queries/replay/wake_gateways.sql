-- Wake the gateways when this transaction commits: messages are ready that no INSERT announced.
select pg_notify('smsgw_outbox', '');
