import Caching
import JSON
package import Observability
import Synchronization

/// Remembers answers for a short time, so that a burst of the same question asks the engine once or a few times.
///
/// Only answers of the policies are kept, never a refusal because the engine failed: it ends when the engine is back.
/// A changed policy counts after ``Configuration/timeToLive`` at the latest, or at once after ``removeAll()``.
package final class CachingPolicyEngine: PolicyEngine {
    /// How much is remembered, and how long.
    package struct Configuration: Sendable {
        /// How long an answer holds.
        ///
        /// Default 1 s.
        package var timeToLive: Duration = .seconds(1)
        /// How many answers are kept; past it the one that was used longest ago goes.
        ///
        /// Default 10,000.
        package var entriesMax = 10_000
        /// Questions longer than this are not remembered, in bytes of JSON.
        ///
        /// Default 4 KiB.
        package var inputBytesMax = 4096

        /// The defaults.
        package init() {}
    }

    private struct State {
        var entries: LeastRecentlyUsed<[UInt8], Entry>
        var generation = 0

        /// Lets go what holds no longer: most questions name a turn and are never asked again.
        mutating func forget(olderThan age: Duration) {
            while let oldest = entries.oldestValue, oldest.age <= age, let key = entries.oldestKey {
                entries.remove(key)
            }
        }
    }

    private struct Entry {
        let decision: PolicyDecision
        let age: Duration
    }

    private let engine: any PolicyEngine
    private let configuration: Configuration
    private let elapsed: @Sendable () -> Duration
    private let state: Mutex<State>
    private let hits: Counter
    private let misses: Counter

    /// Makes a cache before an engine.
    /// - Parameters:
    ///   - engine: Who is asked.
    ///   - configuration: How much is remembered, and how long.
    ///   - metrics: Where hits and misses are counted.
    ///   - clock: Measures how old answers are.
    package init(
        _ engine: any PolicyEngine,
        configuration: Configuration = Configuration(),
        metrics: MetricsRegistry,
        clock: some Clock<Duration> = ContinuousClock()
    ) {
        precondition(configuration.entriesMax > 0, "a cache has room for an entry")
        self.engine = engine
        self.configuration = configuration
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        state = Mutex(State(entries: LeastRecentlyUsed(weightMax: configuration.entriesMax)))
        let lookups = metrics.counter(
            "parley_policy_cache_lookups_total",
            "Policy questions by whether the answer was remembered.",
            labels: ["result"]
        )
        hits = lookups.labels("hit")
        misses = lookups.labels("miss")
    }

    /// How many answers are kept.
    package var count: Int { state.withLock { $0.entries.count } }

    /// Gives the remembered answer, or asks.
    package func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        let key = input.json.serialized(.sortedKeys)
        guard key.count <= configuration.inputBytesMax else {
            misses.increment()
            return try await engine.decide(input)
        }
        let now = elapsed()
        let (known, generation) = state.withLock { state in
            let entry = state.entries.use(key)
            let isFresh = entry.map { now - $0.age < configuration.timeToLive } ?? false
            return (isFresh ? entry?.decision : nil, state.generation)
        }
        if let known {
            hits.increment()
            return known
        }
        misses.increment()
        let decision = try await engine.decide(input)
        if decision.origin == .policy {
            // Its age counts from the question: the policies may have changed while it was answered.
            let entry = Entry(decision: decision, age: now)
            state.withLock { state in
                guard state.generation == generation else { return }
                state.entries.set(key, entry)
                state.forget(olderThan: now - configuration.timeToLive)
            }
        }
        return decision
    }

    /// Forgets all answers, for when the policies have changed.
    package func removeAll() {
        state.withLock { state in
            state.generation += 1
            state.entries = LeastRecentlyUsed(weightMax: configuration.entriesMax)
        }
    }
}
