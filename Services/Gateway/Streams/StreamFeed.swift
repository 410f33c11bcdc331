import Domain
import Store

/// What one client gets: first what it has missed, then what happens, each event once and in order.
struct StreamFeed: Sendable {
    let hub: StreamHub
    let store: ReadStore
    let key: SessionKey

    /// How many turns are read from the database at once for a client that comes back.
    static let turnsPerPage = 50

    /// How a feed ended.
    enum End {
        /// The client was too slow, or the gateway shuts down: it can resume after the last event it got.
        case cut
        /// Too many clients follow streams.
        case full
    }

    /// Sends events until the stream ends or `send` throws.
    /// - Parameters:
    ///   - position: The last event that the client has seen.
    ///   - send: Sends one event to the client.
    /// - Returns: How the stream ended.
    /// - Throws: `PostgresError`, or what `send` threw.
    func run(after position: StreamPosition, send: (StreamEvent) async throws -> Void) async throws -> End {
        // Following begins before the database is read, so that nothing can fall between the two.
        guard let subscription = hub.subscribe(to: key) else { return .full }
        defer { hub.unsubscribe(subscription, from: key) }
        var last = position
        var continuity = DeltaContinuity(after: position)
        var isUpToDate = false
        while !isUpToDate {
            let stored = try await store.stream(
                of: key.sessionID,
                tenantID: key.tenantID,
                after: last,
                limit: Self.turnsPerPage
            )
            // A full page may give one turn less than it holds: the one that the client has seen to its end.
            isUpToDate = Set(stored.map(\.position.turn)).count < Self.turnsPerPage - 1
            for event in isUpToDate ? merge(stored, subscription.running, after: last) : stored {
                if continuity.tells(event) { try await send(event) }
                last = event.position
            }
        }
        for await event in subscription.events where event.position > last {
            if continuity.tells(event) { try await send(event) }
            last = event.position
        }
        try Task.checkCancellation()
        return .cut
    }

    private func merge(
        _ stored: [StreamEvent],
        _ running: [StreamEvent],
        after position: StreamPosition
    ) -> [StreamEvent] {
        var events: [StreamPosition: StreamEvent] = [:]
        for event in running + stored where event.position > position {
            events[event.position] = event
        }
        // A turn whose end is stored has all its text in it: its deltas would only repeat that.
        let finished = Set(stored.filter(\.kind.isFinal).map(\.position.turn))
        return events.values
            .filter { $0.kind != .delta || !finished.contains($0.position.turn) }
            .sorted { $0.position < $1.position }
    }
}
