-- Key columns compare bytewise (COLLATE "C"): SIP user parts are case-sensitive, and a page of rows must come in the
-- same order on every server whatever its locale.

-- One row per registered contact (RFC 3261 section 10.3). Times are milliseconds since the Unix epoch.
CREATE TABLE bindings (
    aor           TEXT COLLATE "C" NOT NULL CHECK (aor <> ''),
    contact_key   TEXT COLLATE "C" NOT NULL CHECK (contact_key <> ''),
    contact       TEXT   NOT NULL,
    instance_id   TEXT,
    reg_id        BIGINT CHECK (reg_id BETWEEN 0 AND 4294967295),
    call_id       TEXT   NOT NULL,
    cseq          BIGINT NOT NULL CHECK (cseq BETWEEN 0 AND 4294967295),
    q_milli       BIGINT NOT NULL CHECK (q_milli BETWEEN 0 AND 1000),
    path          TEXT   NOT NULL,
    user_agent    TEXT,
    transport     TEXT   NOT NULL,
    local_addr    TEXT   NOT NULL,
    remote_addr   TEXT   NOT NULL,
    connection    BIGINT,
    expires_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    behind_nat    BOOLEAN NOT NULL,
    PRIMARY KEY (aor, contact_key)
);
CREATE INDEX bindings_expires_at_ms ON bindings (expires_at_ms);

-- Only digests of passwords are kept (HA1 of RFC 7616 section 3.4.2), one for each algorithm offered.
-- The empty domain is the default domain.
CREATE TABLE users (
    domain        TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    realm         TEXT    NOT NULL,
    ha1_md5       TEXT    NOT NULL CHECK (length(ha1_md5) = 32),
    ha1_sha256    TEXT    NOT NULL CHECK (length(ha1_sha256) = 64),
    enabled       BOOLEAN NOT NULL,
    created_at_ms BIGINT  NOT NULL,
    updated_at_ms BIGINT  NOT NULL,
    PRIMARY KEY (domain, name)
);

-- A single row, raised by every transaction that changes what a running server may have cached from the directory.
CREATE TABLE directory_version (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO directory_version (id, version) VALUES (1, 0);

-- Keys that all nodes on this database share, and that outlive a restart.
CREATE TABLE secrets (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);
