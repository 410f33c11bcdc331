import Foundation
import Observability
import Policy
import Synchronization
import TestKit
import Testing

/// Policies of a folder that change while the engine is in use.
@Suite(.timeLimit(.minutes(2))) struct PolicyFolderWatchTests {
    private let folder: String
    private let sink = MemorySink()
    private let changes = Counting()

    private final class Counting: Sendable {
        let count = Atomic(0)
    }

    init() throws {
        folder = try TemporaryFolder.shared.makeFolder("policies")
        try write("\"first\"")
    }

    private func write(_ reason: String) throws {
        let text = "package parley.authz\ndecision := {\"allow\": true, \"reason\": \(reason)}"
        try text.write(toFile: folder + "/a.rego", atomically: true, encoding: .utf8)
    }

    private func start() throws -> (EmbeddedOPA, PolicyFolderWatch) {
        let logger = Logger(service: "test", sink: sink)
        let stamp = try PolicyBundle.Stamp(folder: folder)
        let engine = try EmbeddedOPA(
            .init(libraryPath: try BuiltProducts.opaLibrary()),
            bundle: try PolicyBundle(folder: folder),
            logger: logger
        )
        let changes = changes
        let watch = PolicyFolderWatch(folder, since: stamp, engine: engine, logger: logger) {
            changes.count.add(1, ordering: .relaxed)
        }
        return (engine, watch)
    }

    private func reason(_ engine: EmbeddedOPA) async throws -> String {
        try await engine.decide(PolicyInput(tenant: "t", personaID: nil, action: .turnRun)).reason
    }

    /// Twice: what is being changed at the first look is left alone.
    private func look(_ watch: PolicyFolderWatch) async {
        await watch.look()
        await watch.look()
    }

    private var complaints: Int { sink.lines.count { $0.contains("changed policies cannot be used") } }

    @Test func aChangeIsTakenOnOnce() async throws {
        let (engine, watch) = try start()
        await look(watch)
        #expect(changes.count.load(ordering: .relaxed) == 0)
        try write("\"second\"")
        await look(watch)
        #expect(try await reason(engine) == "second")
        await look(watch)
        #expect(changes.count.load(ordering: .relaxed) == 1)
        #expect(watch.problem == nil)
    }

    @Test func whatCannotBeUsedLeavesTheOldInForceAndIsSaidOnce() async throws {
        let (engine, watch) = try start()
        try write("nonsense")
        for _ in 0..<3 { await look(watch) }
        #expect(try await reason(engine) == "first")
        #expect(watch.problem?.contains("a.rego") == true)
        #expect(complaints == 1)
        #expect(changes.count.load(ordering: .relaxed) == 0)
        try write("\"third\"")
        await look(watch)
        #expect(try await reason(engine) == "third")
        #expect(watch.problem == nil)
    }

    @Test func aFolderThatIsAwayForAWhileChangesNothing() async throws {
        let (engine, watch) = try start()
        try FileManager.default.moveItem(atPath: folder, toPath: folder + ".away")
        for _ in 0..<3 { await look(watch) }
        #expect(try await reason(engine) == "first")
        #expect(watch.problem?.contains("unreadable") == true)
        #expect(complaints == 1)
        try FileManager.default.moveItem(atPath: folder + ".away", toPath: folder)
        await look(watch)
        #expect(watch.problem == nil)
        #expect(changes.count.load(ordering: .relaxed) == 0)
    }
}
