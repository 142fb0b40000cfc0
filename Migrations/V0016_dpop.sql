-- Proof of possession (RFC 9449): clients that only get tokens bound to a key, resources that only take such ones, and
-- resources for which a proof needs a nonce.

ALTER TABLE clients ADD COLUMN dpop_bound INTEGER NOT NULL DEFAULT 0 CHECK (dpop_bound IN (0, 1));
ALTER TABLE resources ADD COLUMN require_dpop INTEGER NOT NULL DEFAULT 0 CHECK (require_dpop IN (0, 1));
ALTER TABLE resources ADD COLUMN dpop_nonce INTEGER NOT NULL DEFAULT 0 CHECK (dpop_nonce IN (0, 1));
