import Domain
import Postgres

/// What one client gets: first what it has missed, then what happens, each event once and in order.
struct StreamFeed: Sendable {
    let hub: StreamHub
    let key: SessionKey
    /// Reads what is stored of the session after a position, at most so many turns of it: `ReadStore.stream`.
    let read: @Sendable (_ position: StreamPosition, _ turnsMax: Int) async throws -> [StreamEvent]

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
        var progress = Progress(after: position)
        try await readStored(&progress, send) { stored, isLastPage, last in
            isLastPage ? merge(stored, subscription.running, after: last) : stored
        }
        for await signal in subscription.signals {
            switch signal {
            case .event(let event):
                if progress.mayMissATurn(before: event) {
                    try await lookBack(before: event.position.turn, &progress, send)
                }
                try await progress.tell(event, send)
            case .lookBack:
                do {
                    try await lookBack(before: .max, &progress, send)
                } catch is PostgresError {
                    // It was only a look: the stream goes on without, and the next one finds what there is.
                }
            }
        }
        try Task.checkCancellation()
        return .cut
    }

    /// What the client was told.
    private struct Progress {
        private(set) var last: StreamPosition
        private var isTurnOver: Bool
        private var continuity: DeltaContinuity

        init(after position: StreamPosition) {
            last = position
            isTurnOver = position == .start
            continuity = DeltaContinuity(after: position)
        }

        /// Whether a turn's end, or a whole turn, may lie between what was told and this event.
        ///
        /// The topics keep no order among each other, and events that no row carries can be lost: a turn that begins
        /// does not say that the ends of all before it have come.
        func mayMissATurn(before event: StreamEvent) -> Bool {
            event.position.turn > last.turn && !(isTurnOver && event.priorTurn == last.turn)
        }

        mutating func tell(_ event: StreamEvent, _ send: (StreamEvent) async throws -> Void) async throws {
            guard event.position > last else { return }
            if continuity.tells(event) { try await send(event) }
            last = event.position
            isTurnOver = event.kind.isFinal
        }
    }

    /// Tells the turns before a place in the session that are over.
    ///
    /// Only those: of one that runs, what is stored has holes that are still to be told.
    private func lookBack(
        before turn: Int64,
        _ progress: inout Progress,
        _ send: (StreamEvent) async throws -> Void
    ) async throws {
        try await readStored(&progress, send) { stored, _, _ in
            let ended = Set(stored.filter(\.kind.isFinal).map(\.position.turn))
            return stored.filter { ended.contains($0.position.turn) && $0.position.turn < turn }
        }
    }

    /// Tells what is stored and the client does not have.
    ///
    /// `choice` says what to tell of a page, given whether it is the last one and what was told last.
    private func readStored(
        _ progress: inout Progress,
        _ send: (StreamEvent) async throws -> Void,
        choice: ([StreamEvent], Bool, StreamPosition) -> [StreamEvent]
    ) async throws {
        var isUpToDate = false
        while !isUpToDate {
            let stored = try await read(progress.last, Self.turnsPerPage)
            // A full page may give one turn less than it holds: the one that the client has seen to its end.
            isUpToDate = Set(stored.map(\.position.turn)).count < Self.turnsPerPage - 1
            let chosen = choice(stored, isUpToDate, progress.last)
            // Where there is nothing to tell of a page, nothing is to be told of those behind it.
            isUpToDate = isUpToDate || chosen.isEmpty
            for event in chosen {
                try await progress.tell(event, send)
            }
        }
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
        let finished = Set(stored.filter(\.kind.isFinal).map(\.position.turn))
        return events.values
            .filter { event in
                // A turn whose end is stored has all its text in it: its deltas would only repeat that.
                if finished.contains(event.position.turn) { return event.kind != .delta }
                // What is stored of the running turn beyond what has come of it follows with the deltas before it.
                guard let live = running.last?.position, live.turn == event.position.turn else { return true }
                return event.position <= live
            }
            .sorted { $0.position < $1.position }
    }
}
