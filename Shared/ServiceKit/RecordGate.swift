package import Domain
package import EventBus
package import JSON
package import Observability
import Postgres
package import Resilience
package import Store

/// A record that passed its topic's schema.
package struct IncomingEvent: Sendable {
    /// The event.
    package let json: JSONValue
    /// Its tenant: from the header, else from the event, else the default one.
    package let tenantID: String
    /// The trace that it belongs to.
    package let traceparent: String?
}

/// Thrown by a handler for an event that passed its schema and still makes no sense.
package struct RecordRefusal: Error {
    /// What programs go by.
    package let reason: DeadLetterReason
    /// Why, without any of the record's text.
    package let detail: String

    /// Makes a refusal.
    package init(_ reason: DeadLetterReason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

/// The check that every consumed record passes first.
///
/// One that does not goes to its dead-letter topic and table with the reason, and stops nothing.
package struct RecordGate: Sendable {
    /// What it works with.
    package struct Parts: Sendable {
        /// Sends dead letters to their topics.
        package var producer: BusProducer
        /// Keeps dead letters.
        package var deadLetters: DeadLetterStore
        /// Where the rows of dead letters are taken out of.
        package var outbox: OutboxStore
        /// Whose records there are.
        package var tenants: KnownTenants
        /// Nothing passes while it is open.
        package var databaseBreaker: CircuitBreaker
        /// For what is worth a line.
        package var logger: Logger
    }

    private let parts: Parts
    private let attemptsMax: Int
    private let failures = RecordFailures()
    private let deadLetterCount: MetricFamily<Counter>

    /// How often it is looked whether the database is back.
    private static let pause = Duration.milliseconds(100)

    /// Makes a gate.
    /// - Parameters:
    ///   - parts: What it works with.
    ///   - metrics: Where dead letters are counted.
    ///   - attemptsMax: How often the handler of a record may fail for a reason that lies in the record.
    package init(_ parts: Parts, metrics: MetricsRegistry, attemptsMax: Int) {
        self.parts = parts
        self.attemptsMax = attemptsMax
        deadLetterCount = metrics.counter(
            "parley_dead_letters_total",
            "Records that became dead letters here, by topic and reason.",
            labels: ["topic", "reason"]
        )
    }

    private var logger: Logger { parts.logger }

    /// Checks a record and hands it to `body`.
    ///
    /// A record that does not pass, one that `body` can do nothing with, and one whose handler has failed as often as
    /// it may become dead letters. A failure of what the handler depends on, such as the database, is thrown and does
    /// not count, so that the record comes again.
    ///
    /// - Parameters:
    ///   - record: The record.
    ///   - topic: Its topic.
    ///   - body: Handles the event.
    /// - Throws: What may pass.
    package func handle(
        _ record: BusRecord,
        topic: Topic,
        _ body: (IncomingEvent) async throws -> Void
    ) async throws {
        // The record stays where it is, uncommitted; as others wait too, the bus soon pauses the partitions.
        while parts.databaseBreaker.isRefusing {
            try await Task.sleep(for: Self.pause)
        }
        do {
            try await body(try await open(record, topic: topic))
            failures.forget(record)
        } catch {
            switch RecordFault(error) {
            case .dependency:
                throw error
            case .hopeless(let reason, let detail):
                let attempts = failures.forget(record) + 1
                try await refuse(record, topic: topic, reason: reason, detail: detail, attempts: attempts)
            case .unknown(let detail):
                let attempts = failures.count(record)
                guard attempts >= attemptsMax else { throw error }
                try await refuse(record, topic: topic, reason: .failed, detail: detail, attempts: attempts)
            }
        }
    }

    /// Reads a record of `topic`.
    /// - Throws: ``RecordRefusal`` when it is none; `PostgresError`.
    private func open(_ record: BusRecord, topic: Topic) async throws -> IncomingEvent {
        guard record.value.count <= EventLimits.bytesMax else {
            throw RecordRefusal(
                .oversized,
                "the record has \(record.value.count) bytes; an event has at most \(EventLimits.bytesMax)"
            )
        }
        if let schema = record.header(RecordHeader.schema), schema != topic.schema.rawValue {
            throw RecordRefusal(.unknownSchema, "the topic's events are of the schema \(topic.schema.rawValue)")
        }
        let json: JSONValue
        do {
            json = try topic.schema.parse(record.value)
        } catch {
            throw RecordRefusal(error.code == .malformed ? .malformed : .invalid, error.reason)
        }
        let tenant = record.header(RecordHeader.tenant) ?? json["tenant_id"]?.stringValue ?? Identifier.defaultTenant
        guard Identifier.isValid(tenant) else {
            throw RecordRefusal(.invalid, "the tenant that the record names is no valid id")
        }
        guard try await parts.tenants.contains(tenant) else {
            throw RecordRefusal(.unknownTenant, "the record names a tenant that does not exist")
        }
        return IncomingEvent(json: json, tenantID: tenant, traceparent: record.header(RecordHeader.traceparent))
    }

    /// Makes a dead letter of a record.
    /// - Throws: When it could not be stored; the record must then be tried again.
    private func refuse(
        _ record: BusRecord,
        topic: Topic,
        reason: DeadLetterReason,
        detail: String,
        attempts: Int
    ) async throws {
        let letter = NewDeadLetter(
            tenantID: try await tenant(of: record),
            topic: topic.rawValue,
            partition: record.partition,
            offset: record.offset,
            key: record.key?.replacing("\0", with: "\u{FFFD}"),
            headers: record.headers.map { DeadLetterHeader(name: $0.name, value: $0.value) },
            payload: record.value,
            reason: reason,
            detail: detail,
            attempts: attempts
        )
        do {
            try await parts.deadLetters.insert(letter)
        } catch let error as PostgresError where RecordFault(error) != .dependency {
            // The topic of dead letters still gets it; a partition must not stop for a row.
            logger.error("a dead letter could not be stored", [.error: .error(error)])
        }
        await publish(record, letter)
        await forget(record, topic: topic)
        failures.forget(record)
        deadLetterCount.labels(topic.rawValue, reason.rawValue).increment()
        logger.warning(
            "a record became a dead letter",
            [
                .topic: .string(topic.rawValue), .partition: .integer(record.partition),
                .offset: .integer(record.offset), .tenantID: .string(letter.tenantID),
                .attempt: .integer(attempts), .reason: .string(letter.reasonText),
            ]
        )
    }

    /// Whose a record is: that of the header, else of the body, where there is such a tenant.
    ///
    /// A tenant that does not exist may not be invented: the default tenant's operator sees what is nobody's.
    private func tenant(of record: BusRecord) async throws -> String {
        if let tenant = record.header(RecordHeader.tenant) {
            return try await parts.tenants.contains(tenant) ? tenant : Identifier.defaultTenant
        }
        guard record.value.count <= EventLimits.bytesMax,
            let tenant = (try? JSONValue.parse(record.value))?["tenant_id"]?.stringValue,
            try await parts.tenants.contains(tenant)
        else { return Identifier.defaultTenant }
        return tenant
    }

    /// Sends a dead letter to its topic; the table has it already, so a failure is only noted.
    private func publish(_ record: BusRecord, _ letter: NewDeadLetter) async {
        var headers = record.headers
        headers.append(BusHeader("reason", letter.reasonText))
        headers.append(BusHeader("attempts", String(letter.attempts)))
        headers.append(BusHeader("origin", "\(letter.topic)/\(record.partition)/\(record.offset)"))
        let topic = letter.topic + Topic.deadLetterSuffix
        do {
            try await parts.producer.publish([
                OutgoingRecord(topic: topic, key: record.key, value: record.value, headers: headers)
            ])
        } catch {
            logger.warning("a dead letter is in the table only", [.topic: .string(topic), .error: .error(error)])
        }
    }

    /// Removes the outbox row of a dead letter, if it has one, or the relay would send it again and again.
    private func forget(_ record: BusRecord, topic: Topic) async {
        guard let eventID = (try? JSONValue.parse(record.value))?["event_id"]?.stringValue else { return }
        let tenant = record.header(RecordHeader.tenant) ?? Identifier.defaultTenant
        guard Identifier.isValid(tenant), Identifier.isValid(eventID) else { return }
        do {
            try await parts.outbox.remove(tenantID: tenant, topic: topic, eventID: eventID)
        } catch {
            logger.warning("an outbox row could not be removed", [.eventID: .string(eventID), .error: .error(error)])
        }
    }
}
