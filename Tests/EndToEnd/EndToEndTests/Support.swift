import Domain
import EventBus
import Foundation
import JSON
import Observability
import Synchronization
import TestKit
import Testing

extension Trait where Self == IssueHandlingTrait {
    /// Adds the last lines of every service's log to what is reported of a failed test.
    static var serviceLogs: IssueHandlingTrait {
        .compactMapIssues { issue in
            var issue = issue
            issue.comments.append(Comment(rawValue: "the services' logs end:\n" + Platform.recentLogs()))
            return issue
        }
    }
}

/// A name that no other test of this process uses.
func unique(_ prefix: String) -> String {
    "\(prefix)-\(Names.counter.wrappingAdd(1, ordering: .relaxed).newValue)"
}

private enum Names {
    static let counter = Atomic(0)
}

/// What was published on the topics of a platform.
final class TopicTap: Sendable {
    private let storage = Mutex<[BusRecord]>([])

    fileprivate init() {}

    fileprivate func append(_ records: [BusRecord]) {
        storage.withLock { $0 += records }
    }

    /// The records of a topic with this key, or with any.
    func records(_ topic: String, key: String? = nil) -> [BusRecord] {
        storage.withLock { $0.filter { $0.topic == topic && (key == nil || $0.key == key) } }
    }

    /// The first record of a topic that fits, as soon as it is there.
    func record(
        _ topic: String,
        timeout: Duration = .seconds(45),
        where fits: (JSONValue) -> Bool
    ) async throws -> BusRecord {
        try await eventuallyValue("a record on \(topic)", timeout: timeout) {
            self.records(topic).first { fits($0.json) }
        }
    }
}

extension BusRecord {
    /// The body as JSON; null when it is none.
    var json: JSONValue { (try? JSONValue.parse(value)) ?? .null }
}

extension Platform {
    private var busConfiguration: BusConfiguration {
        BusConfiguration(bootstrapServers: broker.bootstrapServers, profile: .local)
    }

    /// Reads topics from their beginning while `body` runs.
    func tapping<T>(_ topics: [String], _ body: (TopicTap) async throws -> T) async throws -> T {
        let tap = TopicTap()
        let reader = try BusReader(
            configuration: busConfiguration,
            topics: topics,
            start: .beginning,
            logger: .disabled
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await reader.run { records in tap.append(records) }
            }
            defer { reader.shutdown() }
            return try await body(tap)
        }
    }

    /// Runs `body` while another connection holds a table, so that whoever touches it waits, or with another mode than
    /// `ACCESS EXCLUSIVE` whoever writes to it.
    func locking<T>(
        _ table: String,
        mode: String = "ACCESS EXCLUSIVE",
        _ body: () async throws -> T
    ) async throws -> T {
        let lock = "BEGIN; LOCK TABLE \(table) IN \(mode) MODE"
        let name = mode.capitalized.filter { $0 != " " } + "Lock"
        async let holder = try? sql("\(lock); SELECT pg_sleep(120)")
        try await eventually("the lock on \(table)", timeout: .seconds(60)) {
            try await sql(
                """
                SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation JOIN pg_database d ON d.oid = database
                WHERE datname = current_database() AND c.relname = '\(table)' AND granted AND mode = '\(name)'
                """
            ) == "1"
        }
        let result: Result<T, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        // Where the body has ended the server, the holder has ended with it.
        _ = try? await sql(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '\(lock)%'
            """
        )
        _ = await holder
        return try result.get()
    }

    /// How many statements of the services wait for a lock, of those that are like `pattern`.
    func waitingForLocks(_ pattern: String) async throws -> Int {
        Int(
            try await sql(
                """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'parley_service'
                AND wait_event_type = 'Lock' AND query LIKE '\(pattern)'
                """
            )
        ) ?? 0
    }

    /// Puts records on a topic by hand, with no headers unless they are given, as an operator would.
    func publish(_ topic: String, key: String?, _ texts: [String], headers: [BusHeader] = []) async throws {
        let producer = try BusProducer(configuration: busConfiguration, logger: .disabled)
        do {
            try await producer.publish(
                texts.map { OutgoingRecord(topic: topic, key: key, value: Array($0.utf8), headers: headers) }
            )
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }
}

/// Something that a test waits for, or lets a model wait for.
final class Gate: Sendable {
    private let opened = Atomic(false)

    func open() {
        opened.store(true, ordering: .releasing)
    }

    func wait() async {
        while !opened.load(ordering: .acquiring), !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension [StreamedEvent] {
    /// The types of the events, without repetitions next to each other.
    var shape: [String] {
        reduce(into: []) { shape, event in
            if shape.last != event.type { shape.append(event.type) }
        }
    }

    /// The text of all deltas together.
    var text: String {
        filter { $0.type == "delta" }.compactMap { $0.json["text"]?.stringValue }.joined()
    }

    /// Whether every event stands behind the one before it.
    var isInOrder: Bool {
        zip(self, dropFirst()).allSatisfy { $0.position.lexicographicallyPrecedes($1.position) }
    }
}
