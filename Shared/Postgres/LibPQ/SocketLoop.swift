import CSystem
import Glibc
import Synchronization

/// A thread that waits for sockets (epoll, edge-triggered), calls and timers.
///
/// Everything but `execute`, `stop` and `start` is used on that thread only, which is why the class can be shared
/// without a lock.
final class SocketLoop: @unchecked Sendable {
    /// What a handler is told: readable and writable; an error or a hang-up is both.
    typealias Handler = (_ isReadable: Bool, _ isWritable: Bool) -> Void

    private struct Watch {
        let generation: UInt64
        let handler: Handler
    }

    private struct Timer {
        var next: ContinuousClock.Instant
        let interval: Duration
        let body: () -> Void
    }

    private static let eventsMax = 128

    private let epoll: Int32
    private let wakeup: Int32
    private let calls = Mutex<[@Sendable () -> Void]>([])
    private let isStopped = Atomic<Bool>(false)
    private var watches: [Int32: Watch] = [:]
    private var timers: [UInt64: Timer] = [:]
    private var lastGeneration: UInt64 = 0

    private init(epoll: Int32, wakeup: Int32) {
        self.epoll = epoll
        self.wakeup = wakeup
    }

    deinit {
        Glibc.close(wakeup)
        Glibc.close(epoll)
    }

    /// Starts the thread.
    /// - Throws: `PostgresError` when the process is out of descriptors or threads.
    static func start() throws(PostgresError) -> SocketLoop {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        let wakeup = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        let loop = SocketLoop(epoll: epoll, wakeup: wakeup)
        guard epoll >= 0, wakeup >= 0, loop.control(EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue) else { throw unavailable }
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<SocketLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(loop).toOpaque()
        )
        guard status == 0 else {
            Unmanaged.passUnretained(loop).release()
            throw unavailable
        }
        pthread_detach(thread)
        return loop
    }

    private static let unavailable = PostgresError(
        .connection,
        "no thread can be started for the database: the process is out of descriptors or threads"
    )

    /// Runs a closure on the loop's thread, in the order of the calls.
    func execute(_ body: @escaping @Sendable () -> Void) {
        let isFirst = calls.withLock { calls in
            calls.append(body)
            return calls.count == 1
        }
        guard isFirst else { return }
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    /// Ends the thread after what was given to `execute` before.
    func stop() {
        execute { self.isStopped.store(true, ordering: .relaxed) }
    }

    /// Begins to watch; a socket that is ready already is told at once.
    /// - Returns: What `unwatch` asks for; nil when the kernel refused.
    func watch(_ descriptor: Int32, handler: @escaping Handler) -> UInt64? {
        let interest = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        guard control(EPOLL_CTL_ADD, descriptor, interest) else { return nil }
        lastGeneration += 1
        watches[descriptor] = Watch(generation: lastGeneration, handler: handler)
        return lastGeneration
    }

    /// Ends a watch, before the descriptor is closed.
    func unwatch(_ descriptor: Int32, _ generation: UInt64) {
        guard watches[descriptor]?.generation == generation else { return }
        watches[descriptor] = nil
        _ = control(EPOLL_CTL_DEL, descriptor, 0)
    }

    /// Calls back again and again.
    /// - Returns: What `cancelTimer` asks for.
    func every(_ interval: Duration, _ body: @escaping () -> Void) -> UInt64 {
        lastGeneration += 1
        timers[lastGeneration] = Timer(next: .now + interval, interval: interval, body: body)
        return lastGeneration
    }

    func cancelTimer(_ timer: UInt64) {
        timers[timer] = nil
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ interest: UInt32) -> Bool {
        var event = epoll_event()
        event.events = interest
        event.data.fd = descriptor
        return epoll_ctl(epoll, operation, descriptor, &event) == 0
    }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsMax)
        while !isStopped.load(ordering: .relaxed) {
            let count = epoll_wait(epoll, &events, Int32(Self.eventsMax), millisecondsToTimer())
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            let pending = calls.withLock { calls in
                defer { calls = [] }
                return calls
            }
            for body in pending { body() }
            if !timers.isEmpty { fireTimers() }
        }
    }

    private func dispatch(_ event: epoll_event) {
        let descriptor = event.data.fd
        guard descriptor != wakeup else {
            var count: UInt64 = 0
            _ = read(wakeup, &count, 8)
            return
        }
        let isBroken = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        let isReadable = event.events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0
        watches[descriptor]?.handler(isReadable || isBroken, event.events & EPOLLOUT.rawValue != 0 || isBroken)
    }

    private func millisecondsToTimer() -> Int32 {
        guard let next = timers.values.map(\.next).min() else { return -1 }
        let (seconds, attoseconds) = (next - .now).components
        // One more, because a wait that ends too early would only be repeated.
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
        return Int32(clamping: max(0, milliseconds))
    }

    private func fireTimers() {
        let now = ContinuousClock.now
        for (id, timer) in timers where timer.next <= now {
            timers[id]?.next = now + timer.interval
            timer.body()
        }
    }
}
