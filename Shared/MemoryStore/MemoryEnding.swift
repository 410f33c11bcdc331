import Domain
import Memory
import Postgres

/// Ends sessions that observe a conversation by themselves: what is left in short-term memory becomes a pattern, and
/// the session goes, in one transaction.
enum MemoryEnding {
    /// Why a session ends, as listeners are told.
    enum Reason: String, Sendable {
        /// Somebody asked for it.
        case deleted = "explicit_delete"
        /// Nobody used it.
        case expired
    }

    /// How often it is tried while others change the session.
    private static let attemptsMax = 100

    /// Ends a session.
    /// - Parameters:
    ///   - key: The session.
    ///   - database: The pool.
    ///   - onlyExpired: Whether one that lives is left alone.
    /// - Returns: How it ended; nil when there was none to end.
    /// - Throws: `PostgresError`.
    static func end(
        _ key: MemorySessionKey,
        in database: PostgresClient,
        onlyExpired: Bool = false
    ) async throws -> Reason? {
        for _ in 0..<attemptsMax {
            let loaded = try await MemoryLoading.load(
                [.init(key: key, known: nil)],
                touches: false,
                includesExpired: true,
                from: database
            )
            guard let snapshot = loaded[0] else { return nil }
            let reason: Reason = snapshot.hasExpired ? .expired : .deleted
            if onlyExpired, reason != .expired { return nil }
            var after = snapshot.state
            var change = MemoryChange()
            if after.turnSeq > 0, after.memory.length > 0 { _ = try after.perform(.learn, into: &change) }
            let step = MemoryStep(before: snapshot.state, after: after, change: change, records: [])
            let written = try await MemoryWriting.write(
                [step],
                signature: Identifier.make(),
                to: database,
                ending: reason
            )
            if written[0] != nil { return reason }
        }
        throw PostgresError(.overloaded, "the session is being changed by too many others: try again")
    }
}
