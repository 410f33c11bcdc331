import Foundation
import JSON
import TestKit
import Testing

@testable import Tools

struct TimestampToolTests {
    private static func run(_ arguments: JSONValue, at seconds: Int64, nanoseconds: Int64 = 0) async throws -> JSONValue
    {
        let time = WallTime(seconds: seconds, nanoseconds: nanoseconds)
        let registry = try ToolRegistry([TimestampTool(configuration: .init(now: { time }))])
        return try await registry.run("timestamp", arguments, context: .forTests)
    }

    @Test func tellsTheTimeInUTC() async throws {
        let result = try await Self.run([:], at: 1_769_853_600, nanoseconds: 123_999_999)
        #expect(result.string == #"{"timestamp":"2026-01-31T10:00:00.123Z","unix":1769853600,"timezone":"UTC"}"#)
    }

    @Test(
        arguments: [
            ("Europe/Berlin", 1_769_853_600, "2026-01-31T11:00:00.000+01:00"),
            ("Europe/Berlin", 1_785_492_000, "2026-07-31T12:00:00.000+02:00"),
            ("America/New_York", 1_769_853_600, "2026-01-31T05:00:00.000-05:00"),
            ("Asia/Kolkata", 1_769_853_600, "2026-01-31T15:30:00.000+05:30"),
            ("Australia/Lord_Howe", 1_769_853_600, "2026-01-31T21:00:00.000+11:00"),
            ("+02:00", 0, "1970-01-01T02:00:00.000+02:00"), ("-0530", 0, "1969-12-31T18:30:00.000-05:30"),
            ("UTC+3", 0, "1970-01-01T03:00:00.000+03:00"), ("GMT", 0, "1970-01-01T00:00:00.000Z"),
            ("Z", -1, "1969-12-31T23:59:59.000Z"), ("+18:00", 0, "1970-01-01T18:00:00.000+18:00"),
            ("UTC", 4_107_542_400, "2100-03-01T00:00:00.000Z"), ("UTC", 951_782_400, "2000-02-29T00:00:00.000Z"),
        ] as [(String, Int64, String)]
    )
    func tellsTheTimeInAZone(_ zone: String, _ seconds: Int64, _ expected: String) async throws {
        let result = try await Self.run(["timezone": .string(zone)], at: seconds)
        #expect(result["timestamp"]?.stringValue == expected)
        #expect(result["unix"]?.intValue == Int(seconds))
        #expect(result["timezone"]?.stringValue == zone)
    }

    @Test func formats() async throws {
        let unix = try await Self.run(["format": "unix"], at: 1_769_853_600)
        #expect(unix["timestamp"] == "1769853600")
        let iso = try await Self.run(["format": "iso8601"], at: 0)
        #expect(iso["timestamp"] == "1970-01-01T00:00:00.000Z")
        await #expect(throws: ToolError.self) { try await Self.run(["format": "rfc822"], at: 0) }
    }

    @Test(arguments: [
        "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe//Berlin", "Europe/", "+19:00", "+02:60", "+2:00",
        "+",
        "+1:2:3", "Europe/../Europe/Berlin", "Europe", "zone.tab", "tzdata.zi", "+٠٢:٠٠",
    ])
    func refusesWhatIsNoZone(_ zone: String) async throws {
        let error = await #expect(throws: ToolError.self) { try await Self.run(["timezone": .string(zone)], at: 0) }
        #expect(error?.code == .failed)
    }

    @Test func theSystemClockIsTheDefault() async throws {
        let result = try await TimestampTool().run([:], context: .forTests)
        let unix = try #require(result["unix"]?.doubleValue)
        #expect(abs(unix - Date().timeIntervalSince1970) < 60)
    }

    /// Offsets over three centuries, compared with Foundation's.
    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Australia/Sydney", "Africa/Casablanca",
        "Asia/Kathmandu", "Pacific/Auckland", "America/St_Johns", "Europe/Dublin", "Etc/GMT+5", "Asia/Tehran",
    ])
    func offsetsAgreeWithFoundation(_ name: String) throws {
        let rules = try #require(TimeZoneRules(name: name, folder: "/usr/share/zoneinfo"))
        let zone = try #require(TimeZone(identifier: name))
        var generator = SeededRandom(seed: 11)
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: 0...4_000_000_000, using: &generator)
            let expected = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
            #expect(rules.offset(at: seconds) == Int64(expected), "\(name) at \(seconds)")
        }
    }

    @Test func rulesForTheFuture() throws {
        let berlin = try #require(PosixZone("CET-1CEST,M3.5.0,M10.5.0/3"))
        // 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z are the changes.
        #expect(berlin.offset(at: 1_774_745_999) == 3_600)
        #expect(berlin.offset(at: 1_774_746_000) == 7_200)
        #expect(berlin.offset(at: 1_792_889_999) == 7_200)
        #expect(berlin.offset(at: 1_792_890_000) == 3_600)
        let sydney = try #require(PosixZone("AEST-10AEDT,M10.1.0,M4.1.0/3"))
        #expect(sydney.offset(at: 1_769_853_600) == 39_600)
        #expect(sydney.offset(at: 1_785_492_000) == 36_000)
        #expect(PosixZone("<+0330>-3:30")?.offset(at: 0) == 12_600)
        #expect(PosixZone("AAA3BBB,J60,J300")?.offset(at: 86_400 * 59 + 3_600 * 6) == -7_200)
        for text in [
            "", "A", "CET", "CET-1CEST", "CET-1CEST,M3.5", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0x",
        ] {
            #expect(PosixZone(text) == nil, "\(text)")
        }
    }

    @Test func brokenZoneFilesAreRefused() throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
        #expect(TimeZoneRules(bytes: bytes) != nil)
        var generator = SeededRandom(seed: 3)
        for _ in 0..<2_000 {
            var broken = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
            if !broken.isEmpty {
                broken[Int.random(in: 0..<min(broken.count, 100), using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            if let rules = TimeZoneRules(bytes: broken) { _ = rules.offset(at: 4_000_000_000) }
        }
    }
}
