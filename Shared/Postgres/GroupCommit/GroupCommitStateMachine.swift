/// Decides which requests go together.
///
/// No I/O: the caller keeps the requests and gives their ids.
///
/// Natural batching: what arrives while a batch runs forms the next one; there is no timer, so a lone request waits for
/// nothing. A request is `queued` → `inFlight` → gone; `queued` → gone when it is cancelled.
struct GroupCommitStateMachine<Key: Hashable & Sendable>: Sendable {
    typealias RequestID = UInt64

    /// The answer to a new request.
    enum Enqueue: Equatable {
        /// It is in the queue; a worker that sleeps is to be woken.
        case queued
        /// The queue is full.
        case overloaded
        /// Nothing is taken any more.
        case closed
    }

    /// Requests that go together.
    struct Batch: Equatable {
        let ids: [RequestID]
        let keys: Set<Key>
    }

    private struct Entry {
        let id: RequestID
        let key: Key?
    }

    private let batchMax: Int
    private let queueMax: Int
    private var queue: [Entry] = []
    private var busyKeys: Set<Key> = []
    private(set) var isClosed = false

    init(batchMax: Int, queueMax: Int) {
        self.batchMax = batchMax
        self.queueMax = queueMax
    }

    /// How many requests wait.
    var queuedCount: Int { queue.count }

    /// Whether nothing is or will be to do.
    var isDrained: Bool { isClosed && queue.isEmpty }

    /// Whether `nextBatch` would give one.
    var hasBatch: Bool {
        queue.contains { entry in entry.key.map { !busyKeys.contains($0) } ?? true }
    }

    mutating func enqueue(_ id: RequestID, key: Key?) -> Enqueue {
        guard !isClosed else { return .closed }
        guard queue.count < queueMax else { return .overloaded }
        queue.append(Entry(id: id, key: key))
        return .queued
    }

    /// The requests of the next batch, in order of arrival; nil when none may go now.
    mutating func nextBatch() -> Batch? {
        var ids: [RequestID] = []
        var keys: Set<Key> = []
        var rest: [Entry] = []
        for (position, entry) in queue.enumerated() {
            if ids.count == batchMax {
                rest.append(contentsOf: queue[position...])
                break
            }
            // A key that is in another batch holds back all its requests, so their order stays.
            if let key = entry.key, busyKeys.contains(key) {
                rest.append(entry)
                continue
            }
            ids.append(entry.id)
            if let key = entry.key { keys.insert(key) }
        }
        guard !ids.isEmpty else { return nil }
        queue = rest
        busyKeys.formUnion(keys)
        return Batch(ids: ids, keys: keys)
    }

    mutating func finished(_ batch: Batch) {
        busyKeys.subtract(batch.keys)
    }

    /// - Returns: Whether the request still waited; false when it is in flight or done.
    mutating func cancel(_ id: RequestID) -> Bool {
        guard let index = queue.firstIndex(where: { $0.id == id }) else { return false }
        queue.remove(at: index)
        return true
    }

    mutating func close() {
        isClosed = true
    }
}
