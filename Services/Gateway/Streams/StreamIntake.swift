import Domain
import EventBus
import JSON
import Lifecycle
import Observability
import ServiceKit

/// Reads `conversation.outbound` and `conversation.deltas` whole and hands every event to the hub.
struct StreamIntake: Service {
    let name = "streams"
    let reader: BusReader
    let hub: StreamHub
    let logger: Logger
    private let shutdownSignal = ShutdownSignal()

    /// Makes an intake.
    init(reader: BusReader, hub: StreamHub, logger: Logger) {
        self.reader = reader
        self.hub = hub
        self.logger = logger
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.reader.run { records in
                    for record in records {
                        self.take(record)
                    }
                }
            }
            group.addTask {
                while await !self.shutdownSignal.wait(atMost: .milliseconds(50)) {
                    self.hub.expire()
                }
            }
            group.addTask {
                var resets: UInt64 = 0
                while await !self.shutdownSignal.wait(atMost: .seconds(1)) {
                    if self.reader.metrics.resets > resets {
                        resets = self.reader.metrics.resets
                        self.hub.distrust()
                    }
                    self.hub.lookIntoSilence()
                }
            }
            try await group.waitForAll()
        }
    }

    func shutdown() async {
        reader.shutdown()
        shutdownSignal.raise()
    }

    private func take(_ record: BusRecord) {
        guard let topic = Topic(rawValue: record.topic) else { return }
        do {
            let json = try topic.schema.parse(record.value)
            let tenant =
                record.header(RecordHeader.tenant) ?? json["tenant_id"]?.stringValue ?? Identifier.defaultTenant
            // A record without a position was put there by hand: it belongs to no turn's stream.
            guard let position = record.header(RecordHeader.position).flatMap({ text in StreamPosition(text) }) else {
                return
            }
            guard let event = try event(json, record, topic: topic, at: position) else { return }
            hub.receive(event, for: SessionKey(tenantID: tenant, sessionID: event.sessionID))
        } catch {
            // Not this part's to keep: nobody waits for it here, and the worker that made it checks what it makes.
            logger.warning(
                "a record of a stream is not valid",
                [.topic: .string(record.topic), .offset: .integer(record.offset), .error: .error(error)]
            )
        }
    }

    private func event(
        _ json: JSONValue,
        _ record: BusRecord,
        topic: Topic,
        at position: StreamPosition
    ) throws -> StreamEvent? {
        if topic == .outbound { return StreamEvent(try ConversationEvent(json: json), at: position) }
        let delta = try ConversationDelta(json: json)
        if position.opensAttempt {
            return .opening(
                position: position,
                sessionID: delta.sessionID,
                turnID: delta.turnID,
                priorTurn: record.header(RecordHeader.priorTurn).flatMap { text in Int64(text) }
            )
        }
        return .delta(delta, at: position)
    }
}

/// The clients that follow streams, as far as a shutdown is concerned: their streams end, and they resume elsewhere.
struct StreamFollowers: Service {
    let name = "stream-followers"
    private let hub: StreamHub
    private let stopped = ReadinessGate()

    init(hub: StreamHub) {
        self.hub = hub
    }

    func run() async throws {
        try? await stopped.wait()
        hub.close()
    }

    func shutdown() async {
        stopped.open()
    }
}
