import Postgres
import Testing

@Suite("Queries against a real server", .timeLimit(.minutes(2)))
struct QueryTests {
    @Test("every parameter type comes back as it was sent")
    func typesRoundTrip() async throws {
        try await withClient { client in
            let result = try await client.query(
                """
                SELECT $1::text AS t, $2::int8 AS i, $3::float8 AS d, $4::bool AS b, $5::bytea AS y,
                       $6::text[] AS ta, $7::int8[] AS ia, $8::jsonb AS j, $9::int4 AS small
                """,
                [
                    .text("ünï \"q\" \\ '; DROP TABLE x; 🎉"), .int(Int64.min), .double(-0.1), .bool(true),
                    .bytes([0, 1, 255, 0x5c]), .textArray(["a", nil, "NULL", "", "\"\\,{}", "🎉"]),
                    .intArray([Int64.max, nil, -1]), .json(Array(#"{"k": [1, "ü"]}"#.utf8)), 7,
                ]
            )
            let row = try #require(result.rows.first)
            #expect(try row.string("t") == "ünï \"q\" \\ '; DROP TABLE x; 🎉")
            #expect(try row.int64("i") == Int64.min)
            #expect(try row.double("d") == -0.1)
            #expect(try row.bool("b"))
            #expect(try row.bytes("y") == [0, 1, 255, 0x5c])
            #expect(try row.textArray("ta") == ["a", nil, "NULL", "", "\"\\,{}", "🎉"])
            #expect(try row.intArray("ia") == [Int64.max, nil, -1])
            #expect(try row.string("j") == #"{"k": [1, "ü"]}"#)
            #expect(try row.int(8) == 7)
            #expect(result.command == "SELECT 1")
            #expect(result.affectedRows == 1)
        }
    }

    @Test("NULL is nil for the optional readers and an error for the others")
    func nulls() async throws {
        try await withClient { client in
            let result = try await client.query("SELECT $1::text AS a, NULL::int AS b, ''::text AS c", [nil])
            let row = try #require(result.rows.first)
            #expect(try row.stringOrNil("a") == nil)
            #expect(try row.intOrNil("b") == nil)
            #expect(try row.stringOrNil("c")?.isEmpty == true)
            #expect(throws: PostgresError.self) { try row.string("a") }
            #expect(throws: PostgresError.self) { try row.string("nowhere") }
            #expect(throws: PostgresError.self) { try row.string(3) }
        }
    }

    @Test("times come as microseconds in UTC")
    func times() async throws {
        try await withClient { client in
            let row = try #require(
                try await client.query(
                    "SELECT to_timestamp(1795233116.25) AS t, 'epoch'::timestamptz AS e"
                ).rows.first
            )
            #expect(try row.microseconds("t") == 1_795_233_116_250_000)
            #expect(try row.microseconds("e") == 0)
        }
    }

    @Test("an error has its SQLSTATE, and no data in its description")
    func serverErrors() async throws {
        try await withClient { client in
            _ = try await client.query("CREATE TABLE once (name text CONSTRAINT once_key PRIMARY KEY)")
            _ = try await client.query("INSERT INTO once VALUES ($1)", ["hidden-word"])
            let error = await #expect(throws: PostgresError.self) {
                try await client.query("INSERT INTO once VALUES ($1)", ["hidden-word"])
            }
            #expect(error?.sqlState == "23505")
            #expect(error?.constraint == "once_key")
            #expect(error?.statementIndex == 0)
            #expect(error.map { "\($0)".contains("hidden-word") } == false)
            #expect(error?.debugDescription.contains("hidden-word") == true)
            #expect(error?.isRetriable == false)
            let syntax = await #expect(throws: PostgresError.self) { try await client.query("SELEKT 1") }
            #expect(syntax?.sqlState == "42601")
            // The connection goes on.
            #expect(try await client.query("SELECT count(*) FROM once").rows.first?.int(0) == 1)
        }
    }

    @Test("a statement whose first use failed can be used later")
    func prepareAgain() async throws {
        try await withClient([.set(\.poolSize, 1)]) { client in
            let statement: PostgresStatement = "SELECT count(*) FROM late"
            await #expect(throws: PostgresError.self) { try await client.query(statement) }
            await #expect(throws: PostgresError.self) {
                try await client.batch([("SELECT 1/0", []), (statement, [])])
            }
            _ = try await client.query("CREATE TABLE late (a int)")
            #expect(try await client.query(statement).rows.first?.int(0) == 0)
            #expect(try await client.query(statement).rows.first?.int(0) == 0)
            let prepared = try await client.query(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ 'late$'"
            )
            #expect(try prepared.rows.first?.int(0) == 1)
        }
    }

    @Test("more statements than the cache keeps still work")
    func cacheOverflow() async throws {
        try await withClient([.set(\.poolSize, 1), .set(\.preparedStatementsMax, 4)]) { client in
            for round in 0..<2 {
                for number in 0..<10 {
                    let result = try await client.query(PostgresStatement("SELECT \(number) + $1::int"), [.int(round)])
                    #expect(try result.rows.first?.int(0) == number + round)
                }
            }
            let count = try await client.query(
                PostgresStatement(unprepared: "SELECT count(*) FROM pg_prepared_statements")
            )
            #expect(try count.rows.first?.int(0) == 4)
        }
    }

    @Test("a value of 1 MB and one of 4 MB go and come whole")
    func largeValues() async throws {
        try await withClient { client in
            for size in [1 << 20, 4 << 20] {
                let text = String(repeating: "abcdefgh", count: size / 8)
                let row = try #require(
                    try await client.query(
                        "SELECT $1::text AS t, $2::bytea AS b",
                        [.text(text), .bytes(Array(text.utf8))]
                    )
                    .rows.first
                )
                #expect(try row.string("t") == text)
                #expect(try row.bytes("b").elementsEqual(text.utf8))
            }
        }
    }

    @Test("100,000 rows come whole")
    func manyRows() async throws {
        try await withClient { client in
            let result = try await client.query("SELECT n, 'row ' || n AS t FROM generate_series(1, 100000) n")
            #expect(result.rows.count == 100_000)
            var sum = 0
            for row in result.rows { sum += try row.int(0) }
            #expect(sum == 5_000_050_000)
            #expect(try result.rows.last?.string("t") == "row 100000")
        }
    }

    @Test("a batch is one transaction: all or nothing, and says which statement failed")
    func batchIsAtomic() async throws {
        try await withClient { client in
            _ = try await client.query("CREATE TABLE list (n int PRIMARY KEY)")
            let insert: PostgresStatement = "INSERT INTO list VALUES ($1)"
            let results = try await client.batch([
                (insert, [1]), ("INSERT INTO list VALUES (2), (3) RETURNING n", []), (insert, [4]),
            ])
            #expect(results.map(\.affectedRows) == [1, 2, 1])
            #expect(try results[1].rows.map { try $0.int("n") } == [2, 3])
            let error = await #expect(throws: PostgresError.self) {
                try await client.batch(
                    settings: [("parley.tenants", "x")],
                    [(insert, [5]), (insert, [6]), (insert, [1]), (insert, [7])]
                )
            }
            #expect(error?.statementIndex == 2)
            #expect(try await client.query("SELECT count(*) FROM list").rows.first?.int(0) == 4)
            #expect(try await client.batch([]).isEmpty)
        }
    }

    @Test("a constraint that is checked at the commit fails the batch")
    func deferredConstraint() async throws {
        try await withClient { client in
            _ = try await client.query("CREATE TABLE parent (id int PRIMARY KEY)")
            _ = try await client.query(
                "CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
            )
            let error = await #expect(throws: PostgresError.self) {
                try await client.batch([("INSERT INTO child VALUES (1)", []), ("SELECT 1", [])])
            }
            #expect(error?.sqlState == "23503")
            #expect(try await client.query("SELECT count(*) FROM child").rows.first?.int(0) == 0)
            _ = try await client.batch([
                ("INSERT INTO child VALUES (1)", []), ("INSERT INTO parent VALUES (1)", []),
            ])
            #expect(try await client.query("SELECT count(*) FROM child").rows.first?.int(0) == 1)
        }
    }

    @Test("a NUL byte in text is refused before anything is sent")
    func nulByte() async throws {
        try await withClient { client in
            let error = await #expect(throws: PostgresError.self) {
                try await client.query("SELECT $1::text", ["a\0b"])
            }
            #expect(error?.code == .invalidParameter)
            let row = try #require(try await client.query("SELECT $1::bytea AS b", [.bytes([0, 0])]).rows.first)
            #expect(try row.bytes("b") == [0, 0])
        }
    }
}
