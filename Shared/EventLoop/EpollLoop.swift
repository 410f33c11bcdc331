import CSystem
import Glibc
import Synchronization

/// One epoll instance with a thread of its own.
///
/// Everything that is registered with it is called on that thread and needs no lock. Registrations are edge-triggered:
/// a handler is told once that its descriptor became ready, and must read or write until the kernel says that it would
/// block. Without events, work and timers the thread sleeps; the wait is computed from the next timer.
///
/// From any thread: ``start(name:)``, ``execute(_:)``, ``stop()``, ``executor`` and ``isOnLoop``. All else is used on
/// the loop's thread only.
package final class EpollLoop: @unchecked Sendable {
    // Unchecked, because all state but the executor's and `isStopped` is touched by the loop's thread alone.

    /// Names a timer, for ``cancelTimer(_:)``.
    package typealias TimerID = UInt64

    /// What a descriptor is ready for.
    package struct Readiness: Sendable, Hashable {
        /// There is something to read: bytes, the end of them, or an error.
        package let isReadable: Bool
        /// There is room to write, or a write would tell an error.
        package let isWritable: Bool
        /// The peer has ended its side and sends no more (it may still read).
        package let isHalfClosed: Bool
        /// The connection is broken or closed on both sides.
        package let isBroken: Bool
    }

    /// A descriptor in the care of a loop.
    package final class Registration {
        private let descriptor: Int32
        private let slot: Int
        private var loop: EpollLoop?

        fileprivate init(descriptor: Int32, slot: Int, loop: EpollLoop) {
            self.descriptor = descriptor
            self.slot = slot
            self.loop = loop
        }

        /// Ends the calls, also those for events that the kernel has told already.
        ///
        /// To be called before the descriptor is closed; a second time it does nothing.
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

    private static let wakeKey = UInt64.max
    private static let eventsPerRoundMax = 256

    private let name: String
    private let poller: Int32
    private let wakeDescriptor: Int32
    private let jobs: LoopExecutor
    private let isStopped = Atomic<Bool>(false)
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var timers = TimerTable()
    private var roundHooks: [() -> Void] = []

    /// The time at which the present round began: costs nothing, and is exact enough for time limits.
    package private(set) var now = ContinuousClock.now

    /// Runs jobs on the loop's thread: `Task(executorPreference:)`.
    package var executor: any TaskExecutor { jobs }

    /// Whether the caller runs on the loop's thread.
    package var isOnLoop: Bool { jobs.isOnLoop }

    private init(name: String) throws(EventLoopError) {
        self.name = name
        let poller = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poller >= 0 else { throw EventLoopError(code: .descriptors, systemError: errno) }
        let wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard wakeDescriptor >= 0 else {
            let systemError = errno
            close(poller)
            throw EventLoopError(code: .descriptors, systemError: systemError)
        }
        self.poller = poller
        self.wakeDescriptor = wakeDescriptor
        jobs = LoopExecutor {
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
        }
        try watch(wakeDescriptor, key: Self.wakeKey, events: EPOLLIN.rawValue)
    }

    deinit {
        close(poller)
        close(wakeDescriptor)
    }

    /// Makes a loop and starts its thread, which runs until ``stop()``.
    /// - Parameter name: The thread's name, of which the kernel keeps 15 bytes.
    /// - Returns: The loop, ready for calls.
    /// - Throws: ``EventLoopError`` when descriptors or threads have run out.
    package static func start(name: String) throws(EventLoopError) -> EpollLoop {
        let loop = try EpollLoop(name: name)
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EpollLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(loop).toOpaque()
        )
        guard status == 0 else {
            Unmanaged.passUnretained(loop).release()
            throw EventLoopError(code: .thread, systemError: status)
        }
        pthread_detach(thread)
        return loop
    }

    /// Runs `work` on the loop's thread, in the order of the calls.
    ///
    /// Never inline, not even on the loop's thread.
    /// - Returns: False when the loop has ended and the work will not run.
    @discardableResult
    package func execute(_ work: @escaping @Sendable () -> Void) -> Bool {
        jobs.post(work)
    }

    /// Ends the thread after what was given to ``execute(_:)`` before.
    ///
    /// Descriptors stay open; tasks that prefer the loop's executor go on in the global pool.
    package func stop() {
        execute { self.isStopped.store(true, ordering: .relaxed) }
    }

    /// Watches a descriptor; when it is ready already the handler is told so in the next round.
    /// - Parameters:
    ///   - descriptor: The descriptor, in non-blocking mode; it stays the caller's to close.
    ///   - handler: Called on the loop's thread.
    /// - Returns: What ends the calls.
    /// - Throws: ``EventLoopError`` when the kernel refuses.
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

    /// Calls `work` again and again.
    /// - Returns: A name for ``cancelTimer(_:)``.
    package func every(_ period: Duration, _ work: @escaping () -> Void) -> TimerID {
        precondition(period > .zero, "a timer without a period would keep the loop busy")
        return timers.add(due: .now + period, period: period, work: work)
    }

    /// Calls `work` once.
    /// - Returns: A name for ``cancelTimer(_:)``.
    @discardableResult
    package func after(_ delay: Duration, _ work: @escaping () -> Void) -> TimerID {
        timers.add(due: .now + delay, work: work)
    }

    /// Ends a timer; one that has ended is left alone.
    package func cancelTimer(_ timer: TimerID) {
        timers.cancel(timer)
    }

    /// Calls `hook` after each round of events, jobs and timers, as long as the loop runs.
    ///
    /// The place to write in one go what a round has put together.
    package func afterEachRound(_ hook: @escaping () -> Void) {
        roundHooks.append(hook)
    }

    private func watch(_ descriptor: Int32, key: UInt64, events: UInt32) throws(EventLoopError) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = key
        guard epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw EventLoopError(code: .registration, systemError: errno)
        }
    }

    private func remove(_ descriptor: Int32, slot: Int) {
        var event = epoll_event()
        epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event)
        // The slots go with the thread.
        guard slots.indices.contains(slot) else { return }
        slots[slot].handler = nil
        slots[slot].generation &+= 1
        freeSlots.append(slot)
    }

    // MARK: The thread

    private func run() {
        csystem_name_thread(String(decoding: name.utf8.prefix(15), as: UTF8.self))
        jobs.bindToCurrentThread()
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerRoundMax)
        while !isStopped.load(ordering: .relaxed) {
            let count = epoll_wait(poller, &events, Int32(Self.eventsPerRoundMax), timeoutMilliseconds())
            now = .now
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            jobs.drain()
            runTimers()
            for hook in roundHooks { hook() }
        }
        jobs.close()
        roundHooks = []
        timers = TimerTable()
        slots = []
    }

    private func dispatch(_ event: epoll_event) {
        let key = event.data.u64
        guard key != Self.wakeKey else {
            var count: UInt64 = 0
            _ = read(wakeDescriptor, &count, MemoryLayout<UInt64>.size)
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
        guard let next = timers.nextDue else { return -1 }
        let rest = ContinuousClock.now.duration(to: next)
        guard rest > .zero else { return 0 }
        let (seconds, attoseconds) = rest.components
        // Rounded up: woken a moment too early the loop would spin until the timer is due.
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    private func runTimers() {
        guard let next = timers.nextDue, next <= now else { return }
        for id in timers.due(at: now) {
            timers.take(id, at: now)?()
        }
    }
}
