import Glibc

/// The time that this process has kept processors busy.
func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
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
