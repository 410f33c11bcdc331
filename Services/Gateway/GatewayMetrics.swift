import Observability

/// What a gateway counts.
struct GatewayMetrics: Sendable {
    private let requests: MetricFamily<Counter>
    private let seconds: Histogram
    private let messages: Counter

    /// Registers the counts.
    init(_ registry: MetricsRegistry, hub: StreamHub) {
        requests = registry.counter("parley_http_requests_total", "Answers, by class of status.", labels: ["class"])
        seconds = registry.histogram("parley_http_request_seconds", "Seconds until an answer was ready.")
        messages = registry.counter("parley_messages_accepted_total", "Messages that were committed.")
        registry.gauge("parley_streams", "Clients that follow a session.") { Double(hub.followerCount) }
    }

    /// An answer is ready.
    func answered(status: Int, after duration: Duration) {
        switch status / 100 {
        case 1: requests.labels("1xx").increment()
        case 2: requests.labels("2xx").increment()
        case 3: requests.labels("3xx").increment()
        case 4: requests.labels("4xx").increment()
        default: requests.labels("5xx").increment()
        }
        seconds.observe(duration)
    }

    /// A message is committed.
    func accepted() {
        messages.increment()
    }
}
