-- Wake the gateways at this transaction's commit: messages are ready again without an insert.
select pg_notify('smsgw_outbox', '');
