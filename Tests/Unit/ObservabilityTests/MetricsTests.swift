import Observability
import Testing

@Suite struct MetricsTests {
    @Test func rendersTheTextFormatExactly() {
        let registry = MetricsRegistry()
        registry.counter("requests_total", "Requests.", labels: ["route", "status"]).labels("/a", "200").increment(
            by: 3
        )
        registry.gauge("depth", "Depth of the \\ queue\nnow.").set(1.5)
        let histogram = registry.histogram("wait_seconds", "Wait.", labels: ["x"], buckets: [0.1, 1]).labels("y")
        for value in [0.1, 0.5, 2] {
            histogram.observe(value)
        }
        #expect(
            registry.render() == """
                # HELP depth Depth of the \\\\ queue\\nnow.
                # TYPE depth gauge
                depth 1.5
                # HELP requests_total Requests.
                # TYPE requests_total counter
                requests_total{route="/a",status="200"} 3
                # HELP wait_seconds Wait.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{x="y",le="0.1"} 1
                wait_seconds_bucket{x="y",le="1"} 2
                wait_seconds_bucket{x="y",le="+Inf"} 3
                wait_seconds_sum{x="y"} 2.6
                wait_seconds_count{x="y"} 3

                """
        )
    }

    @Test func escapesLabelValues() {
        let registry = MetricsRegistry()
        registry.counter("c", "C.", labels: ["l"]).labels("a\"b\\c\nd").increment()
        #expect(registry.render().contains(#"c{l="a\"b\\c\nd"} 1"#))
    }

    @Test func theSameNameIsTheSameMetric() {
        let registry = MetricsRegistry()
        registry.counter("c", "C.").increment()
        registry.counter("c", "C.").increment()
        #expect(registry.counter("c", "C.").value == 2)
    }

    @Test func labelSetsPastTheLimitAreFoldedIntoOther() {
        let registry = MetricsRegistry(labelSetsMax: 2)
        let family = registry.counter("c", "C.", labels: ["tenant"])
        for tenant in ["a", "b", "c", "d", "a"] {
            family.labels(tenant).increment()
        }
        #expect(
            registry.render() == """
                # HELP c C.
                # TYPE c counter
                c{tenant="a"} 2
                c{tenant="b"} 1
                c{tenant="other"} 2

                """
        )
    }

    @Test func gaugesAndHistogramsCountFromManyThreads() async {
        let registry = MetricsRegistry()
        let (counter, gauge) = (registry.counter("c", "C."), registry.gauge("g", "G."))
        let histogram = registry.histogram("h", "H.")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        gauge.add(0.5)
                        histogram.observe(.milliseconds(250))
                    }
                }
            }
        }
        #expect(counter.value == 4000)
        #expect(gauge.value == 2000)
        #expect(histogram.count == 4000)
        #expect(registry.render().contains("h_sum 1000\n"))
    }

    @Test func ignoresObservationsThatAreNotNumbers() {
        let histogram = MetricsRegistry().histogram("h", "H.")
        histogram.observe(Double.nan)
        #expect(histogram.count == 0)
    }

    @Test func writesSpecialNumbersAsPrometheusReadsThem() {
        let registry = MetricsRegistry()
        registry.gauge("a", "A.") { .infinity }
        registry.gauge("b", "B.") { -.infinity }
        registry.gauge("c", "C.") { .nan }
        registry.gauge("d", "D.") { nil }
        let text = registry.render()
        #expect(text.contains("\na +Inf\n") && text.contains("\nb -Inf\n") && text.contains("\nc NaN\n"))
        #expect(!text.contains("\nd "))
    }

    @Test func tellsAboutTheProcess() {
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        var values: [Substring: Double] = [:]
        for line in registry.render().split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            values[parts[0]] = Double(parts[1])
        }
        #expect(values.count == 6)
        #expect(values["process_resident_memory_bytes", default: 0] > 1e6)
        #expect(values["process_virtual_memory_bytes", default: 0] > 1e6)
        #expect(values["process_cpu_seconds_total", default: 0] > 0)
        #expect(values["process_open_fds", default: 0] >= 3)
        #expect(values["process_max_fds", default: 0] >= 3)
        let age = Double(WallClock.now().seconds) - values["process_start_time_seconds", default: 0]
        #expect(age > -5 && age < 3600)
    }
}
