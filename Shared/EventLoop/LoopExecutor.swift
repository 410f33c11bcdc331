import Glibc
import Synchronization

/// Runs Swift jobs on one thread: the event loop's. A handler that runs where its socket is served costs half of what
/// a hop to the global pool and back costs.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    // Unchecked, because `local` and `isDraining` are touched by the loop's thread alone and `thread` is written once,
    // before the loop takes its first job; the rest is locked or atomic.
    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var calls: [@Sendable () -> Void] = []
    }

    /// How many jobs run before the sockets are looked at again.
    private static let jobsPerTurnMax = 4096

    private let mailbox = Mutex(Mailbox())
    private let hasMail = Atomic<Bool>(false)
    private let wake: @Sendable () -> Void
    private var local: [UnownedJob] = []
    private var isDraining = false
    private var thread: pthread_t?

    /// Makes an executor.
    /// - Parameter wake: Makes the loop return from its wait; called from any thread.
    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
        local.reserveCapacity(256)
    }

    /// Says that the calling thread is the loop's.
    func bindToCurrentThread() {
        thread = pthread_self()
    }

    /// Whether the caller runs on the loop's thread.
    var isOnLoop: Bool {
        guard let thread else { return false }
        return pthread_equal(pthread_self(), thread) != 0
    }

    /// Whether jobs are ready to run.
    var hasWork: Bool { !local.isEmpty || hasMail.load(ordering: .acquiring) }

    /// Takes a job from any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            local.append(job)
            return
        }
        mailbox.withLock { $0.jobs.append(job) }
        wakeOnce()
    }

    /// Runs `call` on the loop's thread, soon.
    func post(_ call: @escaping @Sendable () -> Void) {
        mailbox.withLock { $0.calls.append(call) }
        wakeOnce()
    }

    private func wakeOnce() {
        if !hasMail.exchange(true, ordering: .acquiringAndReleasing) { wake() }
    }

    /// Runs what is ready. On the loop's thread only.
    func drain() {
        if isDraining { return }
        isDraining = true
        defer { isDraining = false }
        takeMail()
        let executor = asUnownedTaskExecutor()
        var done = 0
        while done < local.count, done < Self.jobsPerTurnMax {
            local[done].runSynchronously(on: executor)
            done += 1
        }
        if done == local.count {
            local.removeAll(keepingCapacity: true)
        } else {
            local.removeFirst(done)
        }
    }

    private func takeMail() {
        guard hasMail.exchange(false, ordering: .acquiringAndReleasing) else { return }
        let mail = mailbox.withLock { mailbox in
            defer { mailbox = Mailbox() }
            return mailbox
        }
        local += mail.jobs
        for call in mail.calls {
            call()
        }
    }
}
