import EventLoop
import Glibc
import Memory
import Synchronization

/// Threads for work that takes milliseconds, which would hold up every request on an event loop.
///
/// Each thread takes the next piece of work when it is done with one, so that a long one holds up nobody as long as
/// another thread is free. So much may wait and no more, and no longer than its deadline.
final class ComputeThreads: Sendable {
    /// What became of a piece of work.
    private enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        case refused
        case late
    }

    /// A piece of work; it says whether it is in time.
    private typealias Job = @Sendable (_ isInTime: Bool) -> Void

    private struct Waiting {
        let id: UInt64
        let deadline: ContinuousClock.Instant
        let job: Job
    }

    private struct State {
        var idle: [EpollLoop]
        var waiting: [Waiting] = []
        var lastID: UInt64 = 0

        mutating func remove(_ id: UInt64) -> Job? {
            waiting.firstIndex { $0.id == id }.map { waiting.remove(at: $0).job }
        }
    }

    /// Where a piece of work goes.
    private enum Place {
        case thread(EpollLoop)
        case queue(UInt64)
        case nowhere
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
    ///   - deadline: Until when it may wait for a thread; work that has begun is not called back.
    ///   - work: What to compute.
    /// - Returns: What `work` returned; nil when it has not begun by its deadline.
    /// - Throws: ``MemoryError`` `busy` when as much waits as may.
    func run<Value: Sendable>(
        isUrgent: Bool = true,
        until deadline: ContinuousClock.Instant,
        _ work: @escaping @Sendable () -> Value
    ) async throws(MemoryError) -> Value? {
        let waitingMax = isUrgent ? waitingMax : waitingMax / 2
        var timer: Task<Void, any Error>?
        let outcome: Outcome<Value> = await withCheckedContinuation { continuation in
            let job: Job = { isInTime in continuation.resume(returning: isInTime ? .done(work()) : .late) }
            switch place(job, until: deadline, waitingMax: waitingMax) {
            case .thread(let loop):
                // A loop that has stopped takes nothing more: what is left is computed here.
                if !loop.execute({ self.drain(loop, job) }) { job(true) }
            case .queue(let id):
                // unstructured: all threads are busy, and who waits can only be woken. It goes when that is done.
                timer = Task {
                    try await Task.sleep(until: deadline, clock: .continuous)
                    if let job = self.state.withLock({ $0.remove(id) }) { job(false) }
                }
            case .nowhere: continuation.resume(returning: .refused)
            }
        }
        timer?.cancel()
        switch outcome {
        case .done(let value): return value
        case .late: return nil
        case .refused: throw MemoryError(.busy, "\(waitingMax) computations wait already: try again later")
        }
    }

    private func place(_ job: @escaping Job, until deadline: ContinuousClock.Instant, waitingMax: Int) -> Place {
        state.withLock { state in
            if let loop = state.idle.popLast() { return .thread(loop) }
            guard state.waiting.count < waitingMax else { return .nowhere }
            state.lastID += 1
            state.waiting.append(Waiting(id: state.lastID, deadline: deadline, job: job))
            return .queue(state.lastID)
        }
    }

    /// Does one piece of work, then what waits.
    private func drain(_ loop: EpollLoop, _ first: @escaping Job) {
        first(true)
        while let next = next(for: loop) {
            // The timer of one that is late may be on its way only.
            next.job(ContinuousClock.now < next.deadline)
        }
    }

    private func next(for loop: EpollLoop) -> Waiting? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.idle.append(loop)
                return nil
            }
            return state.waiting.removeFirst()
        }
    }

    /// Ends the threads after what they were given.
    func stop() {
        for loop in loops {
            loop.stop()
        }
    }
}
