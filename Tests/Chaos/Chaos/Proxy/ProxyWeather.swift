import Glibc

/// What a proxy does to the bytes that go through it.
struct ProxyWeather: Sendable {
    /// How long bytes take, each way.
    var delay = Duration.zero
    /// The most bytes a second of each connection, each way; nil: no bound.
    var bytesPerSecond: Int?
    /// Whether nothing goes through and nobody is told, as when a cable is pulled.
    var isSilent = false
    /// Whether new connections are reset.
    var isRefusing = false
    /// The part of all pieces at which their connection is reset, from 0 to 1.
    var failures = 0.0
    /// The part of all connections that is reset within each second, each at a random moment of it, from 0 to below 1.
    var cutsPerSecond = 0.0

    /// How likely a connection is to be reset within so much time.
    func chanceOfCut(within time: Duration) -> Double {
        1 - pow(1 - cutsPerSecond, time.seconds)
    }
}

/// One direction of a proxied connection: what has been read, and when it may be written.
struct ProxyDirection {
    private var queue: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
    private(set) var size = 0
    /// Whether the source has said that nothing more comes.
    var isReadClosed = false
    /// Whether the destination has been told that nothing more comes.
    var isWriteClosed = false

    /// The most that waits; then no more is read.
    static let sizeMax = 256 << 10

    /// When the first bytes may be written; nil when there are none.
    var due: ContinuousClock.Instant? { queue.first?.due }
    /// Whether the destination is to be told that nothing more comes.
    var mustClose: Bool { isReadClosed && !isWriteClosed && queue.isEmpty }

    /// Takes bytes that were read.
    mutating func push(_ bytes: ArraySlice<UInt8>, _ weather: ProxyWeather, now: ContinuousClock.Instant) {
        var due = now + weather.delay
        if let rate = weather.bytesPerSecond {
            due = max(due, queue.last?.due ?? now) + .seconds(Double(bytes.count) / Double(max(1, rate)))
        }
        // The order of bytes holds, whatever the weather was when those before them came.
        if let last = queue.last?.due { due = max(due, last) }
        queue.append((due, bytes))
        size += bytes.count
    }

    /// The bytes that may be written now.
    func front(_ now: ContinuousClock.Instant) -> ArraySlice<UInt8>? {
        guard let first = queue.first, first.due <= now else { return nil }
        return first.bytes
    }

    /// So many bytes were written.
    mutating func pop(_ count: Int) {
        size -= count
        queue[0].bytes = queue[0].bytes.dropFirst(count)
        if queue[0].bytes.isEmpty { queue.removeFirst() }
    }

    /// Forgets what waits: its destination is told that nothing more comes.
    mutating func abandon() {
        queue = []
        size = 0
        isReadClosed = true
    }
}
