/// Bytes that come in at the back and go out at the front.
///
/// What has gone is not moved away at once, which would cost a copy each time, but when it is the larger part: so the
/// storage is at most about twice the bytes that wait, however long they keep coming and going.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var start = 0

    /// Below this many bytes that have gone the rest is not moved.
    private static let slackBytesMin = 64 << 10

    /// How many bytes wait.
    var count: Int { bytes.count - start }
    /// Whether none waits.
    var isEmpty: Bool { bytes.count == start }
    /// How many bytes are held in memory, those that have gone included.
    var storedBytes: Int { bytes.count }

    /// Adds bytes; into an empty queue they are taken over without a copy.
    mutating func append(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
            start = 0
        } else {
            bytes += more
        }
    }

    /// Adds bytes.
    mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
        bytes.append(contentsOf: more)
    }

    /// Lets the first `count` bytes go.
    mutating func removeFirst(_ count: Int) {
        precondition(count <= self.count, "more bytes go than wait")
        start += count
        if isEmpty {
            bytes = []
            start = 0
        } else if start >= Self.slackBytesMin, start > bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
    }

    /// Lends the bytes that wait.
    func withUnsafeBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start...])) }
    }
}
