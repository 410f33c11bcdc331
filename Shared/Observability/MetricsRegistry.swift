import Synchronization

/// All metrics of a process, and their text form for Prometheus (exposition format 0.0.4).
///
/// Asking twice for the same metric gives the same one, so that parts need not pass handles around. Labels are resolved
/// once, with ``MetricFamily/labels(_:)``, to a handle that is then updated without a lock.
package final class MetricsRegistry: Sendable {
    /// The `Content-Type` of ``render()``.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// How many label sets a metric may have before further ones are folded into one whose labels are all `other`.
    package let labelSetsMax: Int

    private let families = Mutex<[String: any RenderableFamily]>([:])

    /// Makes a registry; metrics in it have at most `labelSetsMax` label sets each.
    package init(labelSetsMax: Int = 1000) {
        precondition(labelSetsMax > 0, "a metric needs at least one label set")
        self.labelSetsMax = labelSetsMax
    }

    /// A counter without labels.
    package func counter(_ name: StaticString, _ help: StaticString) -> Counter {
        counter(name, help, labels: []).labels()
    }

    /// A counter with labels.
    package func counter(_ name: StaticString, _ help: StaticString, labels: [String]) -> MetricFamily<Counter> {
        family("\(name)", "\(help)", labels) { Counter() }
    }

    /// A gauge without labels.
    package func gauge(_ name: StaticString, _ help: StaticString) -> Gauge {
        gauge(name, help, labels: []).labels()
    }

    /// A gauge with labels.
    package func gauge(_ name: StaticString, _ help: StaticString, labels: [String]) -> MetricFamily<Gauge> {
        family("\(name)", "\(help)", labels) { Gauge() }
    }

    /// A histogram without labels; `buckets` are upper bounds that go up, by default for latencies in seconds.
    package func histogram(
        _ name: StaticString,
        _ help: StaticString,
        buckets: [Double] = Histogram.latencyBuckets
    ) -> Histogram {
        histogram(name, help, labels: [], buckets: buckets).labels()
    }

    /// A histogram with labels.
    package func histogram(
        _ name: StaticString,
        _ help: StaticString,
        labels: [String],
        buckets: [Double] = Histogram.latencyBuckets
    ) -> MetricFamily<Histogram> {
        family("\(name)", "\(help)", labels) { Histogram(bounds: buckets) }
    }

    /// A gauge whose number is asked for at each scrape; nil leaves the sample out.
    package func gauge(_ name: StaticString, _ help: StaticString, read: @escaping @Sendable () -> Double?) {
        insert(ReadFamily(name: "\(name)", help: "\(help)", typeName: Gauge.typeName, read: read))
    }

    /// A counter whose number is asked for at each scrape; nil leaves the sample out.
    package func counter(_ name: StaticString, _ help: StaticString, read: @escaping @Sendable () -> Double?) {
        insert(ReadFamily(name: "\(name)", help: "\(help)", typeName: Counter.typeName, read: read))
    }

    /// All metrics in the text form, sorted by name.
    package func render() -> String {
        let sorted = families.withLock { $0.values.sorted { $0.name < $1.name } }
        var text = ""
        for family in sorted {
            text += "# HELP \(family.name) \(Exposition.escapedHelp(family.help))\n"
            text += "# TYPE \(family.name) \(family.typeName)\n"
            family.render(into: &text)
        }
        return text
    }

    private func insert(_ family: ReadFamily) {
        precondition(Exposition.isMetricName(family.name), "not a metric name")
        families.withLock { $0[family.name] = family }
    }

    private func family<Metric: Instrument>(
        _ name: String,
        _ help: String,
        _ labels: [String],
        make: @escaping @Sendable () -> Metric
    ) -> MetricFamily<Metric> {
        precondition(Exposition.isMetricName(name), "not a metric name")
        precondition(labels.allSatisfy(Exposition.isLabelName), "not a label name")
        let known = families.withLock { families -> (any RenderableFamily)? in
            if let known = families[name] { return known }
            families[name] = MetricFamily(
                name: name,
                help: help,
                labelNames: labels,
                labelSetsMax: labelSetsMax,
                make: make
            )
            return families[name]
        }
        guard let family = known as? MetricFamily<Metric>, family.labelNames == labels else {
            preconditionFailure("the metric is registered already with another type or other labels")
        }
        return family
    }
}

/// A metric with its label names; gives out one handle per set of label values.
package final class MetricFamily<Metric: Instrument>: Sendable {
    /// One label set and what it counts.
    private struct Series: Sendable {
        let labels: String
        let metric: Metric
    }

    /// The metric's name.
    package let name: String
    let help: String
    let labelNames: [String]
    private let labelSetsMax: Int
    private let make: @Sendable () -> Metric
    private let series = Mutex<[[String]: Series]>([:])

    init(
        name: String,
        help: String,
        labelNames: [String],
        labelSetsMax: Int,
        make: @escaping @Sendable () -> Metric
    ) {
        self.name = name
        self.help = help
        self.labelNames = labelNames
        self.labelSetsMax = labelSetsMax
        self.make = make
    }

    /// The handle for these label values, in the order of the label names.
    ///
    /// Resolve it once and keep it.
    ///
    /// Past the registry's limit of label sets, new ones share one handle whose labels are all `other`.
    package func labels(_ values: String...) -> Metric {
        precondition(values.count == labelNames.count, "give one value per label")
        return series.withLock { series in
            if let known = series[values] { return known.metric }
            let isFull = series.count >= labelSetsMax
            let key = isFull ? labelNames.map { _ in "other" } : values
            if let other = series[key] { return other.metric }
            let rendered = zip(labelNames, key).map { "\($0)=\"\(Exposition.escapedLabel($1))\"" }
            let new = Series(labels: rendered.joined(separator: ","), metric: make())
            series[key] = new
            return new.metric
        }
    }
}

/// What the registry needs of a family to write it out.
private protocol RenderableFamily: Sendable {
    var name: String { get }
    var help: String { get }
    var typeName: String { get }
    func render(into text: inout String)
}

extension MetricFamily: RenderableFamily {
    fileprivate var typeName: String { Metric.typeName }

    fileprivate func render(into text: inout String) {
        let sorted = series.withLock { $0.values.sorted { $0.labels < $1.labels } }
        for series in sorted {
            series.metric.render(name: name, labels: series.labels, into: &text)
        }
    }
}

/// A metric of one series that is read when it is scraped.
private struct ReadFamily: RenderableFamily {
    let name: String
    let help: String
    let typeName: String
    let read: @Sendable () -> Double?

    func render(into text: inout String) {
        guard let value = read() else { return }
        Exposition.append(name: name, labels: "", value: Exposition.number(value), to: &text)
    }
}
