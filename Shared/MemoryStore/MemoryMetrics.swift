package import Observability

/// What the memory counts; nothing that a client named is in a label.
package struct MemoryMetrics: Sendable {
    private let observations: Counter
    private let learned: Counter
    private let predictions: MetricFamily<Counter>
    private let seconds: Histogram
    private let candidates: Counter
    private let batches: Histogram
    private let evictions: Counter
    private let bytes: Gauge
    private let nodes: Gauge

    /// Registers the counts.
    package init(_ registry: MetricsRegistry) {
        observations = registry.counter("parley_memory_observations_total", "Observations that sessions took.")
        learned = registry.counter("parley_memory_patterns_learned_total", "Patterns that were learned, or once more.")
        predictions = registry.counter(
            "parley_memory_predictions_total",
            "Predictions: computed, kept from before, refused for their size or time, or left until asked for.",
            labels: ["result"]
        )
        seconds = registry.histogram("parley_memory_prediction_seconds", "Seconds to compute a prediction.")
        candidates = registry.counter(
            "parley_memory_prediction_candidates_total",
            "Patterns that reached the recall threshold."
        )
        batches = registry.histogram(
            "parley_memory_batch_size",
            "Operations that shared a transaction.",
            buckets: Histogram.sizeBuckets
        )
        evictions = registry.counter("parley_memory_index_evictions_total", "Nodes' indexes that made room.")
        bytes = registry.gauge("parley_memory_index_bytes", "Bytes of nodes' indexes.")
        nodes = registry.gauge("parley_memory_index_nodes", "Nodes with an index.")
    }

    /// A transaction is done.
    func wrote(operations: Int, observations count: Int, learned patterns: Int) {
        batches.observe(Double(operations))
        observations.increment(by: UInt64(count))
        learned.increment(by: UInt64(patterns))
    }

    /// A prediction was computed.
    func computed(in duration: Duration, candidates count: Int) {
        predictions.labels("computed").increment()
        seconds.observe(duration)
        candidates.increment(by: UInt64(count))
    }

    /// One was kept from before.
    func found() { predictions.labels("kept").increment() }

    /// One is too large, or took too long.
    func refused() { predictions.labels("refused").increment() }

    /// An observation was answered without one.
    func skipped() { predictions.labels("left").increment() }

    /// The indexes have changed.
    func indexes(count: Int, bytes weight: Int, evicted: Int) {
        nodes.set(Double(count))
        bytes.set(Double(weight))
        evictions.increment(by: UInt64(max(0, evicted)))
    }
}
