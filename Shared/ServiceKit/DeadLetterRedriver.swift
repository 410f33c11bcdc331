package import EventBus
package import Store

/// Sends dead letters again: the record as it came, with its key and headers, on the topic that it came from.
///
/// It is processed as any second delivery of its event: if the event was processed meanwhile, it has no effect. If it
/// fails again it becomes a dead letter again, one of its new offset.
package struct DeadLetterRedriver: Sendable {
    private let store: DeadLetterStore
    private let producer: BusProducer

    /// Makes one.
    package init(store: DeadLetterStore, producer: BusProducer) {
        self.store = store
        self.producer = producer
    }

    /// Sends one again.
    ///
    /// It is counted after the broker has it: whoever is cut off between the two may send it again without harm.
    ///
    /// - Parameters:
    ///   - id: Its number.
    ///   - tenantID: Its tenant.
    ///   - answer: The answer to keep, where a client named the request by a key.
    /// - Returns: What was sent, as it was listed before; nil when the tenant has none by this id.
    /// - Throws: `BusError` when the broker did not take it, `PostgresError`.
    package func redrive(
        _ id: Int64,
        tenantID: String,
        answer: (DeadLetter) -> IdempotencyRecord? = { _ in nil }
    ) async throws -> DeadLetter? {
        guard let whole = try await store.letter(id, tenantID: tenantID) else { return nil }
        let letter = whole.letter
        try await producer.publish([
            OutgoingRecord(
                topic: letter.topic,
                key: letter.key,
                value: whole.payload,
                headers: whole.headers.map { BusHeader(name: $0.name, value: $0.value) }
            )
        ])
        try await store.markRedriven(id, tenantID: tenantID, idempotency: answer(letter))
        return letter
    }
}
