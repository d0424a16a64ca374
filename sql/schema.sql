-- The whole schema, as the files in sql/migrations make it. It is here to be read; nothing executes it.
--
-- pg_dump writes it; do not edit it. After a change of a migration, run `make schema`; a test fails until then. The
-- migrations have the comments, and also the rows of smsgw.lane and the roles, which belong to the whole cluster.


-- Schema

CREATE SCHEMA smsgw;

GRANT USAGE ON SCHEMA smsgw TO smsgw_app;
GRANT USAGE ON SCHEMA smsgw TO smsgw_gateway;
GRANT USAGE ON SCHEMA smsgw TO smsgw_operator;
GRANT USAGE ON SCHEMA smsgw TO smsgw_reader;


-- Types

CREATE TYPE smsgw.attempt_result AS (
	request_id uuid,
	claim_token uuid,
	number integer,
	outcome text,
	http_status smallint,
	error text,
	provider_request_id text,
	retry_after real,
	duration real,
	status text,
	delay double precision,
	spent boolean,
	maybe_arrived boolean,
	provider_message_id text,
	outbound_ids bigint[],
	total_sent integer,
	verify_reason text,
	reason text
);

CREATE TYPE smsgw.bucket_kind AS ENUM (
    'window',
    'pace'
);

CREATE TYPE smsgw.delivery_status AS ENUM (
    'none',
    'sent',
    'unknown',
    'undelivered',
    'undeliverable',
    'rejected',
    'failed',
    'delivered'
);

CREATE TYPE smsgw.new_request AS (
	id uuid,
	external_id text,
	body bytea,
	members bigint[],
	parts integer,
	lane text,
	tenant text,
	sender_id bigint,
	generation smallint
);

CREATE TYPE smsgw.parked_by AS ENUM (
    'pause',
    'order_key'
);

CREATE TYPE smsgw.request_status AS ENUM (
    'in_flight',
    'uncertain',
    'rejected',
    'accepted'
);

CREATE TYPE smsgw.terminal_status AS ENUM (
    'failed',
    'expired',
    'suppressed',
    'cancelled'
);


-- Tables

CREATE TABLE smsgw.attempt (
    request_id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    number integer NOT NULL,
    http_status smallint,
    duration real,
    retry_after real,
    outcome text,
    error text,
    provider_request_id text,
    worker text NOT NULL,
    CONSTRAINT attempt_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'duplicate'::text, 'duplicate_unexpected'::text, 'throttled'::text, 'refused'::text, 'blocked'::text, 'never_sent'::text, 'ambiguous'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY smsgw.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (request_id, number);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.attempt TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.attempt TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.attempt TO smsgw_reader;

CREATE TABLE smsgw.bucket (
    name text NOT NULL,
    kind smsgw.bucket_kind NOT NULL,
    allowance double precision NOT NULL,
    period double precision NOT NULL,
    reserves boolean DEFAULT false NOT NULL,
    spent_bounds timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    spent_urgent integer[] DEFAULT '{}'::integer[] NOT NULL,
    spent_others integer[] DEFAULT '{}'::integer[] NOT NULL,
    taken_total bigint DEFAULT 0 NOT NULL,
    clock_shift double precision DEFAULT 0 NOT NULL,
    foreign_spent integer DEFAULT 0 NOT NULL,
    foreign_until timestamp with time zone,
    foreign_seen_at timestamp with time zone,
    rate_factor double precision DEFAULT 1 NOT NULL,
    throttled_at timestamp with time zone,
    blocked_until timestamp with time zone,
    tokens double precision DEFAULT 0 NOT NULL,
    counted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT bucket_allowance_check CHECK ((allowance >= (1)::double precision)),
    CONSTRAINT bucket_entries_match CHECK (((cardinality(spent_bounds) = cardinality(spent_urgent)) AND (cardinality(spent_bounds) = cardinality(spent_others)))),
    CONSTRAINT bucket_period_check CHECK ((period > (0)::double precision)),
    CONSTRAINT bucket_rate_factor_check CHECK (((rate_factor > (0)::double precision) AND (rate_factor <= (1)::double precision)))
)
WITH (fillfactor='50', autovacuum_vacuum_threshold='200', autovacuum_vacuum_scale_factor='0');

ALTER TABLE ONLY smsgw.bucket
    ADD CONSTRAINT bucket_pkey PRIMARY KEY (name);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.bucket TO smsgw_gateway;
GRANT SELECT,UPDATE ON TABLE smsgw.bucket TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.bucket TO smsgw_reader;

CREATE TABLE smsgw.fair_share (
    lane text NOT NULL,
    tenant text NOT NULL,
    pass_value double precision DEFAULT 0 NOT NULL,
    last_served_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE ONLY smsgw.fair_share
    ADD CONSTRAINT fair_share_pkey PRIMARY KEY (lane, tenant);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.fair_share TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.fair_share TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.fair_share TO smsgw_reader;

CREATE TABLE smsgw.final_feed (
    "position" bigint NOT NULL,
    published_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    message_id bigint NOT NULL,
    state text NOT NULL,
    reason text,
    final_at timestamp with time zone NOT NULL
);

ALTER TABLE smsgw.final_feed ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.final_feed_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.final_feed
    ADD CONSTRAINT final_feed_pkey PRIMARY KEY ("position");

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.final_feed TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.final_feed TO smsgw_operator;
GRANT USAGE ON SEQUENCE smsgw.final_feed_position_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.final_feed_position_seq TO smsgw_operator;

CREATE TABLE smsgw.final_state_pending (
    id bigint NOT NULL,
    message_id bigint NOT NULL,
    state text NOT NULL,
    reason text,
    final_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

ALTER TABLE smsgw.final_state_pending ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.final_state_pending_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.final_state_pending
    ADD CONSTRAINT final_state_pending_pkey PRIMARY KEY (id);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.final_state_pending TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.final_state_pending TO smsgw_operator;
GRANT USAGE ON SEQUENCE smsgw.final_state_pending_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.final_state_pending_id_seq TO smsgw_operator;

CREATE TABLE smsgw.group_delivery (
    message_id bigint NOT NULL,
    generation smallint NOT NULL,
    number text NOT NULL,
    delivery_status smsgw.delivery_status NOT NULL,
    happened_at timestamp with time zone NOT NULL
)
WITH (fillfactor='85');

ALTER TABLE ONLY smsgw.group_delivery
    ADD CONSTRAINT group_delivery_pkey PRIMARY KEY (message_id, generation, number);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.group_delivery TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.group_delivery TO smsgw_operator;
GRANT SELECT(message_id) ON TABLE smsgw.group_delivery TO smsgw_reader;
GRANT SELECT(generation) ON TABLE smsgw.group_delivery TO smsgw_reader;
GRANT SELECT(delivery_status) ON TABLE smsgw.group_delivery TO smsgw_reader;
GRANT SELECT(happened_at) ON TABLE smsgw.group_delivery TO smsgw_reader;

CREATE TABLE smsgw.inbound (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    happened_at timestamp with time zone,
    receipt_id bigint,
    from_number text NOT NULL,
    to_number text,
    body text,
    keyword text,
    external_id text,
    provider_reply_id text,
    CONSTRAINT inbound_keyword_check CHECK ((keyword = ANY (ARRAY['stop'::text, 'start'::text, 'help'::text])))
);

ALTER TABLE smsgw.inbound ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.inbound_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.inbound
    ADD CONSTRAINT inbound_pkey PRIMARY KEY (id);

ALTER TABLE ONLY smsgw.inbound
    ADD CONSTRAINT inbound_receipt_id_key UNIQUE (receipt_id);

CREATE INDEX inbound_from_number ON smsgw.inbound USING btree (from_number, id);

GRANT SELECT ON TABLE smsgw.inbound TO smsgw_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.inbound TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.inbound TO smsgw_operator;
GRANT USAGE ON SEQUENCE smsgw.inbound_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.inbound_id_seq TO smsgw_operator;

CREATE TABLE smsgw.installation (
    singleton boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    unconfirmed_after interval DEFAULT '72:00:00'::interval NOT NULL,
    horizon interval DEFAULT '00:10:00'::interval NOT NULL,
    CONSTRAINT installation_singleton_check CHECK (singleton)
);

ALTER TABLE ONLY smsgw.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (singleton);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.installation TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.installation TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.installation TO smsgw_reader;

CREATE TABLE smsgw.lane (
    name text NOT NULL,
    urgent boolean DEFAULT false NOT NULL,
    weight integer DEFAULT 1 NOT NULL,
    ttl interval NOT NULL,
    "coalesce" boolean DEFAULT true NOT NULL,
    on_uncertain text DEFAULT 'hold'::text NOT NULL,
    max_attempts integer DEFAULT 12 NOT NULL,
    cap_percent integer DEFAULT 100 NOT NULL,
    reserve_percent integer DEFAULT 0 NOT NULL,
    CONSTRAINT lane_cap_percent_check CHECK (((cap_percent >= 1) AND (cap_percent <= 100))),
    CONSTRAINT lane_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 1000))),
    CONSTRAINT lane_name_check CHECK ((name ~ '^[a-z][a-z0-9_-]{0,30}$'::text)),
    CONSTRAINT lane_on_uncertain_check CHECK ((on_uncertain = ANY (ARRAY['hold'::text, 'resend'::text]))),
    CONSTRAINT lane_reserve_percent_check CHECK (((reserve_percent >= 0) AND (reserve_percent <= 90))),
    CONSTRAINT lane_ttl_bounded CHECK ((ttl <= '5 years'::interval)),
    CONSTRAINT lane_ttl_check CHECK ((ttl > '00:00:00'::interval)),
    CONSTRAINT lane_weight_check CHECK (((weight >= 1) AND (weight <= 1000)))
);

ALTER TABLE ONLY smsgw.lane
    ADD CONSTRAINT lane_pkey PRIMARY KEY (name);

GRANT SELECT ON TABLE smsgw.lane TO smsgw_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.lane TO smsgw_gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.lane TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.lane TO smsgw_reader;

CREATE TABLE smsgw.migration (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_by text DEFAULT CURRENT_USER NOT NULL
);

ALTER TABLE ONLY smsgw.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

GRANT SELECT ON TABLE smsgw.migration TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.migration TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.migration TO smsgw_reader;

CREATE TABLE smsgw.operator_action (
    id bigint NOT NULL,
    happened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    reason text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    message_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL
);

ALTER TABLE smsgw.operator_action ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.operator_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.operator_action
    ADD CONSTRAINT operator_action_pkey PRIMARY KEY (id);

CREATE INDEX operator_action_messages ON smsgw.operator_action USING gin (message_ids);

CREATE INDEX operator_action_pauses ON smsgw.operator_action USING btree (happened_at) WHERE (action = ANY (ARRAY['pause'::text, 'resume'::text]));

GRANT SELECT,INSERT ON TABLE smsgw.operator_action TO smsgw_gateway;
GRANT SELECT,INSERT ON TABLE smsgw.operator_action TO smsgw_operator;
GRANT USAGE ON SEQUENCE smsgw.operator_action_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.operator_action_id_seq TO smsgw_operator;

CREATE TABLE smsgw.outbox (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    to_subscriber_id bigint,
    to_group_id bigint,
    template_id bigint,
    link_id bigint,
    sender_id bigint,
    delivered_at timestamp with time zone,
    final_at timestamp with time zone,
    request_id uuid,
    delivery_status smsgw.delivery_status DEFAULT 'none'::smsgw.delivery_status NOT NULL,
    terminal_status smsgw.terminal_status,
    parked_by smsgw.parked_by,
    generation smallint DEFAULT 0 NOT NULL,
    parts smallint,
    to_number text,
    body text,
    media_url text,
    variables jsonb,
    lane text DEFAULT 'default'::text NOT NULL,
    tenant text DEFAULT ''::text NOT NULL,
    tags jsonb,
    reference text,
    dedupe_key text,
    order_key text,
    traceparent text,
    reason text,
    park_reason text,
    earlier_requests uuid[]
)
WITH (fillfactor='85', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');

ALTER TABLE smsgw.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX outbox_dedupe ON smsgw.outbox USING btree (tenant, dedupe_key) WHERE (dedupe_key IS NOT NULL);

CREATE INDEX outbox_expiring ON smsgw.outbox USING btree (expires_at) WHERE ((request_id IS NULL) AND (terminal_status IS NULL));

CREATE INDEX outbox_group ON smsgw.outbox USING btree (id) WHERE (to_group_id IS NOT NULL);

CREATE INDEX outbox_order ON smsgw.outbox USING btree (tenant, order_key, id) WHERE ((order_key IS NOT NULL) AND (terminal_status IS NULL));

CREATE INDEX outbox_parked_order ON smsgw.outbox USING btree (tenant, order_key, id) WHERE ((request_id IS NULL) AND (terminal_status IS NULL) AND (parked_by = 'order_key'::smsgw.parked_by));

CREATE INDEX outbox_parked_pause ON smsgw.outbox USING btree (park_reason, id) WHERE ((request_id IS NULL) AND (terminal_status IS NULL) AND (parked_by = 'pause'::smsgw.parked_by));

CREATE INDEX outbox_reference ON smsgw.outbox USING btree (reference) WHERE (reference IS NOT NULL);

CREATE INDEX outbox_terminal ON smsgw.outbox USING btree (terminal_status, id) WHERE (terminal_status IS NOT NULL);

CREATE INDEX outbox_to_number ON smsgw.outbox USING btree (to_number, id) WHERE (to_number IS NOT NULL);

CREATE INDEX outbox_waiting ON smsgw.outbox USING btree (lane, tenant, COALESCE(sender_id, (0)::bigint), not_before, id) WHERE ((request_id IS NULL) AND (terminal_status IS NULL) AND (parked_by IS NULL));

CREATE TRIGGER doorbell AFTER INSERT ON smsgw.outbox FOR EACH STATEMENT EXECUTE FUNCTION smsgw.outbox_doorbell();

CREATE TRIGGER final AFTER UPDATE OF final_at, delivery_status, terminal_status ON smsgw.outbox FOR EACH ROW WHEN (((new.final_at IS NOT NULL) AND ((new.delivery_status >= 'undelivered'::smsgw.delivery_status) OR (new.terminal_status IS NOT NULL)) AND (((new.final_at IS DISTINCT FROM old.final_at) OR (new.delivery_status IS DISTINCT FROM old.delivery_status)) OR (new.terminal_status IS DISTINCT FROM old.terminal_status)))) EXECUTE FUNCTION smsgw.outbox_final();

CREATE TRIGGER intake BEFORE INSERT ON smsgw.outbox FOR EACH ROW EXECUTE FUNCTION smsgw.outbox_intake();

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.outbox TO smsgw_gateway;
GRANT SELECT,INSERT,UPDATE ON TABLE smsgw.outbox TO smsgw_operator;
GRANT SELECT(id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(id) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(created_at) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(not_before) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(not_before) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(expires_at) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(expires_at) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(to_subscriber_id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(to_group_id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(template_id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(link_id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(sender_id) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(delivered_at) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(final_at) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(request_id) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(delivery_status) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(terminal_status) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(parked_by) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(generation) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT SELECT(parts) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(to_number) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(body) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(media_url) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(variables) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(lane) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(lane) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(tenant) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(tenant) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT INSERT(tags) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(reference) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(dedupe_key) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(order_key) ON TABLE smsgw.outbox TO smsgw_app;
GRANT INSERT(traceparent) ON TABLE smsgw.outbox TO smsgw_app;
GRANT SELECT(park_reason) ON TABLE smsgw.outbox TO smsgw_reader;
GRANT USAGE ON SEQUENCE smsgw.outbox_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.outbox_id_seq TO smsgw_operator;

CREATE TABLE smsgw.pause (
    scope text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    paused_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    actor text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT pause_scope_check CHECK ((scope = ANY (ARRAY['all'::text, 'route'::text, 'lane'::text, 'tenant'::text, 'tag'::text])))
);

ALTER TABLE ONLY smsgw.pause
    ADD CONSTRAINT pause_pkey PRIMARY KEY (scope, subject);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.pause TO smsgw_gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.pause TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.pause TO smsgw_reader;

CREATE TABLE smsgw.receipt (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    happened_at timestamp with time zone,
    applied_at timestamp with time zone,
    message_id bigint,
    request_id uuid,
    generation smallint,
    delivery_status smsgw.delivery_status,
    result text,
    source text NOT NULL,
    event text NOT NULL,
    number text,
    external_id text,
    provider_message_id text,
    provider_status text,
    reply_to_number text,
    reply_text text,
    provider_reply_id text,
    digest bytea NOT NULL,
    raw bytea NOT NULL,
    CONSTRAINT receipt_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT receipt_result_check CHECK ((result = ANY (ARRAY['applied'::text, 'repeated'::text, 'conflict'::text, 'stale'::text, 'noted'::text, 'unmatched'::text, 'foreign'::text, 'abandoned'::text]))),
    CONSTRAINT receipt_source_check CHECK ((source = ANY (ARRAY['webhook'::text, 'poll'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0.02');

ALTER TABLE smsgw.receipt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.receipt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.receipt
    ADD CONSTRAINT receipt_digest_key UNIQUE (digest);

ALTER TABLE ONLY smsgw.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (id);

CREATE INDEX receipt_message ON smsgw.receipt USING btree (message_id) WHERE (message_id IS NOT NULL);

CREATE INDEX receipt_unapplied ON smsgw.receipt USING btree (id) WHERE (applied_at IS NULL);

CREATE INDEX receipt_undelivered ON smsgw.receipt USING btree (message_id) WHERE ((message_id IS NOT NULL) AND (delivery_status >= 'undelivered'::smsgw.delivery_status) AND (delivery_status < 'delivered'::smsgw.delivery_status));

CREATE INDEX receipt_unmatched ON smsgw.receipt USING btree (request_id) WHERE (result = 'unmatched'::text);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.receipt TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.receipt TO smsgw_operator;
GRANT SELECT(id) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(received_at) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(happened_at) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(applied_at) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(message_id) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(request_id) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(generation) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(delivery_status) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(result) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(source) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT SELECT(event) ON TABLE smsgw.receipt TO smsgw_reader;
GRANT USAGE ON SEQUENCE smsgw.receipt_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.receipt_id_seq TO smsgw_operator;

CREATE TABLE smsgw.replay (
    id bigint NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_before timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    moved_at timestamp with time zone,
    finished_at timestamp with time zone,
    below bigint NOT NULL,
    planned bigint NOT NULL,
    replayed bigint DEFAULT 0 NOT NULL,
    same_id bigint DEFAULT 0 NOT NULL,
    resent bigint DEFAULT 0 NOT NULL,
    left_out bigint DEFAULT 0 NOT NULL,
    new_ttl double precision,
    allow_duplicates boolean DEFAULT false NOT NULL,
    stopped boolean DEFAULT false NOT NULL,
    actor text NOT NULL,
    reason text,
    filters jsonb NOT NULL,
    CONSTRAINT replay_new_ttl_check CHECK ((new_ttl > (0)::double precision))
);

ALTER TABLE smsgw.replay ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.replay_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY smsgw.replay
    ADD CONSTRAINT replay_pkey PRIMARY KEY (id);

GRANT SELECT,INSERT,UPDATE ON TABLE smsgw.replay TO smsgw_gateway;
GRANT SELECT,INSERT,UPDATE ON TABLE smsgw.replay TO smsgw_operator;
GRANT USAGE ON SEQUENCE smsgw.replay_id_seq TO smsgw_gateway;
GRANT USAGE ON SEQUENCE smsgw.replay_id_seq TO smsgw_operator;

CREATE TABLE smsgw.replica (
    worker text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    components text[] NOT NULL,
    held_back_at timestamp with time zone,
    held_back_reason text
);

ALTER TABLE ONLY smsgw.replica
    ADD CONSTRAINT replica_pkey PRIMARY KEY (worker);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.replica TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.replica TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.replica TO smsgw_reader;

CREATE TABLE smsgw.request (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    available_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_expires_at timestamp with time zone,
    first_attempt_at timestamp with time zone,
    maybe_arrived_at timestamp with time zone,
    accepted_at timestamp with time zone,
    last_polled_at timestamp with time zone,
    sender_id bigint,
    claim_token uuid,
    parent_id uuid,
    status smsgw.request_status DEFAULT 'in_flight'::smsgw.request_status NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    crashes integer DEFAULT 0 NOT NULL,
    never_sent_attempts integer DEFAULT 0 NOT NULL,
    ambiguous_attempts integer DEFAULT 0 NOT NULL,
    parts integer NOT NULL,
    pending_receipts integer NOT NULL,
    total_sent integer,
    generation smallint DEFAULT 0 NOT NULL,
    route text NOT NULL,
    lane text NOT NULL,
    tenant text NOT NULL,
    worker text,
    external_id text NOT NULL,
    provider_message_id text,
    reason text,
    verify_reason text,
    outbound_ids bigint[],
    members bigint[] NOT NULL,
    body bytea,
    CONSTRAINT request_lease_has_token CHECK (((lease_expires_at IS NULL) = (claim_token IS NULL))),
    CONSTRAINT request_members_check CHECK (((cardinality(members) >= 1) AND (cardinality(members) <= 1000)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY smsgw.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);

CREATE INDEX request_due ON smsgw.request USING btree (lane, COALESCE(sender_id, (0)::bigint), COALESCE(lease_expires_at, available_at)) WHERE (status = 'in_flight'::smsgw.request_status);

CREATE INDEX request_pending_receipts ON smsgw.request USING btree (accepted_at) WHERE ((status = 'accepted'::smsgw.request_status) AND (pending_receipts > 0));

CREATE INDEX request_uncertain ON smsgw.request USING btree (created_at) WHERE (status = 'uncertain'::smsgw.request_status);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.request TO smsgw_gateway;
GRANT SELECT,INSERT,UPDATE ON TABLE smsgw.request TO smsgw_operator;
GRANT SELECT(id) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(created_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(available_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(lease_expires_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(first_attempt_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(maybe_arrived_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(accepted_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(last_polled_at) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(sender_id) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(claim_token) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(parent_id) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(status) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(attempts) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(crashes) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(never_sent_attempts) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(ambiguous_attempts) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(parts) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(pending_receipts) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(total_sent) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(generation) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(route) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(lane) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(tenant) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(worker) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(reason) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(verify_reason) ON TABLE smsgw.request TO smsgw_reader;
GRANT SELECT(members) ON TABLE smsgw.request TO smsgw_reader;

CREATE TABLE smsgw.route (
    name text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone,
    retry_at timestamp with time zone,
    last_error text,
    last_error_at timestamp with time zone,
    probe uuid
)
WITH (fillfactor='50');

ALTER TABLE ONLY smsgw.route
    ADD CONSTRAINT route_pkey PRIMARY KEY (name);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.route TO smsgw_gateway;
GRANT SELECT,UPDATE ON TABLE smsgw.route TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.route TO smsgw_reader;

CREATE TABLE smsgw.sample (
    at timestamp with time zone NOT NULL,
    waiting jsonb NOT NULL,
    oldest jsonb NOT NULL,
    sent jsonb NOT NULL,
    limiter jsonb NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE ONLY smsgw.sample
    ADD CONSTRAINT sample_pkey PRIMARY KEY (at);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.sample TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.sample TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.sample TO smsgw_reader;

CREATE TABLE smsgw.suppression (
    number text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    source text NOT NULL,
    reason text,
    CONSTRAINT suppression_source_check CHECK ((source = ANY (ARRAY['reply'::text, 'operator'::text, 'import'::text, 'provider'::text])))
);

ALTER TABLE ONLY smsgw.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (number);

CREATE INDEX suppression_created ON smsgw.suppression USING btree (created_at);

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.suppression TO smsgw_gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE smsgw.suppression TO smsgw_operator;


-- Views

CREATE VIEW smsgw.active_pause AS
 SELECT scope,
    subject,
    paused_at,
    expires_at,
    actor,
    reason
   FROM smsgw.pause p
  WHERE ((expires_at IS NULL) OR (expires_at > statement_timestamp()));

GRANT SELECT ON TABLE smsgw.active_pause TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.active_pause TO smsgw_operator;
GRANT SELECT ON TABLE smsgw.active_pause TO smsgw_reader;

CREATE VIEW smsgw.message AS
 SELECT o.id,
    o.reference,
    o.dedupe_key,
    o.tenant,
    o.lane,
    o.to_number,
    smsgw.message_state(o.delivery_status, o.terminal_status, o.not_before, (r.id IS NOT NULL), r.status, COALESCE(((r.status = 'in_flight'::smsgw.request_status) AND (r.claim_token IS NOT NULL)), false), r.attempts, r.accepted_at, p.held, i.unconfirmed_after) AS state,
    COALESCE(o.reason, r.reason) AS reason,
    COALESCE(r.attempts, 0) AS attempts,
    replace((r.id)::text, '-'::text, ''::text) AS request_id,
    r.external_id,
    r.provider_message_id,
    o.parts,
    o.created_at,
    o.not_before,
    o.expires_at,
    r.first_attempt_at,
    r.accepted_at,
    o.delivered_at,
    o.final_at,
        CASE
            WHEN (o.to_group_id IS NOT NULL) THEN GREATEST(r.total_sent, g.known)
            ELSE NULL::integer
        END AS group_recipients,
    g.delivered AS group_delivered,
    g.undelivered AS group_undelivered
   FROM ((((smsgw.outbox o
     CROSS JOIN smsgw.installation i)
     LEFT JOIN smsgw.request r ON ((o.request_id = r.id)))
     CROSS JOIN LATERAL ( SELECT (EXISTS ( SELECT
                   FROM smsgw.active_pause p_1
                  WHERE ((p_1.scope = 'all'::text) OR ((p_1.scope = 'route'::text) AND (p_1.subject = COALESCE(r.route, p_1.subject))) OR ((p_1.scope = 'lane'::text) AND (p_1.subject = o.lane)) OR ((p_1.scope = 'tenant'::text) AND (p_1.subject = o.tenant)) OR ((p_1.scope = 'tag'::text) AND (r.id IS NULL) AND smsgw.has_tag(o.tags, p_1.subject))))) AS held) p)
     LEFT JOIN LATERAL ( SELECT (count(*))::integer AS known,
            (count(*) FILTER (WHERE (d.delivery_status = 'delivered'::smsgw.delivery_status)))::integer AS delivered,
            (count(*) FILTER (WHERE ((d.delivery_status >= 'undelivered'::smsgw.delivery_status) AND (d.delivery_status <= 'failed'::smsgw.delivery_status))))::integer AS undelivered
           FROM smsgw.group_delivery d
          WHERE ((d.message_id = o.id) AND (d.generation = o.generation))) g ON ((o.to_group_id IS NOT NULL)));

GRANT SELECT ON TABLE smsgw.message TO smsgw_app;
GRANT SELECT ON TABLE smsgw.message TO smsgw_gateway;
GRANT SELECT ON TABLE smsgw.message TO smsgw_operator;


-- Functions

CREATE FUNCTION smsgw.allowance_in_use(b smsgw.bucket, moment timestamp with time zone) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (moment < (b).blocked_until) THEN (0)::double precision WHEN ((b).throttled_at IS NULL) THEN floor((b).allowance) ELSE GREATEST(LEAST(floor((b).allowance), (2)::double precision), floor(((b).allowance * LEAST((1.0)::double precision, ((b).rate_factor + ((0.05)::double precision * floor(((GREATEST((0)::numeric, EXTRACT(epoch FROM (moment - (b).throttled_at))))::double precision / (b).period)))))))) END;

REVOKE ALL ON FUNCTION smsgw.allowance_in_use(b smsgw.bucket, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.allowance_in_use(b smsgw.bucket, moment timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.allowance_in_use(b smsgw.bucket, moment timestamp with time zone) TO smsgw_operator;
GRANT ALL ON FUNCTION smsgw.allowance_in_use(b smsgw.bucket, moment timestamp with time zone) TO smsgw_reader;

CREATE FUNCTION smsgw.delivery_rank(delivery_status smsgw.delivery_status) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (delivery_status < 'sent'::smsgw.delivery_status) THEN 1 WHEN (delivery_status < 'unknown'::smsgw.delivery_status) THEN 2 WHEN (delivery_status < 'undelivered'::smsgw.delivery_status) THEN 3 WHEN (delivery_status < 'delivered'::smsgw.delivery_status) THEN 4 WHEN (delivery_status = 'delivered'::smsgw.delivery_status) THEN 5 ELSE NULL::integer END;

REVOKE ALL ON FUNCTION smsgw.delivery_rank(delivery_status smsgw.delivery_status) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.delivery_rank(delivery_status smsgw.delivery_status) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.delivery_rank(delivery_status smsgw.delivery_status) TO smsgw_operator;

CREATE FUNCTION smsgw.enqueue(to_number text DEFAULT NULL::text, body text DEFAULT NULL::text, to_subscriber_id bigint DEFAULT NULL::bigint, to_group_id bigint DEFAULT NULL::bigint, template_id bigint DEFAULT NULL::bigint, link_id bigint DEFAULT NULL::bigint, media_url text DEFAULT NULL::text, variables jsonb DEFAULT NULL::jsonb, lane text DEFAULT 'default'::text, tenant text DEFAULT ''::text, sender_id bigint DEFAULT NULL::bigint, tags jsonb DEFAULT NULL::jsonb, reference text DEFAULT NULL::text, not_before timestamp with time zone DEFAULT now(), expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, dedupe_key text DEFAULT NULL::text, order_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    message_id bigint;
begin
    insert into smsgw.outbox (
        to_number, body, to_subscriber_id, to_group_id, template_id, link_id, media_url, variables, lane, tenant,
        sender_id, tags, reference, not_before, expires_at, dedupe_key, order_key, traceparent
    )
    values (
        enqueue.to_number, enqueue.body, enqueue.to_subscriber_id, enqueue.to_group_id, enqueue.template_id,
        enqueue.link_id, enqueue.media_url, enqueue.variables, enqueue.lane, enqueue.tenant, enqueue.sender_id,
        enqueue.tags, enqueue.reference, enqueue.not_before, enqueue.expires_at, enqueue.dedupe_key,
        enqueue.order_key, enqueue.traceparent
    )
    on conflict (tenant, dedupe_key) where dedupe_key is not null do nothing
    returning id into message_id;

    -- The conflicting row was committed before the INSERT stopped waiting for it, so a new statement sees it.
    if message_id is null then
        select o.id into message_id
        from smsgw.outbox as o
        where o.tenant = coalesce(enqueue.tenant, '') and o.dedupe_key = enqueue.dedupe_key;
    end if;
    return message_id;
end
$$;

REVOKE ALL ON FUNCTION smsgw.enqueue(to_number text, body text, to_subscriber_id bigint, to_group_id bigint, template_id bigint, link_id bigint, media_url text, variables jsonb, lane text, tenant text, sender_id bigint, tags jsonb, reference text, not_before timestamp with time zone, expires_at timestamp with time zone, dedupe_key text, order_key text, traceparent text) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.enqueue(to_number text, body text, to_subscriber_id bigint, to_group_id bigint, template_id bigint, link_id bigint, media_url text, variables jsonb, lane text, tenant text, sender_id bigint, tags jsonb, reference text, not_before timestamp with time zone, expires_at timestamp with time zone, dedupe_key text, order_key text, traceparent text) TO smsgw_app;
GRANT ALL ON FUNCTION smsgw.enqueue(to_number text, body text, to_subscriber_id bigint, to_group_id bigint, template_id bigint, link_id bigint, media_url text, variables jsonb, lane text, tenant text, sender_id bigint, tags jsonb, reference text, not_before timestamp with time zone, expires_at timestamp with time zone, dedupe_key text, order_key text, traceparent text) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.enqueue(to_number text, body text, to_subscriber_id bigint, to_group_id bigint, template_id bigint, link_id bigint, media_url text, variables jsonb, lane text, tenant text, sender_id bigint, tags jsonb, reference text, not_before timestamp with time zone, expires_at timestamp with time zone, dedupe_key text, order_key text, traceparent text) TO smsgw_operator;

CREATE FUNCTION smsgw.estimated_parts(body text, media_url text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((media_url IS NOT NULL) OR (body IS NULL)) THEN 1 WHEN (octet_length(body) = char_length(body)) THEN CASE WHEN (char_length(body) <= 160) THEN 1 ELSE (ceil(((char_length(body))::numeric / 153.0)))::integer END WHEN (char_length(body) <= 70) THEN 1 ELSE (ceil(((char_length(body))::numeric / 67.0)))::integer END;

REVOKE ALL ON FUNCTION smsgw.estimated_parts(body text, media_url text) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.estimated_parts(body text, media_url text) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.estimated_parts(body text, media_url text) TO smsgw_operator;

CREATE FUNCTION smsgw.final_states(after bigint DEFAULT 0, max integer DEFAULT 1000) RETURNS TABLE("position" bigint, message_id bigint, reference text, tenant text, state text, reason text, final_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT f."position",
     f.message_id,
     o.reference,
     o.tenant,
     f.state,
     f.reason,
     f.final_at
    FROM (smsgw.final_feed f
      JOIN smsgw.outbox o ON ((f.message_id = o.id)))
   WHERE (f."position" > final_states.after)
   ORDER BY f."position"
  LIMIT GREATEST(0, LEAST(final_states.max, 10000));
END;

REVOKE ALL ON FUNCTION smsgw.final_states(after bigint, max integer) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.final_states(after bigint, max integer) TO smsgw_app;
GRANT ALL ON FUNCTION smsgw.final_states(after bigint, max integer) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.final_states(after bigint, max integer) TO smsgw_operator;

CREATE FUNCTION smsgw.first_id_since(moment timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    low bigint;
    high bigint;
    middle bigint;
    probe record;
begin
    select min(o.id), max(o.id) + 1 into low, high from smsgw.outbox as o;
    while low < high loop
        middle := low + (high - low) / 2;
        select o.id, o.created_at into probe from smsgw.outbox as o where o.id >= middle order by o.id limit 1;
        if probe.id is null or probe.created_at >= moment then
            high := middle;
        else
            low := probe.id + 1;
        end if;
    end loop;
    return coalesce(low, 0);
end
$$;

REVOKE ALL ON FUNCTION smsgw.first_id_since(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.first_id_since(moment timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.first_id_since(moment timestamp with time zone) TO smsgw_operator;

CREATE FUNCTION smsgw.give_back_paces(names text[], unused double precision[]) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 UPDATE smsgw.bucket b SET tokens = (b.tokens + e.unused)
    FROM UNNEST(give_back_paces.names, give_back_paces.unused) e(name, unused)
   WHERE ((b.name = e.name) AND (e.unused <> (0)::double precision));
END;

REVOKE ALL ON FUNCTION smsgw.give_back_paces(names text[], unused double precision[]) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.give_back_paces(names text[], unused double precision[]) TO smsgw_gateway;

CREATE FUNCTION smsgw.has_tag(tags jsonb, subject text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(((tags ? subject) OR ((tags ->> split_part(subject, '='::text, 1)) = NULLIF(substr(subject, (strpos(subject, '='::text) + 1)), subject))), false);

REVOKE ALL ON FUNCTION smsgw.has_tag(tags jsonb, subject text) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.has_tag(tags jsonb, subject text) TO smsgw_app;
GRANT ALL ON FUNCTION smsgw.has_tag(tags jsonb, subject text) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.has_tag(tags jsonb, subject text) TO smsgw_operator;

CREATE FUNCTION smsgw.is_head_of_order_key(of_tenant text, of_order_key text, before_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (NOT (EXISTS (SELECT FROM ((SELECT o.request_id FROM smsgw.outbox o WHERE ((o.tenant = is_head_of_order_key.of_tenant) AND (o.order_key = is_head_of_order_key.of_order_key) AND (o.id < is_head_of_order_key.before_id) AND (o.terminal_status IS NULL)) ORDER BY o.id DESC LIMIT 1) previous LEFT JOIN smsgw.request r ON ((previous.request_id = r.id))) WHERE (r.status IS DISTINCT FROM 'accepted'::smsgw.request_status))));

REVOKE ALL ON FUNCTION smsgw.is_head_of_order_key(of_tenant text, of_order_key text, before_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.is_head_of_order_key(of_tenant text, of_order_key text, before_id bigint) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.is_head_of_order_key(of_tenant text, of_order_key text, before_id bigint) TO smsgw_operator;

CREATE FUNCTION smsgw.message_state(delivery_status smsgw.delivery_status, terminal_status smsgw.terminal_status, not_before timestamp with time zone, has_request boolean, request_status smsgw.request_status, leased boolean, attempts integer, accepted_at timestamp with time zone, held boolean, unconfirmed_after interval) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (delivery_status = 'delivered'::smsgw.delivery_status) THEN 'delivered'::text WHEN (delivery_status >= 'undelivered'::smsgw.delivery_status) THEN 'undelivered'::text WHEN ((request_status = 'accepted'::smsgw.request_status) AND (accepted_at < (now() - unconfirmed_after))) THEN 'unconfirmed'::text WHEN (request_status = 'accepted'::smsgw.request_status) THEN 'accepted'::text WHEN (terminal_status IS NOT NULL) THEN (terminal_status)::text WHEN (request_status = 'uncertain'::smsgw.request_status) THEN 'uncertain'::text WHEN ((NOT has_request) AND (not_before > now())) THEN 'scheduled'::text WHEN (held AND (NOT leased)) THEN 'held'::text WHEN (NOT has_request) THEN 'ready'::text WHEN leased THEN 'sending'::text WHEN (attempts = 0) THEN 'ready'::text ELSE 'retrying'::text END;

REVOKE ALL ON FUNCTION smsgw.message_state(delivery_status smsgw.delivery_status, terminal_status smsgw.terminal_status, not_before timestamp with time zone, has_request boolean, request_status smsgw.request_status, leased boolean, attempts integer, accepted_at timestamp with time zone, held boolean, unconfirmed_after interval) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.message_state(delivery_status smsgw.delivery_status, terminal_status smsgw.terminal_status, not_before timestamp with time zone, has_request boolean, request_status smsgw.request_status, leased boolean, attempts integer, accepted_at timestamp with time zone, held boolean, unconfirmed_after interval) TO smsgw_app;
GRANT ALL ON FUNCTION smsgw.message_state(delivery_status smsgw.delivery_status, terminal_status smsgw.terminal_status, not_before timestamp with time zone, has_request boolean, request_status smsgw.request_status, leased boolean, attempts integer, accepted_at timestamp with time zone, held boolean, unconfirmed_after interval) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.message_state(delivery_status smsgw.delivery_status, terminal_status smsgw.terminal_status, not_before timestamp with time zone, has_request boolean, request_status smsgw.request_status, leased boolean, attempts integer, accepted_at timestamp with time zone, held boolean, unconfirmed_after interval) TO smsgw_operator;

CREATE FUNCTION smsgw.min_request_id_at(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((lpad(to_hex(((EXTRACT(epoch FROM moment) * (1000)::numeric))::bigint), 12, '0'::text) || repeat('0'::text, 20)))::uuid;

REVOKE ALL ON FUNCTION smsgw.min_request_id_at(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.min_request_id_at(moment timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.min_request_id_at(moment timestamp with time zone) TO smsgw_operator;

CREATE FUNCTION smsgw.note_foreign_use(bucket_name text, taken_at timestamp with time zone, known_spent integer, known_total bigint, window_limit integer, remaining integer, reset_after double precision) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 UPDATE smsgw.bucket b SET foreign_spent = (GREATEST((0)::bigint, (((note_foreign_use.window_limit - note_foreign_use.remaining) - note_foreign_use.known_spent) - (b.taken_total - note_foreign_use.known_total))))::integer, foreign_until = (clock_timestamp() + make_interval(secs => note_foreign_use.reset_after)), foreign_seen_at = note_foreign_use.taken_at
   WHERE ((b.name = note_foreign_use.bucket_name) AND ((b.foreign_seen_at IS NULL) OR (b.foreign_seen_at <= note_foreign_use.taken_at)));
END;

REVOKE ALL ON FUNCTION smsgw.note_foreign_use(bucket_name text, taken_at timestamp with time zone, known_spent integer, known_total bigint, window_limit integer, remaining integer, reset_after double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.note_foreign_use(bucket_name text, taken_at timestamp with time zone, known_spent integer, known_total bigint, window_limit integer, remaining integer, reset_after double precision) TO smsgw_gateway;

CREATE FUNCTION smsgw.outbox_doorbell() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not pg_try_advisory_xact_lock_shared(1936552807, 1) then
        perform pg_notify('smsgw_outbox', '');
    end if;
    return null;
end
$$;

REVOKE ALL ON FUNCTION smsgw.outbox_doorbell() FROM PUBLIC;

CREATE FUNCTION smsgw.outbox_final() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into smsgw.final_state_pending (message_id, state, reason, final_at)
    values (
        new.id,
        case
            when new.delivery_status = 'delivered' then 'delivered'
            when new.delivery_status >= 'undelivered' then 'undelivered'
            else new.terminal_status::text
        end,
        new.reason,
        new.final_at
    );
    return null;
end
$$;

REVOKE ALL ON FUNCTION smsgw.outbox_final() FROM PUBLIC;

CREATE FUNCTION smsgw.outbox_intake() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    complaint text;
begin
    if new.lane is null or new.tenant is null or new.not_before is null then
        new.lane := coalesce(new.lane, 'default');
        new.tenant := coalesce(new.tenant, '');
        new.not_before := coalesce(new.not_before, now());
    end if;

    complaint := case
        when num_nonnulls(new.to_number, new.to_subscriber_id, new.to_group_id) <> 1
            then 'to_number: give exactly one of to_number, to_subscriber_id and to_group_id'
        when new.to_number !~ '^\+[1-9][0-9]+$' or octet_length(new.to_number) not between 8 and 16
            then 'to_number: must be in E.164 form, a plus sign and 7 to 15 digits with no spaces'
        when num_nonnulls(nullif(new.body, ''), new.template_id, new.media_url) = 0
            then 'body: give at least one of body, template_id and media_url'
        when new.body !~ '[^[:space:]]' and new.template_id is null and new.media_url is null
            then 'body: must be more than blanks'
        when octet_length(new.body) > 4000 and char_length(new.body) > 4000
            then 'body: must be at most 4000 characters'
        when new.tenant <> '' and (char_length(new.tenant) > 100 or new.tenant ~ '[[:cntrl:]]')
            then 'tenant: must be at most 100 characters, none of them a control character'
        when char_length(new.reference) > 255 or new.reference ~ '[[:cntrl:]]'
            then 'reference: must be at most 255 characters, none of them a control character'
        when
            new.not_before <> now()
            and new.not_before not between now() - interval '10 years' and now() + interval '10 years'
            then 'not_before: must be a finite time within ten years'
    end;

    if
        complaint is null
        and num_nonnulls(
            new.to_subscriber_id, new.to_group_id, new.template_id, new.link_id, new.media_url, new.variables, new.tags,
            new.sender_id, new.dedupe_key, new.order_key, new.traceparent, new.expires_at
        ) > 0
    then
        complaint := case
            when new.to_subscriber_id <= 0 then 'to_subscriber_id: must be a positive number'
            when new.to_group_id <= 0 then 'to_group_id: must be a positive number'
            when new.template_id <= 0 then 'template_id: must be a positive number'
            when new.link_id is not null and new.template_id is null
                then 'link_id: has a meaning only together with template_id'
            when new.link_id <= 0 then 'link_id: must be a positive number'
            when char_length(new.media_url) > 2048 or new.media_url !~ '^https?://[^[:space:]]+$'
                then 'media_url: must be an http or https address of at most 2048 characters'
            when jsonb_typeof(new.variables) <> 'object' then 'variables: must be a JSON object'
            when octet_length(new.variables::text) > 16384 then 'variables: must be at most 16 kB of JSON'
            when jsonb_path_exists(new.variables, '$.**{9}') then 'variables: must be nested at most 8 deep'
            when jsonb_path_exists(
                new.variables, '$.** ? (@.type() == "number" && (@ > 1000000000000000000 || @ < -1000000000000000000))'
            )
                then 'variables: a number must lie within 10^18 of zero; give longer ones as strings'
            when
                new.variables is not null
                and (char_length(new.body) - char_length(replace(new.body, '{{', ''))) / 2
                * octet_length(new.variables::text) > 1000000
                then 'variables: the placeholders in body would make the text too long'
            when jsonb_typeof(new.tags) <> 'object' then 'tags: must be a JSON object whose values are strings'
            when octet_length(new.tags::text) > 4096 then 'tags: must be at most 4 kB of JSON'
            when jsonb_path_exists(new.tags, 'strict $.* ? (@.type() <> "string")', '{}', true)
                then 'tags: must be a JSON object whose values are strings'
            when new.sender_id <= 0 then 'sender_id: must be a positive number'
            when new.dedupe_key = '' then 'dedupe_key: must not be empty; leave it out, or give null'
            when char_length(new.dedupe_key) > 255 or new.dedupe_key ~ '[[:cntrl:]]'
                then 'dedupe_key: must be at most 255 characters, none of them a control character'
            when new.order_key = '' then 'order_key: must not be empty; leave it out, or give null'
            when char_length(new.order_key) > 255 or new.order_key ~ '[[:cntrl:]]'
                then 'order_key: must be at most 255 characters, none of them a control character'
            when new.traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
                then 'traceparent: must be a W3C trace context of version 00'
            when new.expires_at not between now() - interval '10 years' and now() + interval '20 years'
                then 'expires_at: must be a finite time within twenty years'
        end;
    end if;

    if complaint is null then
        -- The time to live of a message with a past not_before counts from now: it could not be sent earlier.
        select coalesce(new.expires_at, greatest(new.not_before, now()) + l.ttl) into new.expires_at
        from smsgw.lane as l
        where l.name = new.lane;
        if not found then
            complaint := 'lane: no lane of that name is defined; an operator can add it with "smsgw lanes set"';
        elsif new.expires_at <= new.not_before then
            complaint := 'expires_at: must be later than not_before';
        end if;
    end if;

    if complaint is not null then
        raise exception using errcode = '22023', message = complaint;
    end if;
    return new;
end
$_$;

REVOKE ALL ON FUNCTION smsgw.outbox_intake() FROM PUBLIC;

CREATE FUNCTION smsgw.pace_tokens(b smsgw.bucket, moment timestamp with time zone) RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN LEAST(GREATEST((1.0)::double precision, (((2.0)::double precision * (b).allowance) / (b).period)), ((b).tokens + (((GREATEST((0)::numeric, EXTRACT(epoch FROM (moment - (b).counted_at))))::double precision * (b).allowance) / (b).period)));

REVOKE ALL ON FUNCTION smsgw.pace_tokens(b smsgw.bucket, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.pace_tokens(b smsgw.bucket, moment timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.pace_tokens(b smsgw.bucket, moment timestamp with time zone) TO smsgw_operator;
GRANT ALL ON FUNCTION smsgw.pace_tokens(b smsgw.bucket, moment timestamp with time zone) TO smsgw_reader;

CREATE FUNCTION smsgw.reserve_of(in_use integer) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (LEAST((GREATEST((in_use - 1), 0))::numeric, round((((in_use * COALESCE((SELECT sum(l.reserve_percent) AS sum FROM smsgw.lane l WHERE l.urgent), (0)::bigint)))::numeric / 100.0))))::integer;

REVOKE ALL ON FUNCTION smsgw.reserve_of(in_use integer) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.reserve_of(in_use integer) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.reserve_of(in_use integer) TO smsgw_operator;
GRANT ALL ON FUNCTION smsgw.reserve_of(in_use integer) TO smsgw_reader;

CREATE FUNCTION smsgw.return_tokens(bucket_name text, bounds timestamp with time zone[], taken_at timestamp with time zone[], clock_shifts double precision[], urgent integer[], others integer[], answered_after double precision[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    b smsgw.bucket;
    change record;
begin
    select * into b from smsgw.bucket where name = bucket_name for update;
    if not found then
        return;
    end if;
    for change in
        with spent as (
            select
                e.bound + make_interval(secs => b.clock_shift - e.clock_shift) as bound,
                e.taken_at + make_interval(secs => b.clock_shift - e.clock_shift + e.answered_after) as answered_at,
                e.urgent,
                e.others
            from unnest(bounds, taken_at, clock_shifts, urgent, others, answered_after)
                as e (bound, taken_at, clock_shift, urgent, others, answered_after)
        )

        select
            array_agg(c.bound) as bounds,
            array_agg(c.urgent) as urgent,
            array_agg(c.others) as others
        from (
            select spent.bound, -spent.urgent as urgent, -spent.others as others
            from spent
            union all
            select least(spent.bound, smsgw.rounded_bound(b, spent.answered_at)), spent.urgent, spent.others
            from spent
            where spent.answered_at is not null
        ) as c
    loop
        -- Nothing is left out here: the clock may have been set, and only take_tokens notices that.
        b := smsgw.with_spent(b, '-infinity', change.bounds, change.urgent, change.others);
    end loop;
    update smsgw.bucket as row
    set spent_bounds = b.spent_bounds, spent_urgent = b.spent_urgent, spent_others = b.spent_others
    where row.name = bucket_name;
end;
$$;

REVOKE ALL ON FUNCTION smsgw.return_tokens(bucket_name text, bounds timestamp with time zone[], taken_at timestamp with time zone[], clock_shifts double precision[], urgent integer[], others integer[], answered_after double precision[]) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.return_tokens(bucket_name text, bounds timestamp with time zone[], taken_at timestamp with time zone[], clock_shifts double precision[], urgent integer[], others integer[], answered_after double precision[]) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.return_tokens(bucket_name text, bounds timestamp with time zone[], taken_at timestamp with time zone[], clock_shifts double precision[], urgent integer[], others integer[], answered_after double precision[]) TO smsgw_operator;

CREATE FUNCTION smsgw.rounded_bound(b smsgw.bucket, bound timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((b).allowance <= (256)::double precision) THEN bound ELSE to_timestamp((ceil(((EXTRACT(epoch FROM bound))::double precision / ((b).period / (64)::double precision))) * ((b).period / (64)::double precision))) END;

REVOKE ALL ON FUNCTION smsgw.rounded_bound(b smsgw.bucket, bound timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.rounded_bound(b smsgw.bucket, bound timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.rounded_bound(b smsgw.bucket, bound timestamp with time zone) TO smsgw_operator;

CREATE FUNCTION smsgw.take_paces(names text[], wanted double precision[]) RETURNS TABLE(name text, tokens double precision, wait double precision)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    b smsgw.bucket;
    clock_now timestamptz;
    held double precision;
begin
    for b in select * from smsgw.bucket as row where row.name = any(names) order by row.name for update loop
        clock_now := clock_timestamp();
        held := smsgw.pace_tokens(b, clock_now);
        name := b.name;
        tokens := greatest(0, least(floor(held + 1e-9), wanted[array_position(names, b.name)]));
        wait := greatest(0, (1 - held) * b.period / b.allowance);
        update smsgw.bucket as row
        set tokens = held - take_paces.tokens, counted_at = clock_now
        where row.name = b.name and take_paces.tokens > 0;
        return next;
    end loop;
end;
$$;

REVOKE ALL ON FUNCTION smsgw.take_paces(names text[], wanted double precision[]) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.take_paces(names text[], wanted double precision[]) TO smsgw_gateway;

CREATE FUNCTION smsgw.take_tokens(bucket_name text, urgent_lanes text[], urgent_wanted integer[], others_wanted integer, max_tokens integer, bound_after double precision, ahead double precision DEFAULT 0, expected_now double precision DEFAULT NULL::double precision, tolerance double precision DEFAULT 1, shift_seen double precision DEFAULT 0) RETURNS TABLE(urgent_taken integer[], others_taken integer, taken_at timestamp with time zone, bound timestamp with time zone, urgent_at timestamp with time zone, others_at timestamp with time zone, urgent_wait double precision, others_wait double precision, spent integer, taken_total bigint, clock_shift double precision)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    clock_now constant timestamptz := clock_timestamp();
    b smsgw.bucket;
    step double precision;
    latest timestamptz;
    caps integer[];
    reserve_percent numeric := 0;
    point record;
    free integer;
    held integer;
    taken integer := 0;
    all_urgent integer := 0;
    n integer;
begin
    select * into b from smsgw.bucket where name = bucket_name for update;
    if not found then
        return;
    end if;
    step := extract(epoch from clock_now) - expected_now - (b.clock_shift - shift_seen);
    if abs(step) > tolerance then
        b := smsgw.with_clock_step(b, step);
    end if;
    taken_at := clock_timestamp();
    latest := taken_at + make_interval(secs => ahead);
    -- Nobody saw the clock go back, for instance because no process ran. No bound of ours lies this far ahead.
    if b.spent_bounds[cardinality(b.spent_bounds)] > taken_at + interval '1 hour' then
        b.spent_bounds := array(
            select least(e.bound, taken_at + make_interval(secs => bound_after))
            from unnest(b.spent_bounds) with ordinality as e (bound, n)
            order by e.n
        );
    end if;
    caps := array(
        select coalesce(l.cap_percent, 100)
        from unnest(urgent_lanes) with ordinality as u (name, n)
        left join smsgw.lane as l on l.name = u.name
        order by u.n
    );
    if b.reserves then
        reserve_percent := (select coalesce(sum(l.reserve_percent), 0) from smsgw.lane as l where l.urgent);
    end if;
    urgent_taken := array_fill(0, array[cardinality(urgent_lanes)]);
    others_taken := 0;
    urgent_at := taken_at;
    others_at := taken_at;
    for point in
        select f.moment, f.free, f.urgent, smsgw.allowance_in_use(b, f.moment) as in_use
        from smsgw.window_forecast(b, taken_at) as f
        order by f.moment
    loop
        free := point.free - taken;
        held := point.urgent + all_urgent;
        for i in 1 .. cardinality(urgent_lanes) loop
            n := least(urgent_wanted[i] - urgent_taken[i], free);
            if others_wanted > 0 and point.in_use > 1 then
                n := least(n, greatest(1, floor(point.in_use * caps[i] / 100.0))::integer - held);
            end if;
            n := least(n, max_tokens - taken - (others_wanted > others_taken and max_tokens > 1)::integer);
            if n > 0 and point.moment > latest then
                urgent_wait := coalesce(urgent_wait, extract(epoch from point.moment - taken_at));
            elsif n > 0 then
                urgent_taken[i] := urgent_taken[i] + n;
                all_urgent := all_urgent + n;
                taken := taken + n;
                free := free - n;
                held := held + n;
                urgent_at := point.moment;
            end if;
        end loop;
        n := least(
            others_wanted - others_taken,
            max_tokens - taken,
            free - greatest(0, least(point.in_use - 1, round(point.in_use * reserve_percent / 100.0))::integer - held)
        );
        if n > 0 and point.moment > latest then
            others_wait := coalesce(others_wait, extract(epoch from point.moment - taken_at));
        elsif n > 0 then
            others_taken := others_taken + n;
            taken := taken + n;
            others_at := point.moment;
        end if;
        exit when taken >= max_tokens;
        exit when (urgent_wait is not null or urgent_wanted = urgent_taken)
            and (others_wait is not null or others_wanted = others_taken);
    end loop;
    bound := smsgw.rounded_bound(b, taken_at + make_interval(secs => bound_after));
    b := smsgw.with_spent(b, taken_at, array[bound], array[all_urgent], array[others_taken]);
    spent := (
        select coalesce(sum(e.urgent + e.others), 0)
        from unnest(b.spent_urgent, b.spent_others) as e (urgent, others)
    );
    taken_total := b.taken_total + taken;
    clock_shift := b.clock_shift;
    update smsgw.bucket as row
    set
        spent_bounds = b.spent_bounds,
        spent_urgent = b.spent_urgent,
        spent_others = b.spent_others,
        taken_total = b.taken_total + taken,
        clock_shift = b.clock_shift,
        foreign_until = b.foreign_until,
        foreign_seen_at = b.foreign_seen_at,
        throttled_at = b.throttled_at,
        blocked_until = b.blocked_until
    where row.name = bucket_name and (taken > 0 or row.clock_shift <> b.clock_shift or row.spent_bounds <> b.spent_bounds);
    return next;
end;
$$;

REVOKE ALL ON FUNCTION smsgw.take_tokens(bucket_name text, urgent_lanes text[], urgent_wanted integer[], others_wanted integer, max_tokens integer, bound_after double precision, ahead double precision, expected_now double precision, tolerance double precision, shift_seen double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.take_tokens(bucket_name text, urgent_lanes text[], urgent_wanted integer[], others_wanted integer, max_tokens integer, bound_after double precision, ahead double precision, expected_now double precision, tolerance double precision, shift_seen double precision) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.take_tokens(bucket_name text, urgent_lanes text[], urgent_wanted integer[], others_wanted integer, max_tokens integer, bound_after double precision, ahead double precision, expected_now double precision, tolerance double precision, shift_seen double precision) TO smsgw_operator;

CREATE FUNCTION smsgw.throttle_bucket(bucket_name text, retry_after double precision) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 UPDATE smsgw.bucket b SET blocked_until = GREATEST(b.blocked_until, (now.at + make_interval(secs => throttle_bucket.retry_after))), rate_factor =
         CASE
             WHEN (b.throttled_at > (now.at - make_interval(secs => b.period))) THEN b.rate_factor
             ELSE GREATEST((0.1)::double precision, ((0.5)::double precision * LEAST((1.0)::double precision, (b.rate_factor + ((0.05)::double precision * floor(((GREATEST((0)::numeric, COALESCE(EXTRACT(epoch FROM (now.at - b.throttled_at)), (0)::numeric)))::double precision / b.period)))))))
         END, throttled_at =
         CASE
             WHEN (b.throttled_at > (now.at - make_interval(secs => b.period))) THEN b.throttled_at
             ELSE now.at
         END
    FROM ( SELECT clock_timestamp() AS at) now
   WHERE (b.name = throttle_bucket.bucket_name);
END;

REVOKE ALL ON FUNCTION smsgw.throttle_bucket(bucket_name text, retry_after double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.throttle_bucket(bucket_name text, retry_after double precision) TO smsgw_gateway;

CREATE FUNCTION smsgw.window_forecast(b smsgw.bucket, since timestamp with time zone) RETURNS TABLE(moment timestamp with time zone, free integer, urgent integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH entry AS (
          SELECT (e.bound + make_interval(secs => (window_forecast.b).period)) AS returns_at,
             e.urgent,
             e.others
            FROM UNNEST((window_forecast.b).spent_bounds, (window_forecast.b).spent_urgent, (window_forecast.b).spent_others) e(bound, urgent, others)
         ), event AS (
          SELECT entry.returns_at AS moment,
             entry.urgent,
             entry.others
            FROM entry
           WHERE (entry.returns_at > window_forecast.since)
         UNION ALL
          SELECT other.moment,
             0,
             0
            FROM unnest(ARRAY[window_forecast.since, (window_forecast.b).blocked_until, (window_forecast.b).foreign_until]) other(moment)
           WHERE (other.moment >= window_forecast.since)
         ), returned AS (
          SELECT event.moment,
             sum(sum(event.urgent)) OVER (ORDER BY event.moment) AS urgent,
             sum(sum((event.urgent + event.others))) OVER (ORDER BY event.moment) AS tokens
            FROM event
           GROUP BY event.moment
         ), spent AS (
          SELECT COALESCE(sum(event.urgent), (0)::bigint) AS urgent,
             COALESCE(sum((event.urgent + event.others)), (0)::bigint) AS tokens
            FROM event
         )
  SELECT returned.moment,
     ((((smsgw.allowance_in_use(window_forecast.b, returned.moment))::numeric - ((spent.tokens)::numeric - returned.tokens)) - (
         CASE
             WHEN (returned.moment < (window_forecast.b).foreign_until) THEN (window_forecast.b).foreign_spent
             ELSE 0
         END)::numeric))::integer AS free,
     (((spent.urgent)::numeric - returned.urgent))::integer AS urgent
    FROM (returned
      CROSS JOIN spent)
   ORDER BY returned.moment;
END;

REVOKE ALL ON FUNCTION smsgw.window_forecast(b smsgw.bucket, since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.window_forecast(b smsgw.bucket, since timestamp with time zone) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.window_forecast(b smsgw.bucket, since timestamp with time zone) TO smsgw_operator;
GRANT ALL ON FUNCTION smsgw.window_forecast(b smsgw.bucket, since timestamp with time zone) TO smsgw_reader;

CREATE FUNCTION smsgw.with_clock_step(b smsgw.bucket, seconds double precision) RETURNS smsgw.bucket
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    step interval := make_interval(secs => seconds);
begin
    b.spent_bounds := array(select bound + step from unnest(b.spent_bounds) with ordinality as e (bound, n) order by n);
    b.foreign_until := b.foreign_until + step;
    b.foreign_seen_at := b.foreign_seen_at + step;
    b.throttled_at := b.throttled_at + step;
    b.blocked_until := b.blocked_until + step;
    b.clock_shift := b.clock_shift + seconds;
    return b;
end;
$$;

REVOKE ALL ON FUNCTION smsgw.with_clock_step(b smsgw.bucket, seconds double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.with_clock_step(b smsgw.bucket, seconds double precision) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.with_clock_step(b smsgw.bucket, seconds double precision) TO smsgw_operator;

CREATE FUNCTION smsgw.with_spent(b smsgw.bucket, since timestamp with time zone, bounds timestamp with time zone[], urgent integer[], others integer[]) RETURNS smsgw.bucket
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    select
        coalesce(array_agg(entry.bound order by entry.bound), '{}'),
        coalesce(array_agg(entry.urgent order by entry.bound), '{}'),
        coalesce(array_agg(entry.others order by entry.bound), '{}')
    into b.spent_bounds, b.spent_urgent, b.spent_others
    from (
        select
            changed.bound,
            greatest(0, sum(changed.urgent))::integer as urgent,
            greatest(0, sum(changed.others))::integer as others
        from (
            select e.bound, e.urgent, e.others
            from unnest(b.spent_bounds, b.spent_urgent, b.spent_others) as e (bound, urgent, others)
            union all
            select e.bound, e.urgent, e.others
            from unnest(bounds, urgent, others) as e (bound, urgent, others)
        ) as changed
        where changed.bound + make_interval(secs => b.period) > since
        group by changed.bound
        having sum(changed.urgent) > 0 or sum(changed.others) > 0
    ) as entry;
    return b;
end;
$$;

REVOKE ALL ON FUNCTION smsgw.with_spent(b smsgw.bucket, since timestamp with time zone, bounds timestamp with time zone[], urgent integer[], others integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION smsgw.with_spent(b smsgw.bucket, since timestamp with time zone, bounds timestamp with time zone[], urgent integer[], others integer[]) TO smsgw_gateway;
GRANT ALL ON FUNCTION smsgw.with_spent(b smsgw.bucket, since timestamp with time zone, bounds timestamp with time zone[], urgent integer[], others integer[]) TO smsgw_operator;
