import CSystem
import Glibc
import Synchronization

/// What the kernel refused to an event loop.
package struct EventLoopError: Error, Sendable, CustomStringConvertible {
    /// The call that failed.
    package let call: String
    /// Its `errno`.
    package let code: Int32

    /// The call, and why it failed.
    package var description: String { "\(call) failed: \(String(cString: strerror(code)))." }
}

/// One epoll instance with a thread of its own. Everything that is registered with it is called on that thread and
/// needs no lock.
///
/// Registrations are edge-triggered: a handler is told once that its descriptor became ready, and must read or write
/// until the kernel says that it would block.
package final class EventLoop: @unchecked Sendable {
    // Unchecked, because all state but the executor's is touched by the loop's thread alone.

    /// What a descriptor is ready for.
    package struct Readiness: Sendable {
        /// There is something to read, or the end of it.
        package let isReadable: Bool
        /// There is room to write.
        package let isWritable: Bool
        /// The peer sends no more.
        package let isHalfClosed: Bool
        /// The connection is broken.
        package let isBroken: Bool
    }

    /// A descriptor in the care of a loop. To be used on the loop's thread.
    package final class Registration {
        private let descriptor: Int32
        private let slot: Int
        private weak var loop: EventLoop?

        fileprivate init(descriptor: Int32, slot: Int, loop: EventLoop) {
            self.descriptor = descriptor
            self.slot = slot
            self.loop = loop
        }

        /// Ends the calls. Must come before the descriptor is closed; a second time it does nothing.
        package func cancel() {
            loop?.remove(descriptor, slot: slot)
            loop = nil
        }
    }

    private struct Slot {
        var handler: ((Readiness) -> Void)?
        /// Grows with each use, so that an event for the slot's former owner is told from one for the present.
        var generation: UInt32 = 0
    }

    private struct Timer {
        var due: ContinuousClock.Instant
        let period: Duration?
        let work: () -> Void
    }

    private static let wakeKey = UInt64.max
    private static let eventsMax = 256

    private let poller: Int32
    private let wakeDescriptor: Int32
    private let jobs: LoopExecutor
    private let isStopped = Atomic<Bool>(false)
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var timers: [UInt64: Timer] = [:]
    private var lastTimer: UInt64 = 0

    /// Called after each round of events and jobs: the place to write what they have put together.
    package var afterEachRound: (() -> Void)?

    /// Runs jobs on the loop's thread: `Task(executorPreference:)`.
    package var executor: any TaskExecutor { jobs }

    /// Whether the caller runs on the loop's thread.
    package var isOnLoop: Bool { jobs.isOnLoop }

    /// The time at which the present round began: cheap, and exact enough for time limits.
    package private(set) var now = ContinuousClock.now

    private init() throws(EventLoopError) {
        let poller = epoll_create1(Int32(EPOLL_CLOEXEC))
        if poller < 0 { throw EventLoopError(call: "epoll_create1", code: errno) }
        let wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        if wakeDescriptor < 0 {
            let code = errno
            close(poller)
            throw EventLoopError(call: "eventfd", code: code)
        }
        self.poller = poller
        self.wakeDescriptor = wakeDescriptor
        jobs = LoopExecutor {
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, 8)
        }
        try watch(wakeDescriptor, key: Self.wakeKey, events: EPOLLIN.rawValue)
    }

    deinit {
        close(poller)
        close(wakeDescriptor)
    }

    /// Makes a loop and starts its thread.
    /// - Parameter name: The thread's name, of which the kernel keeps 15 bytes.
    /// - Throws: ``EventLoopError`` when descriptors or threads have run out.
    package static func start(name: String) throws(EventLoopError) -> EventLoop {
        let loop = try EventLoop()
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(loop).toOpaque()
        )
        if code != 0 {
            Unmanaged.passUnretained(loop).release()
            throw EventLoopError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
        loop.execute { csystem_name_thread(String(name.prefix(15))) }
        return loop
    }

    /// Runs `work` on the loop's thread, soon.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        jobs.post(work)
    }

    /// Watches a descriptor. On the loop's thread.
    /// - Parameters:
    ///   - descriptor: The descriptor, in non-blocking mode.
    ///   - handler: Called on the loop's thread.
    /// - Throws: ``EventLoopError``.
    package func register(
        _ descriptor: Int32,
        handler: @escaping (Readiness) -> Void
    ) throws(EventLoopError) -> Registration {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = slots.count
            slots.append(Slot())
        }
        let events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        do {
            try watch(descriptor, key: UInt64(slots[slot].generation) << 32 | UInt64(slot), events: events)
        } catch {
            freeSlots.append(slot)
            throw error
        }
        slots[slot].handler = handler
        return Registration(descriptor: descriptor, slot: slot, loop: self)
    }

    /// Calls `work` again and again. On the loop's thread.
    /// - Returns: A name for ``cancelTimer(_:)``.
    package func every(_ period: Duration, _ work: @escaping () -> Void) -> UInt64 {
        add(Timer(due: .now + period, period: period, work: work))
    }

    /// Calls `work` once. On the loop's thread.
    /// - Returns: A name for ``cancelTimer(_:)``.
    package func after(_ delay: Duration, _ work: @escaping () -> Void) -> UInt64 {
        add(Timer(due: .now + delay, period: nil, work: work))
    }

    /// Ends a timer. On the loop's thread.
    package func cancelTimer(_ timer: UInt64) {
        timers[timer] = nil
    }

    /// Ends the loop and its thread after the present round.
    package func stop() {
        isStopped.store(true, ordering: .releasing)
        execute {}
    }

    private func add(_ timer: Timer) -> UInt64 {
        lastTimer += 1
        timers[lastTimer] = timer
        return lastTimer
    }

    private func watch(_ descriptor: Int32, key: UInt64, events: UInt32) throws(EventLoopError) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = key
        if epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0 {
            throw EventLoopError(call: "epoll_ctl", code: errno)
        }
    }

    fileprivate func remove(_ descriptor: Int32, slot: Int) {
        var event = epoll_event()
        epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event)
        slots[slot].handler = nil
        slots[slot].generation &+= 1
        freeSlots.append(slot)
    }

    private func run() {
        jobs.bindToCurrentThread()
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsMax)
        while !isStopped.load(ordering: .acquiring) {
            let count = epoll_wait(poller, &events, Int32(Self.eventsMax), timeoutMilliseconds())
            now = .now
            if count > 0 {
                for event in events[0..<Int(count)] {
                    dispatch(event)
                }
            }
            jobs.drain()
            runTimers()
            afterEachRound?()
        }
    }

    private func dispatch(_ event: epoll_event) {
        let key = event.data.u64
        if key == Self.wakeKey {
            var count: UInt64 = 0
            _ = read(wakeDescriptor, &count, 8)
            return
        }
        let slot = Int(key & 0xFFFF_FFFF)
        guard slots[slot].generation == UInt32(key >> 32), let handler = slots[slot].handler else { return }
        let bits = event.events
        let isBroken = bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        handler(
            Readiness(
                isReadable: isBroken || bits & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0,
                isWritable: isBroken || bits & EPOLLOUT.rawValue != 0,
                isHalfClosed: bits & EPOLLRDHUP.rawValue != 0,
                isBroken: isBroken
            )
        )
    }

    private func timeoutMilliseconds() -> Int32 {
        if jobs.hasWork { return 0 }
        guard let next = timers.values.map(\.due).min() else { return -1 }
        let rest = ContinuousClock.now.duration(to: next).components
        if rest.seconds < 0 || rest.attoseconds < 0 { return 0 }
        // Rounded up: woken a moment too early the loop would spin until the timer is due.
        return Int32(clamping: rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000 + 1)
    }

    private func runTimers() {
        if timers.isEmpty { return }
        for (id, timer) in timers where timer.due <= now {
            if let period = timer.period {
                timers[id]?.due = now + period
            } else {
                timers[id] = nil
            }
            timer.work()
        }
    }
}
