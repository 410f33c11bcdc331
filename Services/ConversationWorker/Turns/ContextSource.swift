import Caching
import Domain
import Models
import Observability
import Redis
import Store
import Synchronization

/// The history that a turn starts from: from memory, else from Redis, else from Postgres, which is the truth.
///
/// A remembered history carries the seq of the last turn in it, and a claimed turn names the turn before it. Only when
/// the two are the same is the memory used, so a stale one can do no harm, whichever worker wrote it.
final class ContextSource: Sendable {
    private struct Key: Hashable {
        let tenantID: String
        let sessionID: String
    }

    private let turns: TurnStore
    private let redis: RedisClient?
    private let limits: HistoryLimits
    private let remembered: Mutex<RecentContexts<Key>>

    /// Makes a source.
    /// - Parameters:
    ///   - turns: The truth.
    ///   - redis: The cache that workers share.
    ///   - limits: How much history a model gets.
    init(turns: TurnStore, redis: RedisClient?, limits: HistoryLimits) {
        self.turns = turns
        self.redis = redis
        self.limits = limits
        remembered = Mutex(RecentContexts())
    }

    /// The messages before a turn, oldest first, as many as fit.
    func history(before turn: ClaimedTurn) async throws -> [ModelMessage] {
        if turn.priorSeq == 0 { return [] }
        let messages = try await find(turn)
        return messages.map { ModelMessage(role: $0.role == .assistant ? .assistant : .user, content: $0.text) }
    }

    /// Remembers a turn that ended with an answer.
    func remember(_ turn: ClaimedTurn, answer: String) async {
        let key = Key(tenantID: turn.key.tenantID, sessionID: turn.key.sessionID)
        let entry = remembered.withLock { remembered -> RememberedContext? in
            let before = remembered.find(key)
            guard turn.priorSeq == 0 || before?.lastTurnSeq == turn.priorSeq else {
                remembered.forget(key)
                return nil
            }
            let messages =
                (turn.priorSeq == 0 ? [] : before?.messages ?? []) + [
                    HistoryMessage(role: .user, text: turn.message), HistoryMessage(role: .assistant, text: answer),
                ]
            let entry = RememberedContext(lastTurnSeq: turn.seq, messages: limits.newest(of: messages))
            remembered.keep(key, entry, now: .now)
            return entry
        }
        if let entry, let redis {
            // Without Redis the next worker reads Postgres: slower, still right.
            try? await redis.set(
                Self.redisKey(key),
                RedisArgument(entry.serialized(under: limits)),
                expiry: .seconds(3600)
            )
        }
    }

    private func find(_ turn: ClaimedTurn) async throws -> [HistoryMessage] {
        let key = Key(tenantID: turn.key.tenantID, sessionID: turn.key.sessionID)
        if let entry = remembered.withLock({ $0.find(key) }), entry.lastTurnSeq == turn.priorSeq {
            return entry.messages
        }
        let entry: RememberedContext
        if let cached = await cached(key), cached.lastTurnSeq == turn.priorSeq {
            entry = cached
        } else {
            let stored = try await turns.history(before: turn.key, seq: turn.seq, limit: limits.messagesMax)
            entry = RememberedContext(lastTurnSeq: turn.priorSeq, messages: limits.newest(of: stored))
        }
        let found = entry
        remembered.withLock { $0.keep(key, found, now: .now) }
        return entry.messages
    }

    private func cached(_ key: Key) async -> RememberedContext? {
        guard let redis, let bytes = try? await redis.get(Self.redisKey(key)) else { return nil }
        return RememberedContext(bytes, under: limits)
    }

    /// Neither braces nor slashes can be in an id, so no two sessions share a key.
    private static func redisKey(_ key: Key) -> String {
        "parley:context:{\(key.tenantID)}/\(key.sessionID)"
    }
}
