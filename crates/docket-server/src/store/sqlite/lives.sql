-- Version 2: the lives of the servers that had this store open. Containers carry the life that created
-- them, so a container of a life that is not listed was created by a server with a copy of this store.
CREATE TABLE lives (
    number INTEGER PRIMARY KEY,   -- greater with each life; the smallest numbers are pruned
    id TEXT NOT NULL UNIQUE,      -- a random UUID
    started_at TEXT NOT NULL,     -- by the clock of its server
    adopted_at TEXT               -- when this store took over its containers, if it was a copy's
);
