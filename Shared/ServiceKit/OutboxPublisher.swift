import Domain
package import EventBus
import Lifecycle
package import Observability
package import Resilience
package import Store
import Synchronization

extension OutgoingRecord {
    /// The record that carries `event`, with tenant, schema, trace and position in its headers.
    package init(_ event: OutboxEvent) {
        var headers = [
            BusHeader(RecordHeader.tenant, event.tenantID),
            BusHeader(RecordHeader.schema, event.topic.schema.rawValue),
        ]
        if let traceparent = event.traceparent { headers.append(BusHeader(RecordHeader.traceparent, traceparent)) }
        if let position = event.position { headers.append(BusHeader(RecordHeader.position, position.description)) }
        self.init(topic: event.topic.rawValue, key: event.sessionID, value: event.payload, headers: headers)
    }
}

/// Publishes events right after their commit, in the order of their commits, all that are ready at once.
///
/// Nothing rests on it: an event that it cannot publish has its row in the outbox, and the relay sends it later.
package final class OutboxPublisher: Service {
    private struct State {
        var waiting: [OutboxEvent] = []
        var isClosed = false
        /// Published and perhaps not processed yet, without their payload.
        var published: [OutboxEvent] = []
    }

    /// So many events at once are a crowd, whose batches are given time to fill.
    private static let crowd = 16
    /// The time from one batch of a crowd to the next: so much for each event of the last one, within these bounds.
    ///
    /// At fewer than 5,000 events a second it falls to the lower bound, above to the upper one, where the broker spends
    /// half as much on an event.
    private static let crowdPacePerEvent = Duration.microseconds(200)
    private static let crowdPaceMin = Duration.milliseconds(8)
    private static let crowdPaceMax = Duration.milliseconds(32)

    /// How often it is told of what was published: most of it is processed by then, and needs no word.
    private static let tellInterval = Duration.seconds(1)

    /// The service's name.
    package let name = "outbox-publisher"
    private let producer: BusProducer
    private let outbox: OutboxStore
    private let breaker: CircuitBreaker
    private let logger: Logger
    private let waitingMax: Int
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let stopped = ShutdownSignal()

    /// Makes a publisher.
    /// - Parameters:
    ///   - producer: The producer.
    ///   - outbox: Where rows of acknowledged events are removed.
    ///   - breaker: While it is open nothing is sent: the relay does, when the broker is back.
    ///   - waitingMax: How many events may wait; what comes beyond is left to the relay.
    ///   - logger: For what could not be published.
    package init(
        producer: BusProducer,
        outbox: OutboxStore,
        breaker: CircuitBreaker,
        waitingMax: Int = 10_000,
        logger: Logger
    ) {
        self.producer = producer
        self.outbox = outbox
        self.breaker = breaker
        self.logger = logger
        self.waitingMax = waitingMax
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Hands events over; returns at once.
    ///
    /// They must be committed.
    package func enqueue(_ events: [OutboxEvent]) {
        if events.isEmpty { return }
        let left = state.withLock { state in
            let room = max(0, waitingMax - state.waiting.count)
            state.waiting += events.prefix(room)
            return events.count - min(room, events.count)
        }
        if left > 0 { logger.warning("events left to the relay: too many wait", [.count: .integer(left)]) }
        wake.yield()
    }

    /// Whether publishing has no use now: the broker does not answer.
    package var isRefusing: Bool { breaker.isRefusing }

    /// Publishes until it is shut down, then what still waits.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            if outbox.tellsPublished { group.addTask { await self.tellPublished() } }
            var last = (count: 0, started: ContinuousClock.now)
            for await _ in wakes {
                // Many at once mean more in a moment, and the broker's work is by the batch, not by the record.
                if last.count >= Self.crowd {
                    let pace = min(max(Self.crowdPacePerEvent * last.count, Self.crowdPaceMin), Self.crowdPaceMax)
                    try? await Task.sleep(until: last.started + pace, clock: .continuous)
                }
                let (events, isClosed) = state.withLock { state in
                    let events = state.waiting
                    state.waiting = []
                    return (events, state.isClosed)
                }
                last = (events.count, .now)
                let delivered = events.isEmpty ? [] : await send(events)
                // Beside the next batch: rows that are done with must not hold up events that are waited for.
                group.addTask { await self.removeAcknowledged(delivered) }
                if isClosed { break }
            }
            stopped.raise()
        }
    }

    /// Tells the outbox what was published, so that relays leave it alone for as long as its consumers may take.
    private func tellPublished() async {
        while await !stopped.wait(atMost: Self.tellInterval) {
            let events = state.withLock { state in
                defer { state.published = [] }
                return state.published
            }
            do {
                try await outbox.published(events)
            } catch {
                logger.debug(
                    "published events are published again",
                    [.count: .integer(events.count), .error: .error(error)]
                )
            }
        }
    }

    private func note(published events: [OutboxEvent]) {
        if !outbox.tellsPublished { return }
        state.withLock { state in
            let room = max(0, waitingMax - state.published.count)
            for var event in events.prefix(room) where event.lifetime == .processed {
                event.payload = []
                state.published.append(event)
            }
        }
    }

    /// Ends the run after what waits has been published.
    package func shutdown() async {
        state.withLock { $0.isClosed = true }
        wake.yield()
    }

    /// Publishes events and removes the rows of those that wait for no more than the broker's acknowledgement.
    package func publish(_ events: [OutboxEvent]) async {
        await removeAcknowledged(await send(events))
    }

    /// Sends events.
    /// - Returns: Those that the broker has acknowledged.
    private func send(_ events: [OutboxEvent]) async -> [OutboxEvent] {
        do {
            try await breaker.run { try await producer.publish(events.map(OutgoingRecord.init)) }
            note(published: events)
            return events
        } catch is CircuitBreakerError {
            logger.debug("events left to the relay: the broker is away", [.count: .integer(events.count)])
            return []
        } catch {
            logger.warning(
                "publishing failed: the relay will try again",
                [.count: .integer(events.count), .error: .error(error)]
            )
            guard let failures = (error as? BusError)?.failures, !failures.isEmpty else { return [] }
            // One that fails again and again must not bring the others back with it.
            let failed = Set(failures.map(\.index))
            let delivered = events.indices.filter { !failed.contains($0) }.map { events[$0] }
            note(published: delivered)
            return delivered
        }
    }

    private func removeAcknowledged(_ events: [OutboxEvent]) async {
        await withDiscardingTaskGroup { group in
            for event in events where event.lifetime == .acked {
                group.addTask { await self.remove(event) }
            }
        }
    }

    private func remove(_ event: OutboxEvent) async {
        do {
            try await outbox.remove(tenantID: event.tenantID, topic: event.topic, eventID: event.eventID)
        } catch {
            logger.warning(
                "an outbox row could not be removed",
                [.eventID: .string(event.eventID), .error: .error(error)]
            )
        }
    }
}
