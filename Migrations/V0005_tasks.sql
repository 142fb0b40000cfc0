-- What a client may take in one task, and what it has taken so far. Only clients with a limit have rows in `tasks`.

ALTER TABLE clients ADD COLUMN max_task_life INTEGER CHECK (max_task_life BETWEEN 1 AND 2592000);
ALTER TABLE clients ADD COLUMN max_task_tokens INTEGER CHECK (max_task_tokens BETWEEN 1 AND 1000000);

-- The task may be another client's: a client that exchanges its tokens takes part in it, on an account of its own.
CREATE TABLE tasks (
    client_id TEXT NOT NULL CHECK (length(client_id) BETWEEN 1 AND 64),
    task      TEXT NOT NULL CHECK (length(task) >= 1),
    first_at  INTEGER NOT NULL,
    tokens    INTEGER NOT NULL CHECK (tokens >= 1),
    forget_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, task)
) STRICT, WITHOUT ROWID;

CREATE INDEX tasks_by_end ON tasks (forget_at);
