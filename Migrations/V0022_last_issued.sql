-- The latest iat of a token, in seconds. A revocation that is made while the clock is set back must reach it, also after a restart.
ALTER TABLE audit_head ADD COLUMN last_issued INTEGER;
