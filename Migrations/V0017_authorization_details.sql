-- Rich authorization requests (RFC 9396). A resource names the types that it understands, with a schema for each; a
-- client, a delegation and a rule hold what they allow at most. All of it is JSON text; absent means nothing.

ALTER TABLE resources ADD COLUMN authorization_details_types TEXT;
ALTER TABLE resources ADD COLUMN require_authorization_details INTEGER NOT NULL DEFAULT 0
    CHECK (require_authorization_details IN (0, 1));
ALTER TABLE clients ADD COLUMN authorization_details TEXT;
ALTER TABLE delegation_rules ADD COLUMN authorization_details TEXT;
ALTER TABLE delegations ADD COLUMN authorization_details TEXT;

-- What was granted, in the record of the token that carries it.
ALTER TABLE audit ADD COLUMN authorization_details TEXT;
