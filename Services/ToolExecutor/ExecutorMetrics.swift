import Domain
import Observability

/// What an executor counts.
struct ExecutorMetrics: Sendable {
    private let runs: MetricFamily<Counter>
    private let seconds: MetricFamily<Histogram>

    /// Registers the counts.
    init(_ registry: MetricsRegistry) {
        runs = registry.counter("parley_tool_runs_total", "Tool runs, by tool and status.", labels: ["tool", "status"])
        seconds = registry.histogram("parley_tool_run_seconds", "Seconds of a tool run, by tool.", labels: ["tool"])
    }

    /// A run has ended.
    func ran(tool: String, status: ToolStatus, after duration: Duration) {
        runs.labels(tool, status.rawValue).increment()
        seconds.labels(tool).observe(duration)
    }
}
