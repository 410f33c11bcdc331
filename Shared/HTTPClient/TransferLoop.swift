import CCurl
import Glibc
import Synchronization

/// libcurl's multi handle on one thread of its own, driven by epoll.
///
/// Everything here happens on that thread.
///
/// Tasks reach it through the mailbox only, so nothing here is locked. The thread holds the loop and the mailbox, not
/// the client: the client's end posts `shutDown`, which ends the thread.
final class TransferLoop {
    private let mailbox: TransferMailbox
    private let configuration: HTTPClientPool.Configuration
    private let multi: UnsafeMutableRawPointer
    private let epoll: Int32
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    private var idleHandles: [EasyHandle] = []
    /// When libcurl wants to be called without an event, in monotonic nanoseconds.
    fileprivate var curlTimer: UInt64 = .max
    /// When a transfer's own limits are to be looked at.
    private var nextCheck: UInt64 = .max
    private var isStopping = false

    /// Handles that are kept for reuse; making one costs about 6 KB and some microseconds.
    private static let idleHandlesMax = 64
    private static let eventsMax = 64
    /// How long a released exchange may take to end, so that its connection can be used again.
    private static let releaseNanosecondsMax: UInt64 = 1_000_000_000

    init(mailbox: TransferMailbox, configuration: HTTPClientPool.Configuration) throws(HTTPClientError) {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else {
            throw HTTPClientError(
                code: .overloaded,
                message: "no epoll descriptor (errno \(errno)); raise the limit of open files"
            )
        }
        guard let multi = curl_multi_init() else {
            _ = close(epoll)
            throw HTTPClientError(code: .overloaded, message: "libcurl could not make a multi handle")
        }
        self.mailbox = mailbox
        self.configuration = configuration
        self.multi = multi
        self.epoll = epoll
        ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHostMax)
        ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, configuration.connectionsMax)
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.connectionsMax)
        let context = Unmanaged.passUnretained(self).toOpaque()
        ccurl_multi_set_socket_callback(multi, socketChanged, context)
        ccurl_multi_set_timer_callback(multi, timerChanged, context)
        watch(mailbox.wakeDescriptor, events: EPOLLIN.rawValue)
    }

    deinit {
        idleHandles.removeAll()
        curl_multi_cleanup(multi)
        _ = close(epoll)
    }

    /// Runs until the mailbox brings `shutDown`; then fails what is under way and returns who waits for the end.
    func run() -> [CheckedContinuation<Void, Never>] {
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsMax)
        while !isStopping {
            let ready = epoll_wait(epoll, &events, Int32(events.count), waitMilliseconds())
            for event in events.prefix(max(0, Int(ready))) {
                handle(event)
            }
            if monotonicNanoseconds() >= curlTimer {
                curlTimer = .max
                act(on: CURL_SOCKET_TIMEOUT, 0)
            }
            for command in mailbox.take() {
                perform(command)
            }
            collectFinished()
            checkLimits()
        }
        return stop()
    }

    // MARK: Events

    fileprivate func watch(_ descriptor: Int32, events: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.fd = descriptor
        if epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) != 0 {
            _ = epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        }
    }

    fileprivate func unwatch(_ descriptor: Int32) {
        var event = epoll_event()
        // It fails when the descriptor is closed already, which has removed it.
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
    }

    private func waitMilliseconds() -> Int32 {
        let next = min(curlTimer, nextCheck)
        guard next != .max else { return -1 }
        let now = monotonicNanoseconds()
        guard next > now else { return 0 }
        // Rounded up, so that the loop does not spin through the last millisecond.
        return Int32(clamping: (next - now) / 1_000_000 + 1)
    }

    private func handle(_ event: epoll_event) {
        guard event.data.fd != mailbox.wakeDescriptor else {
            mailbox.acknowledgeWake()
            return
        }
        var action: Int32 = 0
        if event.events & EPOLLIN.rawValue != 0 { action |= CURL_CSELECT_IN }
        if event.events & EPOLLOUT.rawValue != 0 { action |= CURL_CSELECT_OUT }
        if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { action |= CURL_CSELECT_ERR }
        act(on: event.data.fd, action)
    }

    private func act(on descriptor: Int32, _ action: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, descriptor, action, &running)
    }

    // MARK: Commands

    private func perform(_ command: TransferMailbox.Command) {
        switch command {
        case .start(let transfer):
            start(transfer)
        case .cancel(let transfer):
            if isRunning(transfer) {
                end(transfer, .cancelled(transfer))
            }
        case .resume(let transfer):
            resume(transfer)
        case .release(let transfer):
            guard isRunning(transfer) else { return }
            transfer.isDiscarding = true
            transfer.deadline = min(transfer.deadline, monotonicNanoseconds() + Self.releaseNanosecondsMax)
            nextCheck = min(nextCheck, transfer.nextCheck)
            resume(transfer)
        case .shutDown:
            isStopping = true
        }
    }

    private func resume(_ transfer: Transfer) {
        guard isRunning(transfer), transfer.isPaused, let handle = transfer.handle else { return }
        transfer.isPaused = false
        transfer.lastActivity = monotonicNanoseconds()
        nextCheck = min(nextCheck, transfer.nextCheck)
        curl_easy_pause(handle.pointer, CURLPAUSE_CONT)
    }

    private func isRunning(_ transfer: Transfer) -> Bool {
        transfers[ObjectIdentifier(transfer)] != nil
    }

    private func start(_ transfer: Transfer) {
        guard !transfer.isCancelled.load(ordering: .acquiring) else {
            return transfer.finish(.cancelled(transfer))
        }
        guard transfers.count < configuration.transfersMax, let handle = idleHandles.popLast() ?? EasyHandle() else {
            return transfer.finish(
                HTTPClientError(
                    code: .overloaded,
                    message: "\(transfers.count) exchanges are under way; try again later or raise transfersMax"
                )
            )
        }
        let now = monotonicNanoseconds()
        transfer.startClock(now: now)
        guard transfer.deadline > now else { return transfer.finish(.timedOut(transfer, "before it could be sent")) }
        nextCheck = min(nextCheck, transfer.nextCheck)
        transfer.handle = handle
        transfers[ObjectIdentifier(transfer)] = transfer
        handle.prepare(for: transfer, context: Unmanaged.passUnretained(transfer).toOpaque())
        curl_multi_add_handle(multi, handle.pointer)
    }

    // MARK: Ends

    private func collectFinished() {
        var remaining: Int32 = 0
        while let message = curl_multi_info_read(multi, &remaining) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let context = ccurl_context(easy)
            else { continue }
            let result = message.pointee.data.result
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            end(transfer, result == CURLE_OK ? nil : transfer.failure ?? HTTPClientError(result, of: transfer))
        }
    }

    private func checkLimits() {
        let now = monotonicNanoseconds()
        guard now >= nextCheck else { return }
        nextCheck = .max
        for transfer in Array(transfers.values) {
            if let limit = transfer.passedLimit(now: now) {
                end(transfer, .timedOut(transfer, limit))
            } else {
                nextCheck = min(nextCheck, transfer.nextCheck)
            }
        }
    }

    /// Takes the transfer out; one that is not complete loses its connection, so that the peer sees the end.
    private func end(_ transfer: Transfer, _ error: HTTPClientError?) {
        transfers[ObjectIdentifier(transfer)] = nil
        if let handle = transfer.handle {
            transfer.handle = nil
            curl_multi_remove_handle(multi, handle.pointer)
            handle.reset()
            if idleHandles.count < Self.idleHandlesMax {
                idleHandles.append(handle)
            }
        }
        transfer.finish(error)
    }

    private func stop() -> [CheckedContinuation<Void, Never>] {
        let (commands, waiters) = mailbox.close()
        for transfer in Array(transfers.values) {
            end(transfer, .shutDown)
        }
        for case .start(let transfer) in commands {
            transfer.finish(.shutDown)
        }
        return waiters
    }
}

/// libcurl wants to know when a socket is readable or writable.
private func socketChanged(
    _ easy: UnsafeMutableRawPointer?,
    _ socket: curl_socket_t,
    _ what: Int32,
    _ context: UnsafeMutableRawPointer?,
    _ socketContext: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return 0 }
    let loop = Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue()
    switch what {
    case CURL_POLL_IN: loop.watch(socket, events: EPOLLIN.rawValue)
    case CURL_POLL_OUT: loop.watch(socket, events: EPOLLOUT.rawValue)
    case CURL_POLL_INOUT: loop.watch(socket, events: EPOLLIN.rawValue | EPOLLOUT.rawValue)
    case CURL_POLL_REMOVE: loop.unwatch(socket)
    default: break
    }
    return 0
}

/// libcurl wants to be called after so many milliseconds, or (−1) not at all.
private func timerChanged(
    _ multi: UnsafeMutableRawPointer?,
    _ milliseconds: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return 0 }
    let loop = Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue()
    loop.curlTimer = milliseconds < 0 ? .max : monotonicNanoseconds() &+ UInt64(milliseconds) * 1_000_000
    return 0
}

/// The monotonic clock in nanoseconds.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
