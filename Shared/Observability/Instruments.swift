import Synchronization

/// One series of a metric: what a caller holds and updates.
///
/// Updates are atomic and take no lock.
package protocol Instrument: AnyObject, Sendable {
    /// The word of the `# TYPE` line.
    static var typeName: String { get }
    /// Appends the sample lines of this series; `labels` is rendered already (`a="b",c="d"`, or empty).
    func render(name: String, labels: String, into text: inout String)
}

/// A count that only goes up.
package final class Counter: Instrument {
    /// `counter`.
    package static let typeName = "counter"
    private let count = Atomic<UInt64>(0)

    init() {}

    /// Adds to the count.
    package func increment(by amount: UInt64 = 1) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    /// The count now.
    package var value: UInt64 {
        count.load(ordering: .relaxed)
    }

    /// Appends the sample line.
    package func render(name: String, labels: String, into text: inout String) {
        Exposition.append(name: name, labels: labels, value: String(value), to: &text)
    }
}

/// A number that goes up and down.
package final class Gauge: Instrument {
    /// `gauge`.
    package static let typeName = "gauge"
    private let number = AtomicDouble()

    init() {}

    /// Sets the number.
    package func set(_ value: Double) {
        number.store(value)
    }

    /// Adds to the number, or takes away from it.
    package func add(_ amount: Double) {
        number.add(amount)
    }

    /// The number now.
    package var value: Double {
        number.load()
    }

    /// Appends the sample line.
    package func render(name: String, labels: String, into text: inout String) {
        Exposition.append(name: name, labels: labels, value: Exposition.number(value), to: &text)
    }
}

/// Counts observations in buckets, so that quantiles can be taken over many processes.
package final class Histogram: Instrument {
    /// `histogram`.
    package static let typeName = "histogram"
    /// Upper bounds in seconds for latencies from 1 ms to 60 s.
    package static let latencyBuckets: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Upper bounds for sizes of things counted one by one, such as batches.
    package static let sizeBuckets: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

    private let bounds: [Double]
    private let cells: [AtomicCount]
    private let sum = AtomicDouble()

    init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds must go up")
        self.bounds = bounds
        cells = (0...bounds.count).map { _ in AtomicCount() }
    }

    /// Counts an observation; one that is not a number is ignored, because it would spoil the sum for ever.
    package func observe(_ value: Double) {
        guard !value.isNaN else { return }
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if value <= bounds[middle] { high = middle } else { low = middle + 1 }
        }
        cells[low].count.wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// Counts a duration, in seconds.
    package func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    /// How many observations were counted.
    package var count: UInt64 {
        cells.reduce(0) { $0 + $1.count.load(ordering: .relaxed) }
    }

    /// Appends the bucket lines, the sum and the count.
    package func render(name: String, labels: String, into text: inout String) {
        let separator = labels.isEmpty ? "" : ","
        var total: UInt64 = 0
        for (index, cell) in cells.enumerated() {
            total += cell.count.load(ordering: .relaxed)
            let bound = index < bounds.count ? Exposition.number(bounds[index]) : "+Inf"
            let bucket = "\(labels)\(separator)le=\"\(bound)\""
            Exposition.append(name: name + "_bucket", labels: bucket, value: String(total), to: &text)
        }
        Exposition.append(name: name + "_sum", labels: labels, value: Exposition.number(sum.load()), to: &text)
        Exposition.append(name: name + "_count", labels: labels, value: String(total), to: &text)
    }
}

/// A count on the heap: `Atomic` cannot be an element of an array.
private final class AtomicCount: Sendable {
    let count = Atomic<UInt64>(0)
}

/// A floating-point number that many threads may add to.
private final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let result = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }
}
