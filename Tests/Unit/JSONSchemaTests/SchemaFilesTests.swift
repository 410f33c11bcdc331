import Foundation
import JSON
import JSONSchema
import Testing

struct SchemaFilesTests {
    /// Writes files into a folder of its own, which goes afterwards.
    private func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "parley-schema-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
        try body(folder.path)
    }

    @Test func runnerCountsPassedAndFailed() throws {
        let suite = """
            [{"description": "g", "schema": {"$ref": "http://localhost:1234/sub/int.json"}, "tests": [
                {"description": "right", "data": 1, "valid": true},
                {"description": "wrong verdict", "data": "x", "valid": true},
                {"description": "wrong too", "data": 1, "valid": false}]},
             {"description": "broken", "schema": {"type": "nothing"}, "tests": [
                {"description": "never", "data": 1, "valid": true}]}]
            """
        try withFolder(["tests/a.json": suite, "remotes/sub/int.json": #"{"type": "integer"}"#]) { folder in
            let runner = try SchemaSuiteRunner(remotes: folder + "/remotes")
            for path in [folder + "/tests", folder + "/tests/a.json"] {
                let report = try runner.run(path)
                #expect(report.passed == 1 && report.failed == 3 && report.total == 4)
                #expect(report.failures.count == 3)
                #expect(report.failures.first?.contains("wrong verdict: refused: (root) must be integer") == true)
            }
        }
    }

    @Test(arguments: ["{}", "[1]", "[{\"schema\": true}]", "[{\"schema\": true, \"tests\": [{}]}]", "[", ""])
    func runnerRefusesWhatIsNoTestFile(_ text: String) throws {
        try withFolder(["a.json": text]) { folder in
            let error = #expect(throws: JSONSchemaError.self) { try SchemaSuiteRunner().run(folder) }
            #expect(error?.code == .unreadableFile)
        }
    }

    @Test func fileValidator() throws {
        let files = [
            "schema.json": #"{"properties": {"a": {"$ref": "defs/number.json"}}}"#,
            "defs/number.json": #"{"type": "number"}"#, "good.json": #"{"a": 1}"#, "bad.json": #"{"a": "x"}"#,
            "broken.json": "{",
        ]
        try withFolder(files) { folder in
            let validator = try SchemaFileValidator(
                schema: folder + "/schema.json",
                references: [folder + "/defs/number.json"]
            )
            #expect(try validator.validate(folder + "/good.json") == [])
            #expect(try validator.validate(folder + "/bad.json").map(\.instancePath) == ["/a"])
            for name in ["broken.json", "missing.json"] {
                let error = #expect(throws: JSONSchemaError.self) { try validator.validate(folder + "/" + name) }
                #expect(error?.code == .unreadableFile)
            }
            #expect(throws: JSONSchemaError.self) { try SchemaFileValidator(schema: folder + "/schema.json") }
        }
    }
}
