import Foundation
import Glibc
import TestKit
import Testing

/// The scripts that say whether a run of tests was a success: they must be able to say no.
@Suite(.timeLimit(.minutes(3))) struct ScriptTests {
    /// Runs a program in the repository's root.
    /// - Returns: Its status, and what it wrote to each output.
    private func run(
        _ program: String,
        _ arguments: [String]
    ) async throws -> (status: Int32, output: String, errors: String) {
        var configuration = ChildProcess.Configuration()
        configuration.environment = ChildProcess.inheritedEnvironment()
        configuration.workingDirectory = Repository.root
        let result = try await ChildProcess.run(program, arguments, configuration)
        guard case .exited(let status) = result.exit else { return (-1, "", "\(result.exit)") }
        return (status, result.standardOutput, result.standardError)
    }

    /// Runs `commands` with the functions of `counting.sh`, with logs in a folder of their own.
    private func count(_ commands: String) async throws -> (status: Int32, lines: [String]) {
        let folder = NSTemporaryDirectory() + "parley-counting-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = """
            set -euo pipefail
            source deploy/local/lib.sh
            source deploy/local/counting.sh
            TEST_LOGS=\(folder)
            \(commands)
            """
        let result = try await run("/bin/bash", ["-c", script])
        return (result.status, result.output.split(separator: "\n").map(String.init))
    }

    private static func summary(_ tests: Int, _ word: String) -> String {
        "printf '✔ Test run with \(tests) tests in 2 suites \(word) after 1.0 seconds.\\n'"
    }

    private static let failure = "printf '✘ Test \"a\" failed after 0.1 seconds with 1 issue.\\n'"

    @Test func passedRunsAddUp() async throws {
        let result = try await count(
            """
            one() { \(Self.summary(3, "passed")); }
            two() { \(Self.summary(40, "passed")); }
            begin_tests beside two
            run_tests first one
            end_tests
            closing_line
            """
        )
        #expect(result.status == 0)
        #expect(result.lines.last == "43 passed, 0 failed")
    }

    @Test(arguments: ["run_tests it bad", "begin_tests it bad; end_tests"])
    func aFailedTestFailsTheRun(_ command: String) async throws {
        let result = try await count(
            "bad() { \(Self.failure); \(Self.summary(3, "failed")); return 1; }; \(command); closing_line"
        )
        #expect(result.status == 1)
        #expect(result.lines.last == "2 passed, 1 failed")
    }

    @Test(arguments: ["run_tests it bad", "begin_tests it bad; end_tests"])
    func whatEndsWithoutASummaryOrWithAnErrorCountsAsAFailure(_ command: String) async throws {
        let crash = try await count(
            "bad() { printf '✔ Test \"a\" passed after 1.0 seconds.\\n'; return 9; }; \(command); closing_line"
        )
        #expect(crash.status == 1)
        #expect(crash.lines.last == "1 passed, 1 failed")
        let late = try await count("bad() { \(Self.summary(3, "passed")); return 9; }; \(command); closing_line")
        #expect(late.status == 1)
        #expect(late.lines.last == "3 passed, 1 failed")
    }

    @Test func nothingIsNoSuccess() async throws {
        #expect(try await count("closing_line").status == 1)
    }

    @Test func aRunBesideEndsWithItsScript() async throws {
        let result = try await count(
            """
            begin_tests it bash -c 'printf "begun\\n"; exec sleep 600'
            until grep -qs begun "$TEST_LOGS/it.log"; do :; done
            printf '%s\n' "$BESIDE_PID"
            exit 3
            """
        )
        #expect(result.status == 3)
        let process = try #require(result.lines.last.flatMap { Int32($0) })
        try await eventually("its end") { kill(process, 0) != 0 }
    }

    /// A report as `llvm-cov export` writes it.
    private func coverage(
        _ files: [(path: String, covered: Int, count: Int)]
    ) async throws -> (status: Int32, output: String, errors: String) {
        let path = NSTemporaryDirectory() + "parley-coverage-" + UUID().uuidString + ".json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let entries = files.map { file in
            #"{"filename":"/root/\#(file.path)","summary":"#
                + #"{"lines":{"covered":\#(file.covered),"count":\#(file.count)}}}"#
        }
        try #"{"data":[{"files":[\#(entries.joined(separator: ","))]}]}"#
            .write(toFile: path, atomically: true, encoding: .utf8)
        return try await run("/usr/bin/python3", ["deploy/local/coverage-report.py", path, "/root", "80"])
    }

    @Test func coverageHasALimit() async throws {
        let enough = try await coverage([("Shared/JSON/A.swift", 700, 900), ("Services/Gateway/B.swift", 100, 100)])
        #expect(enough.status == 0)
        #expect(enough.output.contains("Shared and Services                 800 of   1000 lines   80.0 %"))
        let less = try await coverage([("Shared/JSON/A.swift", 699, 900), ("Services/Gateway/B.swift", 100, 100)])
        #expect(less.status == 1)
        #expect(less.errors.contains("79.90 % of all lines is less than 80 %"))
    }

    @Test func coverageIsThatOfWhatIsShipped() async throws {
        let tools = try await coverage([
            ("Shared/JSON/A.swift", 8, 10), ("Shared/TestKit/B.swift", 0, 100), ("Tests/Unit/C.swift", 0, 100),
        ])
        #expect(tools.status == 0)
        #expect(try await coverage([("Tests/Unit/C.swift", 100, 100)]).status == 1)
    }
}
