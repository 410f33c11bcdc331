import Postgres

/// The statements behind ``GroupStore``.
enum GroupSQL {
    /// Lets the members of a group come one after another: each counts the others before it takes anything.
    static let lock: PostgresStatement = """
        SELECT pg_advisory_xact_lock(hashtextextended('parley.group/' || $1::text, 0))
        """

    /// A sign of life; $3 milliseconds until the next must have come.
    static let live: PostgresStatement = """
        INSERT INTO group_members (group_name, member, alive_until)
        VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond')
        ON CONFLICT (group_name, member) DO UPDATE SET alive_until = excluded.alive_until
        """

    /// Forgets members that gave no sign; $2 whether to.
    static let forget: PostgresStatement = """
        DELETE FROM group_members WHERE group_name = $1 AND $2::boolean AND alive_until < clock_timestamp()
        """

    /// Makes the rows of partitions that have none.
    static let extend: PostgresStatement = """
        INSERT INTO group_shares (group_name, partition)
        SELECT $1, n FROM generate_series(0, $2::int - 1) AS n
        ON CONFLICT (group_name, partition) DO NOTHING
        """

    /// Gives partitions back.
    static let release: PostgresStatement = """
        UPDATE group_shares SET member = NULL
        WHERE group_name = $1 AND member = $2 AND partition = ANY ($3::int[])
        """

    /// Takes partitions that nobody has, up to the member's quota: an equal part, and one more for the oldest members
    /// where that leaves a rest.
    ///
    /// $3 how many partitions there are, $4 whether to take any.
    static let take: PostgresStatement = """
        WITH living AS (
            SELECT member, row_number() OVER (ORDER BY joined_at, member) - 1 AS rank, count(*) OVER () AS members
            FROM group_members WHERE group_name = $1
        ), mine AS (
            SELECT $3::int / members + CASE WHEN rank < $3::int % members THEN 1 ELSE 0 END AS quota
            FROM living WHERE member = $2
        ), owned AS (
            SELECT partition FROM group_shares WHERE group_name = $1 AND member = $2
        ), free AS (
            SELECT s.partition FROM group_shares s
            WHERE s.group_name = $1 AND s.partition < $3::int AND $4::boolean
                AND NOT EXISTS (SELECT FROM living l WHERE l.member = s.member)
            ORDER BY s.partition
            LIMIT greatest(0, (SELECT quota FROM mine) - (SELECT count(*) FROM owned))
        ), taken AS (
            UPDATE group_shares s SET member = $2 FROM free
            WHERE s.group_name = $1 AND s.partition = free.partition
            RETURNING s.partition
        )
        SELECT (SELECT quota FROM mine) AS quota,
            array(SELECT partition FROM owned UNION SELECT partition FROM taken ORDER BY 1)::bigint[] AS partitions
        """

    /// Gives everything back and is a member no more.
    static let leave: PostgresStatement = """
        WITH gone AS (DELETE FROM group_members WHERE group_name = $1 AND member = $2)
        UPDATE group_shares SET member = NULL WHERE group_name = $1 AND member = $2
        """
}
