import Foundation
import Glibc
import Memory
import TestKit
import Testing

/// `parleyctl memory` against a real database, as the role that row-level security binds.
@Suite(.timeLimit(.minutes(3))) struct MemoryCommandTests {
    private func withTerminal(_ body: (OperatorTerminal, PostgresEndpoint) async throws -> Void) async throws {
        try await withPostgres { endpoint in
            let owner = OperatorTerminal(settings: ["PARLEY_MIGRATION_DATABASE_URL": endpoint.connectionString])
            let migrated = try await owner.run("migrate")
            #expect(migrated.exit == .exited(0), "\(migrated.standardError)")
            _ = try? await endpoint.sql("ALTER ROLE parley_service LOGIN")
            let url = endpoint.user("parley_service").connectionString
            try await body(OperatorTerminal(settings: ["PARLEY_DATABASE_URL": url]), endpoint)
        }
    }

    /// A line with no more in it than it must have.
    private func line(_ events: [[String]], frequency: Int = 1, more: String = "") throws -> String {
        let text = String(decoding: try JSONEncoder().encode(events), as: UTF8.self)
        let name = PatternName(of: events).qualified
        return #"{"name":"\#(name)","events":\#(text),"frequency":\#(frequency)\#(more)}"#
    }

    /// What is stored of a node, without the numbers of changes.
    private let state = """
        SELECT json_agg(json_build_array(name, frequency, events, emotives, emotives_kept, metadata, affinity)
            ORDER BY name) FROM memory_patterns WHERE node_id =
        """

    private var head: String { "SELECT last_seq FROM memory_nodes WHERE node_id =" }

    private func sample() throws -> String {
        let vector = [0.1, -2, 3e-7]
        let emotives =
            #","emotives":{"joy":[0.1,null,3],"fear":[null,7]},"metadata":{"k":["b","a","a"]},"#
            + #""affinity":{"joy":-12.25},"emotives_kept":3"#
        return try [
            line([["a", "b"], ["c"]], frequency: 7, more: emotives), line([["é", "e\u{301}", "\"'\\\n"], ["😀"]]),
            line([[VectorSymbol.make(vector)], ["x"]], frequency: 2, more: #","emotives":{"joy":[1,2]}"#),
            #"{"kind":"vector","name":"\#(VectorSymbol.make(vector))","vector":[0.1,-2,3e-7]}"#,
        ].joined(separator: "\n\n")
    }

    @Test func whatIsExportedComesBackTheSame() async throws {
        try await withTerminal { terminal, endpoint in
            let imported = try await terminal.run("memory", "import", "one", input: try sample())
            #expect(imported.exit == .exited(0), "\(imported.standardError)")
            #expect(imported.standardError.contains("3 patterns and 1 vectors into node \"one\", 4 of them new"))
            let path = TemporaryFolder.shared.uniquePath("memory", suffix: ".jsonl")
            #expect(try await terminal.run("memory", "export", "one", "--file", path).exit == .exited(0))
            let exported = try await terminal.run("memory", "export", "one")
            #expect(exported.lines.count == 4)
            #expect(output(at: path) == exported.standardOutput)
            #expect(exported.standardOutput.contains(#""emotives":{"fear":[null,7.0,null],"joy":[0.1,null,3.0]}"#))
            #expect(exported.standardOutput.contains(#""metadata":{"k":["a","b"]},"affinity":{"joy":-12.25}"#))
            // Without affinity, each learning counts as one that brought the mean.
            #expect(exported.standardOutput.contains(#""affinity":{"joy":3.0},"emotives_kept":5"#))
            #expect(try await terminal.run("memory", "import", "two", "--file", path).exit == .exited(0))
            #expect(try await terminal.run("memory", "export", "two").standardOutput == exported.standardOutput)
            #expect(try await endpoint.sql("\(state) 'one'") == endpoint.sql("\(state) 'two'"))
            let stats = try await terminal.run("memory", "stats", "two").rows[0]
            #expect(stats.dropLast() == ["3", "10", "9", "1", "0"])
            #expect(try #require(Int(stats[5])) > 300)
        }
    }

    @Test func importingAgainLeavesTheSameAndAddingAdds() async throws {
        try await withTerminal { terminal, endpoint in
            _ = try await terminal.run("memory", "import", "n", input: try sample())
            let before = try await endpoint.sql("\(state) 'n'")
            let number = try #require(Int(try await endpoint.sql("\(head) 'n'")))
            let again = try await terminal.run("memory", "import", "n", input: try sample())
            #expect(again.standardError.contains(", 0 of them new or changed"))
            #expect(try await endpoint.sql("\(state) 'n'") == before)

            // A change moves the number by which gateways see what is new to them.
            let changed = try line([["a", "b"], ["c"]], frequency: 3)
            #expect(try await terminal.run("memory", "import", "n", input: changed).exit == .exited(0))
            let seq = "SELECT max(seq) FROM memory_patterns WHERE node_id = 'n' AND frequency = 3"
            #expect(try #require(Int(try await endpoint.sql(seq))) > number)
            #expect(try await endpoint.sql("\(seq)") == endpoint.sql("\(head) 'n'"))

            // The same pattern twice in one file: both count.
            let twice = try line([["a", "b"], ["c"]], frequency: 4, more: #","emotives":{"joy":[1]}"#)
            let added = try await terminal.run("memory", "import", "n", "--add", input: twice + "\n" + twice)
            #expect(added.exit == .exited(0), "\(added.standardError)")
            let frequency = "SELECT frequency, emotives FROM memory_patterns WHERE events::text LIKE '%\"c\"%'"
            #expect(try await endpoint.sql(frequency) == #"11|[{"joy": 1.0}, {"joy": 1.0}]"#)
            let most = try line([["a", "b"], ["c"]], frequency: Pattern.frequencyLimit)
            #expect(try await terminal.run("memory", "import", "n", "--add", input: most).exit == .exited(0))
            #expect(try await endpoint.sql(frequency).hasPrefix("\(Pattern.frequencyLimit)|"))
        }
    }

    @Test func wrongLinesAreRefusedWithTheirNumber() async throws {
        try await withTerminal { terminal, endpoint in
            let good = try line([["a"], ["b"]])
            let wrong = [
                "{": "line 2", "[]": "object", #"{"kind":"other"}"#: "kind",
                good.replacingOccurrences(of: "PTRN|", with: "PTRN|0"): "name: is not that of the events",
                good.replacingOccurrences(of: #"["b"]"#, with: #"["c"]"#): "name: is not that of the events",
                try line([["a"], []]): "none of them is empty", try line([["a"]], frequency: 0): "frequency of 0",
                try line([["a"]], frequency: Pattern.frequencyLimit + 1): "frequency",
                try line([["a"]], more: #","emotives":{"joy":["x"]}"#): "emotives",
                try line([["a"]], more: #","metadata":{"k":["\u0000"]}"#): "zero byte",
                try line([["a"]], more: #","emotives":{"joy":[1e100,-1.1e100]}"#): "emotives: must hold numbers from",
                try line([["a"]], more: #","affinity":{"joy":1.1e120}"#): "affinity: must hold numbers from",
                try line([["a"]], more: #","extra":1"#): "unknown member",
                #"{"kind":"vector","name":"VCTR|","vector":[1]}"#: "name: is not that of the vector",
            ]
            for (text, reason) in wrong {
                let input = [good, text, try line([["c"], ["d"]])].joined(separator: "\n")
                let result = try await terminal.run("memory", "import", "n", input: input)
                result.expectFailure(1, "line 2: ", reason, "the 1 lines before it are imported")
            }
            #expect(try await endpoint.sql("SELECT count(*) FROM memory_patterns") == "1")
            let all = ([good] + wrong.keys + [try line([["c"], ["d"]])]).joined(separator: "\n")
            let skipped = try await terminal.run("memory", "import", "n", "--skip-bad", input: all)
            #expect(skipped.exit == .exited(0), "\(skipped.standardError)")
            #expect(skipped.standardError.contains("; \(wrong.count) lines left out"))
            #expect(try await endpoint.sql("SELECT count(*) FROM memory_patterns") == "2")
        }
    }

    @Test func callsThatMakeNoSenseAreRefused() async throws {
        try await withTerminal { terminal, _ in
            try await terminal.run("memory", "export", "none").expectFailure(1, #"no node "none""#)
            try await terminal.run("memory", "stats", "none", "--tenant", "x").expectFailure(1, "no tenant x")
            try await terminal.run("memory", "import", "n", "--tenant", "x", input: "").expectFailure(1, "no tenant x")
            try await terminal.run("memory", "import", "n", "--file", "/none/file").expectFailure(1, "cannot be opened")
            try await terminal.run("memory", "forget", "n").expectFailure(64, #""forget""#)
            try await terminal.run("memory", "export").expectFailure(64, "NODE is missing")
            let longest = String(repeating: "n", count: 256)
            #expect(try await terminal.run("memory", "import", longest, input: "").exit == .exited(0))
            try await terminal.run("memory", "import", longest + "n", input: "").expectFailure(64, "1 to 256 bytes")
            try await terminal.run("memory", "export", "n", "--add").expectFailure(64, "--add")
        }
    }

    /// Vectors and patterns with all that they can have, a line for each.
    private func lines(_ count: Int) throws -> [String] {
        try (0..<count).map { number in
            if number % 10 == 0 {
                let vector = [Double(number), 0.5]
                return #"{"kind":"vector","name":"\#(VectorSymbol.make(vector))","vector":[\#(number),0.5]}"#
            }
            let more =
                #","emotives":{"joy":[\#(number),null,1]},"metadata":{"k":["v\#(number)"]},"#
                + #""affinity":{"joy":\#(number).5},"emotives_kept":4"#
            return try line([["a\(number)", "b"], ["c"]], frequency: 1 + number % 7, more: more)
        }
    }

    @Test func anImportThatWasKilledOrCutOffIsRunAgain() async throws {
        try await withTerminal { terminal, endpoint in
            let lines = try lines(1600)
            let text = lines.joined(separator: "\n") + "\n"
            #expect(try await terminal.run("memory", "import", "whole", input: text).exit == .exited(0))
            let vectors = "SELECT json_agg(json_build_array(name, elements) ORDER BY name) FROM memory_vectors"
            func held(_ node: String) async throws -> [String] {
                let rows = try await endpoint.sql("\(state) '\(node)'")
                return [rows, try await endpoint.sql("\(vectors) WHERE node_id = '\(node)'")]
            }
            func count(_ node: String) async throws -> String {
                try await endpoint.sql(
                    "SELECT (SELECT count(*) FROM memory_patterns WHERE node_id = '\(node)'),"
                        + " (SELECT count(*) FROM memory_vectors WHERE node_id = '\(node)')"
                )
            }
            let whole = try await held("whole")
            #expect(try await count("whole") == "1440|160")

            // Killed when it waits for more, with two batches in the database and a part of one in its hands.
            let pipe = try Pipeline()
            let (process, _) = try terminal.start("memory", "import", "killed", "--file", pipe.path)
            try pipe.write(lines[..<1100].joined(separator: "\n") + "\n")
            try await eventually("two batches", timeout: .seconds(60)) { try await count("killed") == "900|100" }
            #expect(try await process.kill9() == .signaled(SIGKILL))
            #expect(try await count("killed") == "900|100")
            let again = try await terminal.run("memory", "import", "killed", input: text)
            #expect(again.exit == .exited(0), "\(again.standardError)")
            #expect(again.standardError.contains("1440 patterns and 160 vectors"))
            #expect(again.standardError.contains(", 600 of them new or changed"))
            #expect(try await held("killed") == whole, "nothing is missing, and nothing is there twice")

            // A stream that breaks in the middle of a line.
            let cut = lines[..<734].joined(separator: "\n") + "\n" + lines[734].prefix(40)
            let broken = try await terminal.run("memory", "import", "cut", input: cut)
            broken.expectFailure(1, "line 735: ", "the 734 lines before it are imported")
            #expect(try await count("cut") == "660|74")
            #expect(try await terminal.run("memory", "import", "cut", input: text).exit == .exited(0))
            #expect(try await held("cut") == whole)
        }
    }

    /// A named pipe that holds what a test writes until somebody reads it.
    private final class Pipeline {
        let path = TemporaryFolder.shared.uniquePath("pipe", suffix: ".jsonl")
        private let descriptor: Int32

        init() throws {
            guard mkfifo(path, 0o600) == 0 else { throw POSIXError(.EIO) }
            descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)
            // F_SETPIPE_SZ, which the module of the C library does not have: as much as anybody may ask for.
            guard descriptor >= 0, fcntl(descriptor, 1031, 1 << 20) >= 1 << 20 else { throw POSIXError(.EIO) }
        }

        deinit { close(descriptor) }

        func write(_ text: String) throws {
            let bytes = Array(text.utf8)
            guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw POSIXError(.EIO) }
        }
    }

    @Test func manyPatternsTakeNoMoreMemoryThanFew() async throws {
        try await withTerminal { terminal, endpoint in
            let count = 20_000
            // A kilobyte of metadata each: 24 MB of text, which must pass through the memory that is allowed.
            let filling = String(repeating: "m", count: 1000)
            var text = ""
            for index in 0..<count {
                text += try line([["a\(index)"], ["b", "c"]], more: #","metadata":{"k":["\#(filling)"]}"#) + "\n"
            }
            let path = TemporaryFolder.shared.uniquePath("many", suffix: ".jsonl")
            try Data(text.utf8).write(to: URL(filePath: path))
            let peak = try await peakKilobytes(terminal, "memory import many --file '\(path)'")
            #expect(
                try await endpoint.sql("SELECT count(*), count(DISTINCT seq) FROM memory_patterns") == "20000|20000"
            )
            let back = TemporaryFolder.shared.uniquePath("back", suffix: ".jsonl")
            let peakOut = try await peakKilobytes(terminal, "memory export many --file '\(back)'")
            let few = TemporaryFolder.shared.uniquePath("few", suffix: ".jsonl")
            let lines = text.split(separator: "\n").prefix(2000).joined(separator: "\n")
            try Data(lines.utf8).write(to: URL(filePath: few))
            let peakOfFew = try await peakKilobytes(terminal, "memory import few --file '\(few)'")
            #expect(peak < peakOfFew + 12_000, "\(peak) kB for 20,000 patterns, \(peakOfFew) kB for 2,000")
            #expect(peakOut < peakOfFew + 12_000, "\(peakOut) kB")
            #expect(output(at: back).split(separator: "\n").count == count)
        }
    }

    /// The most memory that a run of the command line had, by the shell's own account of its children.
    private func peakKilobytes(_ terminal: OperatorTerminal, _ words: String) async throws -> Int {
        var configuration = ChildProcess.Configuration()
        let inherited = ChildProcess.inheritedEnvironment().filter { !$0.key.hasPrefix("PARLEY_") }
        configuration.environment = inherited.merging(terminal.settings) { _, own in own }
        let script = """
            import resource, subprocess, sys
            subprocess.run(sys.argv[1], shell=True, check=True)
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            """
        let command = "exec '\(try BuiltProducts.path("parleyctl"))' \(words)"
        let result = try await ChildProcess.run(
            try Programs.find("python3"),
            ["-c", script, command],
            configuration,
            timeout: .seconds(120)
        )
        #expect(result.exit == .exited(0), "\(result.standardError)")
        return try #require(result.lines.last.flatMap { Int($0) })
    }
}
