-- Version 2: the lives of the servers that had this store open. Containers carry the id of the life
-- that created them, so a container of a life that is not listed was made by a server on a copy.
CREATE TABLE lives (
    number INTEGER PRIMARY KEY,   -- greater with each life; the smallest numbers are pruned
    id TEXT NOT NULL UNIQUE,      -- a random UUID
    started_at TEXT NOT NULL      -- by the clock of the server
);
