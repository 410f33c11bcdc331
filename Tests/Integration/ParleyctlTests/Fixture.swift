import EventBus
import Foundation
import Observability
import TestKit
import Testing

/// The built command line, with settings of a test's own and none of the environment's.
struct OperatorTerminal: Sendable {
    /// What it finds in the environment, besides what any program needs.
    var settings: [String: String] = [:]

    /// Runs a command to its end.
    func run(_ arguments: String..., timeout: Duration = .seconds(60)) async throws -> ChildProcess.CommandResult {
        try await ChildProcess.run(try BuiltProducts.path("parleyctl"), arguments, configuration, timeout: timeout)
    }

    /// Runs a command whose standard input is a text.
    func run(
        _ arguments: String...,
        input: String,
        timeout: Duration = .seconds(60)
    ) async throws -> ChildProcess.CommandResult {
        let path = TemporaryFolder.shared.uniquePath("input", suffix: ".txt")
        try Data(input.utf8).write(to: URL(filePath: path))
        let script = "exec \"$@\" <'\(path)'"
        let words = ["-c", script, "sh", try BuiltProducts.path("parleyctl")] + arguments
        return try await ChildProcess.run(try Programs.find("sh"), words, configuration, timeout: timeout)
    }

    /// Starts a command that goes on.
    func start(_ arguments: String...) throws -> (process: ChildProcess, outputPath: String) {
        var configuration = configuration
        let path = TemporaryFolder.shared.uniquePath("parleyctl", suffix: ".out")
        configuration.standardOutputPath = path
        return (try ChildProcess.launch(try BuiltProducts.path("parleyctl"), arguments, configuration), path)
    }

    private var configuration: ChildProcess.Configuration {
        var configuration = ChildProcess.Configuration()
        let inherited = ChildProcess.inheritedEnvironment().filter { !$0.key.hasPrefix("PARLEY_") }
        configuration.environment = inherited.merging(settings) { _, own in own }
        configuration.workingDirectory = PackageRoot.path
        return configuration
    }
}

extension ChildProcess.CommandResult {
    /// The lines of standard output.
    var lines: [String] { standardOutput.split(separator: "\n").map(String.init) }

    /// The columns of each line of a table, without its head.
    var rows: [[String]] {
        lines.dropFirst().map { $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init) }
    }

    /// Expects that the command failed and said why in one line that begins as all do.
    func expectFailure(
        _ code: Int32 = 1,
        _ parts: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(exit == .exited(code), "\(standardError)", sourceLocation: sourceLocation)
        let complaints = standardError.split(separator: "\n").filter { $0.hasPrefix("parleyctl: ") }
        #expect(complaints.count == 1, "\(standardError)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(standardError.contains(part), "\(standardError)", sourceLocation: sourceLocation)
        }
    }
}

/// What a command has written so far.
func output(at path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
}

/// Topics on a broker, a producer for them, and the command line that reads them.
struct BusTerminal: Sendable {
    let configuration: BusConfiguration
    let producer: BusProducer
    let terminal: OperatorTerminal

    init(_ broker: BrokerServer) throws {
        configuration = BusConfiguration(bootstrapServers: broker.bootstrapServers)
        producer = try BusProducer(configuration: configuration, logger: .disabled)
        terminal = OperatorTerminal(settings: ["PARLEY_KAFKA_BROKERS": broker.bootstrapServers])
    }

    /// Makes a topic.
    func makeTopic(_ name: String, partitions: Int = 1) async throws {
        let admin = try TopicAdmin(configuration: configuration, logger: .disabled)
        try await admin.ensureTopics([TopicSpec(name: name, partitions: partitions)])
    }

    /// Publishes texts under a session's key.
    func publish(_ topic: String, _ session: String?, _ texts: String..., headers: [BusHeader] = []) async throws {
        try await producer.publish(
            texts.map { OutgoingRecord(topic: topic, key: session, value: Array($0.utf8), headers: headers) }
        )
    }
}
