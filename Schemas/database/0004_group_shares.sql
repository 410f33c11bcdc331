-- Which process reads which partitions, where that is not left to the broker's consumer groups. Nothing of a tenant is
-- in here, and no correctness rests on it: a record that two processes read is dropped by its event_id.

-- The processes of a group that are alive.
CREATE TABLE group_members (
    group_name text NOT NULL,
    -- The same name that the process has as an owner of leases.
    member text NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Without another sign of life until then the process is lost, and others take what it had.
    alive_until timestamptz NOT NULL,
    PRIMARY KEY (group_name, member)
);

-- Who has a partition, of all topics of the group; nobody when the member is none or is not alive.
CREATE TABLE group_shares (
    group_name text NOT NULL,
    partition integer NOT NULL,
    member text,
    PRIMARY KEY (group_name, partition)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON group_members, group_shares TO parley_service;
