-- The public half of each signing key in the clear, as a JWK: a sealed server goes on publishing its key set. NULL until
-- the server is next opened.
ALTER TABLE signing_keys ADD COLUMN public_key TEXT;
