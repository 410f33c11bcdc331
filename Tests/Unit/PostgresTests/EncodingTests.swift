import Testing

@testable import Postgres

@Suite("Parameters, rows, statements, errors")
struct EncodingTests {
    private func texts(_ pipeline: EncodedPipeline) -> [String?] {
        pipeline.slots.map { slot in
            guard slot.offset >= 0 else { return nil }
            let bytes = pipeline.bytes[slot.offset..<(slot.offset + Int(slot.length))]
            #expect(pipeline.bytes[slot.offset + Int(slot.length)] == 0, "libpq wants a NUL behind each value")
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test("each parameter in the server's text form")
    func parameters() throws {
        var pipeline = EncodedPipeline()
        try pipeline.append(
            "SELECT",
            [
                nil, "a", 0, .int(Int64.min), .int(Int64.max), 1.5, .double(.infinity), .double(-.infinity),
                .double(.nan), true, false, .bytes([65, 0, 66]), .intArray([1, nil]),
                .json(Array("{}".utf8)), "",
            ]
        )
        #expect(
            texts(pipeline) == [
                nil, "a", "0", "-9223372036854775808", "9223372036854775807", "1.5", "Infinity", "-Infinity", "NaN",
                "t", "f", "A\0B", "{1,NULL}", "{}", "",
            ]
        )
        #expect(pipeline.slots.map(\.isBinary).firstIndex(of: true) == 11)
        #expect(pipeline.slots.filter(\.isBinary).count == 1)
    }

    @Test("an array of texts in the server's binary form: header, dimension, each element behind its length")
    func textArrays() throws {
        func bytes(_ values: [String?]) throws -> [UInt8] {
            var pipeline = EncodedPipeline()
            try pipeline.append("SELECT", [.textArray(values)])
            let slot = try #require(pipeline.slots.first)
            #expect(slot.isBinary)
            return Array(pipeline.bytes[slot.offset..<(slot.offset + Int(slot.length))])
        }
        #expect(try bytes([]) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
        #expect(
            try bytes(["a\"b", nil, ""]) == [
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 3, 0, 0, 0, 1,
                0, 0, 0, 3, 97, 34, 98, 255, 255, 255, 255, 0, 0, 0, 0,
            ]
        )
        // A length that takes more than one byte.
        let long = try bytes([String(repeating: "x", count: 258)])
        #expect(long[4..<8] == [0, 0, 0, 0] && long[20..<24] == [0, 0, 1, 2] && long.count == 24 + 258)
    }

    @Test("NUL bytes are refused wherever they would be text")
    func nul() {
        for parameter: PostgresParameter in ["a\0", .textArray(["a", nil, "b\0"]), .json([0])] {
            var pipeline = EncodedPipeline()
            let error = #expect(throws: PostgresError.self) { try pipeline.append("SELECT $1", [parameter]) }
            #expect(error?.code == .invalidParameter)
        }
        var pipeline = EncodedPipeline()
        #expect(throws: PostgresError.self) { try pipeline.append("SELECT \0", []) }
    }

    @Test("65,535 parameters are taken, one more is refused")
    func parametersMax() throws {
        var pipeline = EncodedPipeline()
        try pipeline.append("SELECT", [PostgresParameter](repeating: nil, count: 65_535))
        #expect(throws: PostgresError.self) {
            try pipeline.append("SELECT", [PostgresParameter](repeating: nil, count: 65_536))
        }
    }

    @Test("the cache prepares once, forgets failures, and sends the rest unprepared")
    func cache() {
        var cache = StatementCache(countMax: 2)
        #expect(cache.lookup("a") == .prepare("s1"))
        #expect(cache.lookup("a") == .prepared("s1"))
        #expect(cache.lookup(PostgresStatement(unprepared: "a")) == .unprepared)
        cache.forget("a")
        #expect(cache.lookup("a") == .prepare("s2"), "a name is never used twice")
        #expect(cache.lookup("b") == .prepare("s3"))
        #expect(cache.lookup("c") == .unprepared)
    }

    @Test("rows are read by name and position, and complain clearly")
    func rows() throws {
        let result = PostgresResult(columns: ["id", "name", "Name"], rows: [["1", "ü", nil], ["x", nil, "b"]])
        #expect(result.rows.count == 2)
        #expect(try result.rows[0].int("id") == 1)
        #expect(try result.rows[0].string(1) == "ü")
        #expect(try result.rows[1].string("Name") == "b")
        #expect(try result.rows[0].isNull("Name"))
        let missing = #expect(throws: PostgresError.self) { try result.rows[0].int("nope") }
        #expect(missing?.message.contains("nope") == true)
        #expect(throws: PostgresError.self) { try result.rows[0].int(3) }
        #expect(throws: PostgresError.self) { try result.rows[0].int(-1) }
        let mismatch = #expect(throws: PostgresError.self) { try result.rows[1].int("id") }
        #expect(mismatch?.code == .decoding)
        #expect(PostgresResult(columns: ["a"], rows: []).rows.isEmpty)
    }

    @Test("which errors may be retried")
    func retriable() {
        for state in ["08006", "40001", "40P01", "57P01", "57P03", "53300"] {
            #expect(PostgresError(.server(sqlState: state), "").isRetriable, "\(state)")
        }
        for state in ["23505", "42601", "57014", "22P02"] {
            #expect(!PostgresError(.server(sqlState: state), "").isRetriable, "\(state)")
        }
        #expect(PostgresError(.connection, "").isRetriable)
        #expect(PostgresError(.poolTimeout, "").isRetriable)
        #expect(!PostgresError(.closed, "").isRetriable)
    }

    @Test("a description never shows the detail")
    func secrets() {
        let error = PostgresError(.server(sqlState: "23505"), "refused", detail: "Key (a)=(hidden-word)")
        #expect(!"\(error)".contains("hidden-word"))
        #expect(error.debugDescription.contains("hidden-word"))
    }

    @Test("limits that make no sense are refused")
    func configuration() throws {
        try PostgresConfiguration().validate()
        for change: (inout PostgresConfiguration) -> Void in [
            { $0.poolSize = 0 }, { $0.connectionsMin = 17 }, { $0.acquireTimeout = .zero }, { $0.waitersMax = -1 },
            { $0.reconnectDelayMax = .zero },
        ] {
            var configuration = PostgresConfiguration()
            change(&configuration)
            #expect(throws: PostgresError.self) { try configuration.validate() }
        }
    }
}
