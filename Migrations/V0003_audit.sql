-- The audit trail. A record's hash covers the preceding hash and the canonical JSON of its columns; the preceding hash
-- itself is not stored twice. Columns that are absent cost one byte.

CREATE TABLE audit (
    seq             INTEGER PRIMARY KEY,
    timestamp       INTEGER NOT NULL,
    event           TEXT NOT NULL,
    allowed         INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    client_id       TEXT,
    agent_id        TEXT,
    delegating_user TEXT,
    delegation_id   TEXT,
    session_id      TEXT,
    task_id         TEXT,
    jti             TEXT,
    parent_jti      TEXT,
    resource        TEXT,
    api_endpoint    TEXT,
    mcp_server      TEXT,
    scope_granted   TEXT,
    token_ttl       INTEGER,
    request_context TEXT,
    verdict         TEXT,
    rule            TEXT,
    rule_reason     TEXT,
    request_id      TEXT,
    trace_id        TEXT,
    target          TEXT,
    before          TEXT,
    after           TEXT,
    hash            BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- A jti begins with the time, so this index grows at its end. An index on client_id would write all over itself.
CREATE INDEX audit_by_jti ON audit (jti) WHERE jti IS NOT NULL;
CREATE INDEX audit_by_target ON audit (target) WHERE target IS NOT NULL;

-- The last record, with the code that only the vault's key can make; rewritten by every commit.
CREATE TABLE audit_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    code BLOB NOT NULL CHECK (length(code) = 32)
) STRICT;

-- What left the table above: files beside the database.
CREATE TABLE audit_archives (
    first_seq           INTEGER PRIMARY KEY,
    last_seq            INTEGER NOT NULL UNIQUE,
    first_previous_hash BLOB NOT NULL CHECK (length(first_previous_hash) = 32),
    last_hash           BLOB NOT NULL CHECK (length(last_hash) = 32),
    latest_timestamp    INTEGER NOT NULL,
    file                TEXT NOT NULL UNIQUE CHECK (file NOT LIKE '%/%'),
    checkpoint          TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    CHECK (last_seq >= first_seq)
) STRICT;
