import Foundation
import JSONSchema
import Testing

/// The official JSON Schema test suite, all required tests of draft 2020-12.
struct JSONSchemaConformanceTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let suite = root.appending(path: ".vendor/peers/jsonschema-suite").path

    private static func requireSuite() throws {
        try #require(
            FileManager.default.fileExists(atPath: suite + "/tests/draft2020-12"),
            "the official suite is missing: run deploy/local/test-peers-jsonschema.sh"
        )
    }

    @Test func requiredTestsOfDraft2020() throws {
        try Self.requireSuite()
        let runner = try SchemaSuiteRunner(remotes: Self.suite + "/remotes", folders: ["draft2020-12"])
        let report = try runner.run(Self.suite + "/tests/draft2020-12")
        print("JSON Schema draft 2020-12: \(report.passed) of \(report.total) required tests pass")
        #expect(report.failures == [])
        #expect(report.total == 1_257)
        #expect(report.passed == 1_257)
    }

    /// The optional tests of everything that is supported.
    ///
    /// Not supported: other drafts (`cross-draft`) and the formats `idn-hostname` and `uri-template`. The counts are
    /// fixed, so that no test goes missing.
    @Test(arguments: [
        ("anchor", 4), ("bignum", 9), ("dependencies-compatibility", 36), ("dynamicRef", 2), ("ecmascript-regex", 74),
        ("float-overflow", 1), ("format-assertion", 4), ("id", 3), ("no-schema", 3), ("non-bmp-regex", 12),
        ("refOfUnknownKeyword", 6), ("unknownKeyword", 3), ("format/date-time", 25), ("format/date", 47),
        ("format/duration", 26), ("format/ecmascript-regex", 1), ("format/email", 22), ("format/hostname", 25),
        ("format/idn-email", 10), ("format/ipv4", 16), ("format/ipv6", 40), ("format/iri-reference", 13),
        ("format/iri", 15), ("format/json-pointer", 38), ("format/regex", 8), ("format/relative-json-pointer", 18),
        ("format/time", 45), ("format/unknown", 7), ("format/uri-reference", 13), ("format/uri", 26),
        ("format/uuid", 21),
    ])
    func optionalTestsOfDraft2020(_ name: String, _ count: Int) throws {
        try Self.requireSuite()
        let runner = try SchemaSuiteRunner(
            remotes: Self.suite + "/remotes",
            folders: ["draft2020-12"],
            configuration: .init(assertsFormat: name.hasPrefix("format/"))
        )
        let report = try runner.run(Self.suite + "/tests/draft2020-12/optional/\(name).json")
        #expect(report.failures == [])
        #expect(report.passed == count)
    }
}
