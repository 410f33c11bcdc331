import Foundation
import TestKit
import Testing

@testable import parleyctl

@Suite(.timeLimit(.minutes(2))) struct SchemaCommandTests {
    private let terminal = OperatorTerminal()

    private func file(_ text: String, in folder: String, _ name: String) throws -> String {
        let path = folder + "/" + name
        let parent = URL(filePath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    @Test func theOfficialSuitePasses() async throws {
        let suite = ".vendor/peers/jsonschema-suite/tests/draft2020-12"
        try #require(
            FileManager.default.fileExists(atPath: PackageRoot.path + "/" + suite),
            "the official suite is missing: run deploy/local/test-peers-jsonschema.sh"
        )
        let result = try await terminal.run("schema", "test", suite)
        #expect(result.lines == ["1257 passed, 0 failed"])
        #expect(result.exit == .exited(0))
        // With its remotes named, and one file alone.
        let file = try await terminal.run(
            "schema",
            "test",
            suite + "/refRemote.json",
            "--remotes",
            ".vendor/peers/jsonschema-suite/remotes"
        )
        #expect(file.lines == ["31 passed, 0 failed"])
    }

    @Test func failuresAreListedAndCounted() async throws {
        let folder = try TemporaryFolder.shared.makeFolder("suite")
        let tests = (0..<60).map { #"{"description":"wrong \#($0)","data":\#($0),"valid":false}"# }
        _ = try file(
            """
            [{"description":"numbers","schema":{"type":"integer"},"tests":[
              {"description":"right","data":1,"valid":true},\(tests.joined(separator: ","))]},
             {"description":"broken","schema":{"type":"nothing"},"tests":[{"data":1,"valid":true}]}]
            """,
            in: folder,
            "numbers.json"
        )
        let result = try await terminal.run("schema", "test", folder)
        #expect(result.exit == .exited(1))
        #expect(result.lines.last == "1 passed, 61 failed")
        #expect(result.lines[0].hasSuffix("numbers.json: numbers: wrong 0: accepted"))
        #expect(result.lines.dropLast().last == "and 11 more")
        #expect(result.lines.count == SchemaCommand.listedFailuresMax + 2)
        #expect(result.standardError.isEmpty)
    }

    @Test func remotesBesideTheTestsAreFound() async throws {
        let folder = try TemporaryFolder.shared.makeFolder("suite")
        _ = try file(#"{"type":"integer"}"#, in: folder, "remotes/mine/integer.json")
        _ = try file("no JSON", in: folder, "remotes/other/broken.json")
        _ = try file(
            """
            [{"schema":{"$ref":"http://localhost:1234/mine/integer.json"},"tests":[{"data":"x","valid":false}]}]
            """,
            in: folder,
            "tests/mine/ref.json"
        )
        let result = try await terminal.run("schema", "test", folder + "/tests/mine/")
        #expect(result.lines == ["1 passed, 0 failed"])
    }

    @Test func aFolderWithoutTestsIsRefused() async throws {
        let folder = try TemporaryFolder.shared.makeFolder("empty")
        try await terminal.run("schema", "test", folder).expectFailure(1, "has no tests")
        try await terminal.run("schema", "test", folder + "/none").expectFailure(1, "cannot open")
    }

    @Test func filesAreHeldAgainstOurOwnSchemas() async throws {
        let examples = "Schemas/examples/conversation_event"
        let valid = try FileManager.default.contentsOfDirectory(atPath: PackageRoot.path + "/" + examples + "/valid")
        try #require(!valid.isEmpty)
        for name in valid {
            let path = "\(examples)/valid/\(name)"
            let result = try await terminal.run("schema", "validate", "conversation_event", path)
            #expect(result.lines == ["\(path): OK"])
            #expect(result.exit == .exited(0))
        }
        let invalid = examples + "/invalid/message-is-number.json"
        let result = try await terminal.run(
            "schema",
            "validate",
            "conversation_event",
            "\(examples)/valid/\(valid[0])",
            invalid
        )
        #expect(result.exit == .exited(1))
        #expect(
            result.lines == [
                "\(examples)/valid/\(valid[0]): OK", "\(invalid): not valid",
                "  /message  /properties/message/type  type  must be string",
            ]
        )
    }

    @Test func filesAreHeldAgainstASchemaFile() async throws {
        let folder = try TemporaryFolder.shared.makeFolder("validate")
        let schema = try file(#"{"required":["a"],"properties":{"a":{"maximum":1}}}"#, in: folder, "schema.json")
        let good = try file(#"{"a":1}"#, in: folder, "good.json")
        let bad = try file(#"{"a":2}"#, in: folder, "bad.json")
        let broken = try file("{", in: folder, "broken.json")
        let result = try await terminal.run("schema", "validate", schema, bad, broken, folder + "/none.json", good)
        #expect(result.exit == .exited(1))
        #expect(result.lines.count == 5)
        #expect(result.lines[0] == "\(bad): not valid")
        #expect(result.lines[1].hasPrefix("  /a  /properties/a/maximum  maximum  "))
        #expect(result.lines[2].hasPrefix("\(broken): cannot be read: "))
        #expect(result.lines[3].contains("none.json: cannot be read: "))
        #expect(result.lines[4] == "\(good): OK")
    }

    @Test func aSchemaThatIsNotThereIsNamed() async throws {
        try await terminal.run("schema", "validate", "conversation", "x.json")
            .expectFailure(1, #"no schema "conversation""#, "conversation_event")
        try await terminal.run("schema", "validate", "./none.json", "x.json").expectFailure(1, "none.json")
        try await terminal.run("schema", "validate", "tool_request").expectFailure(64, "FILE is missing")
    }
}
