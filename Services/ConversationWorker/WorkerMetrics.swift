import Observability

/// What a worker counts.
struct WorkerMetrics: Sendable {
    private let turns: MetricFamily<Counter>
    private let turnSeconds: Histogram
    private let modelSeconds: Histogram
    private let recalls: MetricFamily<Counter>
    private let recallSeconds: Histogram

    /// Registers the counts.
    init(_ registry: MetricsRegistry) {
        turns = registry.counter("parley_turns_total", "Turns that ended here, by outcome.", labels: ["outcome"])
        turnSeconds = registry.histogram(
            "parley_turn_seconds",
            "Seconds from claim to end or rest of a turn.",
            buckets: Histogram.latencyBuckets
        )
        modelSeconds = registry.histogram(
            "parley_model_call_seconds",
            "Seconds of a model call.",
            buckets: Histogram.latencyBuckets
        )
        recalls = registry.counter(
            "parley_turn_memory_total",
            "Turns that asked their memory, by outcome: predicted, nothing, timed_out or failed.",
            labels: ["outcome"]
        )
        recallSeconds = registry.histogram(
            "parley_turn_memory_seconds",
            "Seconds that a turn waited for its memory.",
            buckets: Histogram.latencyBuckets
        )
    }

    /// A turn has ended with an answer or without.
    func turnEnded(after duration: Duration) {
        turnSeconds.observe(duration)
    }

    /// A turn's outcome is decided.
    func turnDecided(_ outcome: String) {
        turns.labels(outcome).increment()
    }

    /// The memory of a turn has answered, or has not.
    func recalled(_ outcome: String, after duration: Duration) {
        recalls.labels(outcome).increment()
        recallSeconds.observe(duration)
    }

    /// Measures a model call, whether it succeeds or not.
    func modelCall<Value>(_ call: () async throws -> Value) async rethrows -> Value {
        let started = ContinuousClock.now
        defer { modelSeconds.observe(started.duration(to: .now)) }
        return try await call()
    }
}
