import EventLoop
import Glibc
import Synchronization

/// Threads for work that takes milliseconds, which would hold up every request on an event loop.
final class ComputeThreads: Sendable {
    private let loops: [EpollLoop]
    private let next = Atomic(0)

    /// Starts the threads.
    /// - Throws: `EventLoopError` when threads or descriptors have run out.
    init(count: Int) throws {
        loops = try (0..<max(1, count)).map { try EpollLoop.start(name: "memory-\($0)") }
    }

    /// As many as the machine has processors, up to eight.
    static var countByDefault: Int { min(8, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Computes something on one of the threads.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        let loop = loops[abs(next.wrappingAdd(1, ordering: .relaxed).oldValue % loops.count)]
        return await withCheckedContinuation { continuation in
            let isTaken = loop.execute { continuation.resume(returning: work()) }
            if !isTaken { continuation.resume(returning: work()) }
        }
    }

    /// Ends the threads after what they were given.
    func stop() {
        for loop in loops {
            loop.stop()
        }
    }
}
