import TestKit
import Testing

@testable import parleyctl

@Suite(.timeLimit(.minutes(1))) struct HelpTests {
    private let terminal = OperatorTerminal()

    @Test func helpNamesEveryCommand() async throws {
        for arguments in [["--help"], ["-h"], ["help"]] {
            let result = try await ChildProcess.run(try BuiltProducts.path("parleyctl"), arguments)
            #expect(result.exit == .exited(0))
            for command in CommandTable.commands {
                for form in command.usage.split(separator: "\n") { #expect(result.standardOutput.contains(form)) }
            }
            #expect(result.standardOutput.contains("PARLEY_API_KEY"))
        }
    }

    @Test func everyCommandHasHelp() async throws {
        for command in CommandTable.commands {
            let result = try await terminal.run(command.name, "--help")
            #expect(result.exit == .exited(0))
            #expect(result.standardOutput == command.help + "\n")
            #expect(result.lines.allSatisfy { $0.count <= 120 })
            #expect(try await terminal.run("help", command.name).standardOutput == result.standardOutput)
        }
    }

    @Test func theVersionIsSaid() async throws {
        let result = try await terminal.run("--version")
        #expect(result.lines.count == 1)
        #expect(result.lines[0].hasPrefix("parleyctl "))
    }

    @Test func callsWithoutSenseAreRefused() async throws {
        try await terminal.run().expectFailure(64, "--help")
        try await terminal.run("frobnicate").expectFailure(64, #""frobnicate""#)
        try await terminal.run("--frobnicate").expectFailure(64)
        for command in CommandTable.commands {
            try await terminal.run(command.name, "--frobnicate").expectFailure(64, "parleyctl \(command.name) --help")
        }
        try await terminal.run("--check-config", "more").expectFailure(64)
    }

    @Test func settingsAreShownWithoutSecrets() async throws {
        var terminal = terminal
        terminal.settings = [
            "PARLEY_API_KEY": "pk_hunter2", "PARLEY_DATABASE_URL": "postgres://u:hunter2@h/d",
            "PARLEY_MIGRATION_DATABASE_URL": "postgres://o:hunter2@h/d", "PARLEY_KAFKA_SASL_PASSWORD": "hunter2",
            "PARLEY_KAFKA_BROKERS": "one:9092", "PARLEY_REDIS_URL": "redis://:hunter2@h:1/0",
            "PARLEY_KAFKA_BROKER": "typo",
        ]
        let result = try await terminal.run("--check-config")
        #expect(result.exit == .exited(0))
        #expect(!result.standardOutput.contains("hunter2"))
        #expect(result.standardOutput.contains("one:9092"))
        #expect(result.lines.filter { $0.hasSuffix(" ***") }.count == 4)
        #expect(result.lines.filter { $0.hasPrefix("warning: ") }.count == 1)
        terminal.settings["PARLEY_TOPIC_PARTITIONS"] = "0"
        let wrong = try await terminal.run("--check-config")
        #expect(wrong.exit == .exited(1))
        #expect(wrong.standardError.contains("PARLEY_TOPIC_PARTITIONS"))
        #expect(!wrong.standardError.contains("hunter2"))
    }
}
