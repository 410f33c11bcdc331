import EventLoop
import Glibc
import Memory
import Synchronization

/// Threads for work that takes milliseconds, which would hold up every request on an event loop.
///
/// Each thread takes the next piece of work when it is done with one, so that a long one holds up nobody as long as
/// another thread is free. So much may wait and no more.
final class ComputeThreads: Sendable {
    private typealias Job = @Sendable () -> Void

    private struct State {
        var idle: [EpollLoop]
        var waiting: [Job] = []
    }

    private let loops: [EpollLoop]
    private let waitingMax: Int
    private let state: Mutex<State>

    /// Starts the threads.
    /// - Parameters:
    ///   - count: How many.
    ///   - waitingMax: How many pieces of work may wait for a thread.
    /// - Throws: `EventLoopError` when threads or descriptors have run out.
    init(count: Int, waitingMax: Int) throws {
        loops = try (0..<max(1, count)).map { try EpollLoop.start(name: "memory-\($0)") }
        self.waitingMax = waitingMax
        state = Mutex(State(idle: loops))
    }

    /// As many as the machine has processors, up to eight.
    static var countByDefault: Int { min(8, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// How many pieces of work wait.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Computes something on one of the threads.
    /// - Parameters:
    ///   - isUrgent: Whether somebody waits for it: what nobody waits for leaves half of the places free.
    ///   - work: What to compute.
    /// - Returns: What `work` returned.
    /// - Throws: ``MemoryError`` `busy` when as much waits as may.
    func run<Value: Sendable>(
        isUrgent: Bool = true,
        _ work: @escaping @Sendable () -> Value
    ) async throws(MemoryError) -> Value {
        let waitingMax = isUrgent ? waitingMax : waitingMax / 2
        let value: Value? = await withCheckedContinuation { continuation in
            let job: Job = { continuation.resume(returning: work()) }
            let (loop, isTaken) = state.withLock { state -> (EpollLoop?, Bool) in
                if let loop = state.idle.popLast() { return (loop, true) }
                guard state.waiting.count < waitingMax else { return (nil, false) }
                state.waiting.append(job)
                return (nil, true)
            }
            if !isTaken { continuation.resume(returning: nil) }
            // A loop that has stopped takes nothing more: what is left is computed here.
            if let loop, !loop.execute({ self.drain(loop, job) }) { job() }
        }
        guard let value else {
            throw MemoryError(.busy, "\(waitingMax) computations wait already: try again later")
        }
        return value
    }

    /// Does one piece of work, then what waits.
    private func drain(_ loop: EpollLoop, _ first: @escaping Job) {
        var job: Job? = first
        while let current = job {
            current()
            job = state.withLock { state in
                if state.waiting.isEmpty {
                    state.idle.append(loop)
                    return nil
                }
                return state.waiting.removeFirst()
            }
        }
    }

    /// Ends the threads after what they were given.
    func stop() {
        for loop in loops {
            loop.stop()
        }
    }
}
