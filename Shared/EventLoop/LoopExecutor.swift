import Glibc
import Synchronization

/// Runs Swift jobs on one thread: the event loop's.
///
/// A handler that runs where its socket is served costs half of what a hop to the global pool and back costs. Jobs that
/// are enqueued on the loop's thread, which is the common case, take no lock.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    // Unchecked, because `local` and `isDraining` are touched by the loop's thread alone; the rest is locked or atomic.

    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var calls: [@Sendable () -> Void] = []
        /// Whether the loop has ended: nobody empties the mailbox any more.
        var isClosed = false
    }

    /// How many jobs run before the sockets are looked at again.
    private static let jobsPerRoundMax = 4096

    private let mailbox = Mutex(Mailbox())
    private let hasMail = Atomic<Bool>(false)
    /// The loop's thread; 0 before it runs and after it has ended.
    private let thread = Atomic<UInt>(0)
    private let wake: @Sendable () -> Void
    private var local: [UnownedJob] = []
    private var isDraining = false

    /// Makes an executor.
    /// - Parameter wake: Makes the loop return from its wait; called from any thread.
    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
        local.reserveCapacity(256)
    }

    /// Says that the calling thread is the loop's.
    func bindToCurrentThread() {
        thread.store(pthread_self(), ordering: .relaxed)
    }

    /// Whether the caller runs on the loop's thread.
    ///
    /// A thread can only read its own id here when it has stored it itself, so no ordering is needed.
    var isOnLoop: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Whether jobs or calls are ready to run.
    var hasWork: Bool { !local.isEmpty || hasMail.load(ordering: .acquiring) }

    /// Takes a job from any thread.
    ///
    /// When the loop has ended the job runs in the global pool, so that no task waits for ever.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            local.append(job)
            return
        }
        let isTaken = mailbox.withLock { mailbox in
            if !mailbox.isClosed { mailbox.jobs.append(job) }
            return !mailbox.isClosed
        }
        if isTaken { wakeOnce() } else { globalConcurrentExecutor.enqueue(job) }
    }

    /// Runs `call` on the loop's thread, soon, in the order of the calls.
    /// - Returns: False when the loop has ended and the call will not run.
    func post(_ call: @escaping @Sendable () -> Void) -> Bool {
        let isTaken = mailbox.withLock { mailbox in
            if !mailbox.isClosed { mailbox.calls.append(call) }
            return !mailbox.isClosed
        }
        if isTaken { wakeOnce() }
        return isTaken
    }

    private func wakeOnce() {
        if !hasMail.exchange(true, ordering: .acquiringAndReleasing) { wake() }
    }

    /// Runs what is ready; within a job it does nothing.
    ///
    /// On the loop's thread only.
    func drain() {
        if isDraining { return }
        isDraining = true
        defer { isDraining = false }
        takeMail()
        let executor = asUnownedTaskExecutor()
        var done = 0
        while done < local.count, done < Self.jobsPerRoundMax {
            local[done].runSynchronously(on: executor)
            done += 1
        }
        if done == local.count {
            local.removeAll(keepingCapacity: true)
        } else {
            local.removeFirst(done)
        }
    }

    /// Ends the work on the loop's thread: runs the calls that are there, gives jobs to the global pool from here on.
    func close() {
        takeMail()
        let rest = mailbox.withLock { mailbox in
            mailbox.isClosed = true
            defer { mailbox.jobs = [] }
            return mailbox.jobs
        }
        takeCalls()
        thread.store(0, ordering: .relaxed)
        for job in local + rest {
            globalConcurrentExecutor.enqueue(job)
        }
        local = []
    }

    private func takeMail() {
        guard hasMail.exchange(false, ordering: .acquiringAndReleasing) else { return }
        local += mailbox.withLock { mailbox in
            defer { mailbox.jobs = [] }
            return mailbox.jobs
        }
        takeCalls()
    }

    private func takeCalls() {
        let calls = mailbox.withLock { mailbox in
            defer { mailbox.calls = [] }
            return mailbox.calls
        }
        for call in calls { call() }
    }
}
