-- What operators register. Lists of scopes and resources are space-separated: neither may contain a space.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    value TEXT NOT NULL
) STRICT;

CREATE TABLE resources (
    uri                 TEXT PRIMARY KEY NOT NULL CHECK (length(uri) BETWEEN 1 AND 512),
    name                TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    kind                TEXT NOT NULL CHECK (kind IN ('api', 'mcp')),
    enabled             INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    scopes              TEXT NOT NULL,
    signing_alg         TEXT NOT NULL CHECK (signing_alg IN ('ES256', 'Ed25519', 'RS256')),
    token_ttl           INTEGER CHECK (token_ttl BETWEEN 1 AND 900),
    include_agent_claim INTEGER NOT NULL CHECK (include_agent_claim IN (0, 1)),
    created_at          INTEGER NOT NULL,
    revision            INTEGER NOT NULL CHECK (revision >= 1)
) STRICT;

-- Clients have a number so that a start reads them and their secrets side by side, each table from end to end.
CREATE TABLE clients (
    number          INTEGER PRIMARY KEY,
    client_id       TEXT NOT NULL UNIQUE CHECK (length(client_id) BETWEEN 1 AND 64),
    name            TEXT NOT NULL CHECK (length(name) >= 1),
    kind            TEXT NOT NULL CHECK (kind IN ('agent', 'gateway', 'resource', 'admin')),
    enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    auth            TEXT NOT NULL CHECK (auth IN ('client_secret_basic', 'private_key_jwt', 'workload')),
    jwks            TEXT,
    jwks_uri        TEXT,
    scopes          TEXT NOT NULL,
    resources       TEXT NOT NULL,
    grants          TEXT NOT NULL,
    acts_as         TEXT,
    exchange_scopes TEXT,
    workloads       TEXT,
    tier            TEXT,
    token_ttl       INTEGER CHECK (token_ttl BETWEEN 1 AND 900),
    owner           TEXT,
    purpose         TEXT,
    type            TEXT,
    version         TEXT,
    created_at      INTEGER NOT NULL,
    revision        INTEGER NOT NULL CHECK (revision >= 1),
    CHECK (jwks IS NULL OR jwks_uri IS NULL)
) STRICT;

-- HMAC-SHA-256 under a vault key, never the secret. One without an end is the current one.
CREATE TABLE client_secrets (
    client     INTEGER NOT NULL REFERENCES clients (number) ON DELETE CASCADE,
    position   INTEGER NOT NULL CHECK (position >= 0),
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    expires_at INTEGER,
    PRIMARY KEY (client, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE issuers (
    name                  TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 32),
    url                   TEXT NOT NULL UNIQUE,
    jwks                  TEXT,
    jwks_uri              TEXT,
    audiences             TEXT NOT NULL,
    subject_claim         TEXT NOT NULL,
    groups_claim          TEXT NOT NULL,
    enabled               INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    allow_private_network INTEGER NOT NULL CHECK (allow_private_network IN (0, 1)),
    created_at            INTEGER NOT NULL,
    revision              INTEGER NOT NULL CHECK (revision >= 1),
    CHECK ((jwks IS NULL) <> (jwks_uri IS NULL))
) STRICT;

CREATE TABLE delegation_rules (
    rule_id    TEXT PRIMARY KEY NOT NULL CHECK (length(rule_id) BETWEEN 1 AND 128),
    issuer     TEXT NOT NULL,
    group_name TEXT,
    subject    TEXT,
    client_id  TEXT NOT NULL,
    scopes     TEXT NOT NULL CHECK (length(scopes) >= 1),
    resources  TEXT NOT NULL CHECK (length(resources) >= 1),
    max_ttl    INTEGER NOT NULL CHECK (max_ttl >= 1),
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    CHECK (group_name IS NULL OR subject IS NULL)
) STRICT;

CREATE TABLE delegations (
    delegation_id TEXT PRIMARY KEY NOT NULL CHECK (length(delegation_id) BETWEEN 1 AND 128),
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL CHECK (length(subject) >= 1),
    issuer_url    TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    scopes        TEXT NOT NULL CHECK (length(scopes) >= 1),
    resources     TEXT NOT NULL CHECK (length(resources) >= 1),
    purpose       TEXT,
    may_act       TEXT NOT NULL,
    rule_id       TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    revision      INTEGER NOT NULL CHECK (revision >= 1)
) STRICT;

CREATE INDEX delegations_by_client ON delegations (client_id, delegation_id);
CREATE INDEX delegations_by_subject ON delegations (subject, delegation_id);
CREATE INDEX delegations_by_expiry ON delegations (expires_at);
