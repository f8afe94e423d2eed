-- One row per registered contact (RFC 3261 section 10.3). Times are milliseconds since the Unix epoch.
CREATE TABLE bindings (
    aor           TEXT NOT NULL CHECK (aor <> ''),
    contact_key   TEXT NOT NULL CHECK (contact_key <> ''),
    contact       TEXT   NOT NULL,
    instance_id   TEXT,
    reg_id        INTEGER CHECK (reg_id BETWEEN 0 AND 4294967295),
    call_id       TEXT   NOT NULL,
    cseq          INTEGER NOT NULL CHECK (cseq BETWEEN 0 AND 4294967295),
    q_milli       INTEGER NOT NULL CHECK (q_milli BETWEEN 0 AND 1000),
    path          TEXT   NOT NULL,
    user_agent    TEXT,
    transport     TEXT   NOT NULL,
    local_addr    TEXT   NOT NULL,
    remote_addr   TEXT   NOT NULL,
    connection    INTEGER,
    expires_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    behind_nat    INTEGER NOT NULL CHECK (behind_nat IN (0, 1)),
    PRIMARY KEY (aor, contact_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX bindings_expires_at_ms ON bindings (expires_at_ms);

-- Only digests of passwords are kept (HA1 of RFC 7616 section 3.4.2), one for each algorithm offered.
-- The empty domain is the default domain.
CREATE TABLE users (
    domain        TEXT NOT NULL,
    name          TEXT NOT NULL CHECK (name <> ''),
    realm         TEXT    NOT NULL,
    ha1_md5       TEXT    NOT NULL CHECK (length(ha1_md5) = 32),
    ha1_sha256    TEXT    NOT NULL CHECK (length(ha1_sha256) = 64),
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at_ms INTEGER  NOT NULL,
    updated_at_ms INTEGER  NOT NULL,
    PRIMARY KEY (domain, name)
) STRICT, WITHOUT ROWID;

-- A single row, raised by every transaction that changes what a running server may have cached from the directory.
CREATE TABLE directory_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version (id, version) VALUES (1, 0);

-- Keys that all nodes on this database share, and that outlive a restart.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
