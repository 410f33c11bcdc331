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
    /// Why, without any of the record's text.
    package let reason: String

    /// Makes a refusal.
    package init(reason: String) {
        self.reason = reason
    }
}

/// The check that every consumed record passes first.
///
/// One that does not goes to its dead-letter topic and table with the reason, and stops nothing.
package struct RecordGate: Sendable {
    private let producer: BusProducer
    private let deadLetters: DeadLetterStore
    private let outbox: OutboxStore
    private let databaseBreaker: CircuitBreaker
    private let logger: Logger

    /// How often it is looked whether the database is back.
    private static let pause = Duration.milliseconds(100)

    /// Makes a gate; it lets nothing through while the database's breaker is open.
    package init(
        producer: BusProducer,
        deadLetters: DeadLetterStore,
        outbox: OutboxStore,
        databaseBreaker: CircuitBreaker,
        logger: Logger
    ) {
        self.producer = producer
        self.deadLetters = deadLetters
        self.outbox = outbox
        self.databaseBreaker = databaseBreaker
        self.logger = logger
    }

    /// Checks a record and hands it to `body`.
    ///
    /// A record that does not pass, and one that `body` can do nothing with, becomes a dead letter; a failure that may
    /// pass, such as that of the database, is thrown, so that the record comes again.
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
        while databaseBreaker.isRefusing {
            try await Task.sleep(for: Self.pause)
        }
        guard let event = try await open(record, topic: topic) else { return }
        do {
            try await body(event)
        } catch let refusal as RecordRefusal {
            try await refuse(record, topic: topic, reason: refusal.reason)
        } catch let error as PostgresError where Self.isAboutData(error) {
            // The database will say the same again: a NUL character, say.
            try await refuse(record, topic: topic, reason: "unprocessable: \(error.description)")
        } catch let error as StoreError where error.code == .corrupt {
            try await refuse(record, topic: topic, reason: "unprocessable: \(error.description)")
        } catch let error as JSONError {
            try await refuse(record, topic: topic, reason: "invalid: \(error.description)")
        }
    }

    /// Reads a record of `topic`; nil when it was refused and is a dead letter now.
    /// - Throws: When the dead letter could not be stored; the record must then be tried again.
    func open(_ record: BusRecord, topic: Topic) async throws -> IncomingEvent? {
        let json: JSONValue
        do {
            json = try topic.schema.parse(record.value)
        } catch {
            try await refuse(record, topic: topic, reason: "\(error.code.rawValue): \(error.reason)")
            return nil
        }
        let tenant = record.header(RecordHeader.tenant) ?? json["tenant_id"]?.stringValue ?? Identifier.defaultTenant
        guard Identifier.isValid(tenant) else {
            try await refuse(record, topic: topic, reason: "invalid: the tenant header is no valid id")
            return nil
        }
        return IncomingEvent(json: json, tenantID: tenant, traceparent: record.header(RecordHeader.traceparent))
    }

    /// Makes a dead letter of a record.
    /// - Parameters:
    ///   - record: The record.
    ///   - topic: Its topic.
    ///   - reason: Why, without any of the record's text.
    /// - Throws: When it could not be stored.
    func refuse(_ record: BusRecord, topic: Topic, reason: String) async throws {
        logger.warning(
            "a record became a dead letter",
            [
                .topic: .string(topic.rawValue), .partition: .integer(record.partition),
                .offset: .integer(record.offset), .reason: .string(reason),
            ]
        )
        // Whose it is cannot be told from a record that does not parse, and a tenant that does not exist may not be
        // invented: the default tenant's operator sees it.
        do {
            try await deadLetters.insert(
                tenantID: Identifier.defaultTenant,
                topic: topic.rawValue,
                partition: record.partition,
                offset: record.offset,
                key: record.key?.replacing("\0", with: "\u{FFFD}"),
                reason: reason,
                payload: record.value
            )
        } catch let error as PostgresError where Self.isAboutData(error) {
            // The topic of dead letters still gets it; a partition must not stop for a row.
            logger.error("a dead letter could not be stored", [.error: .error(error)])
        }
        await publish(record, topic: topic, reason: reason)
        await forget(record, topic: topic)
    }

    /// Whether an error is about what was to be written, and so will come again, rather than about the database's
    /// state.
    private static func isAboutData(_ error: PostgresError) -> Bool {
        if error.code == .invalidParameter { return true }
        // SQLSTATE classes: 22 data exception, 23 integrity constraint violation, 54 program limit exceeded.
        return ["22", "23", "54"].contains(error.sqlState.map { String($0.prefix(2)) } ?? "")
    }

    /// Sends a dead letter to its topic; the table has it already, so a failure is only noted.
    private func publish(_ record: BusRecord, topic: Topic, reason: String) async {
        var headers = record.headers
        headers.append(BusHeader("reason", reason))
        headers.append(BusHeader("origin", "\(topic.rawValue)/\(record.partition)/\(record.offset)"))
        do {
            try await producer.publish([
                OutgoingRecord(topic: topic.deadLetter, key: record.key, value: record.value, headers: headers)
            ])
        } catch {
            logger.warning(
                "a dead letter is in the table only",
                [.topic: .string(topic.rawValue), .error: .error(error)]
            )
        }
    }

    /// Removes the outbox row of a dead letter, if it has one, or the relay would send it again and again.
    private func forget(_ record: BusRecord, topic: Topic) async {
        guard let eventID = (try? JSONValue.parse(record.value))?["event_id"]?.stringValue else { return }
        let tenant = record.header(RecordHeader.tenant) ?? Identifier.defaultTenant
        guard Identifier.isValid(tenant), Identifier.isValid(eventID) else { return }
        do {
            try await outbox.remove(tenantID: tenant, topic: topic, eventID: eventID)
        } catch {
            logger.warning("an outbox row could not be removed", [.eventID: .string(eventID), .error: .error(error)])
        }
    }
}
