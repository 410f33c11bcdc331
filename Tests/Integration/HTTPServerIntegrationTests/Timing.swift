import Glibc
import Synchronization

/// How long one thread has kept a processor busy.
final class ThreadClock: Sendable {
    private let clock = Mutex<clockid_t?>(nil)

    /// Measures the thread that calls this, which must not end before the last look at it.
    func takeThisThread() {
        var id = clockid_t()
        guard pthread_getcpuclockid(pthread_self(), &id) == 0 else { return }
        clock.withLock { [id] in $0 = id }
    }

    /// The time so far; nil when no thread was taken.
    var processorTime: Duration? {
        guard let id = clock.withLock(\.self) else { return nil }
        var time = timespec()
        guard clock_gettime(id, &time) == 0 else { return nil }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

/// Cancels `work` after a time.
func withTimeout(_ time: Duration, _ work: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await work() }
        group.addTask { try await Task.sleep(for: time) }
        try await group.next()
        group.cancelAll()
    }
}
