-- Platforms that vouch for their workloads: SPIFFE trust domains, Kubernetes clusters. An address of keys that begins
-- with file: is a file in the server's directory of trusted keys.

ALTER TABLE issuers ADD COLUMN kind TEXT NOT NULL DEFAULT 'oidc' CHECK (kind IN ('oidc', 'spiffe', 'kubernetes'));
ALTER TABLE issuers ADD COLUMN ca_file TEXT CHECK (length(ca_file) BETWEEN 1 AND 64);
ALTER TABLE issuers ADD COLUMN token_file TEXT
    CHECK (token_file IS NULL OR (length(token_file) BETWEEN 1 AND 64 AND ca_file IS NOT NULL));
ALTER TABLE issuers ADD COLUMN single_use INTEGER NOT NULL DEFAULT 1 CHECK (single_use IN (0, 1));
ALTER TABLE issuers ADD COLUMN max_token_life INTEGER NOT NULL DEFAULT 86400
    CHECK (max_token_life BETWEEN 60 AND 604800);

-- The workloads of a trust domain that are this client.
ALTER TABLE clients ADD COLUMN spiffe_id TEXT CHECK (length(spiffe_id) BETWEEN 1 AND 512);
