import CCurl
import Glibc
import Synchronization

/// How tasks talk to the loop's thread: a list of commands and an eventfd that wakes it.
final class TransferMailbox: Sendable {
    enum Command {
        case start(Transfer)
        case cancel(Transfer)
        /// The reader has room again.
        case resume(Transfer)
        /// The reader has what it wants: the rest may come, soon, and is dropped.
        case release(Transfer)
        case shutDown
    }

    private struct State {
        var commands: [Command] = []
        var isClosed = false
        var shutdownWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// The descriptor that becomes readable when there are commands.
    let wakeDescriptor: Int32
    private let state = Mutex(State())

    init() throws(HTTPClientError) {
        wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard wakeDescriptor >= 0 else {
            throw HTTPClientError(
                code: .overloaded,
                message: "no eventfd for the client's loop (errno \(errno)); raise the limit of open files"
            )
        }
    }

    deinit {
        close(wakeDescriptor)
    }

    /// Queues a command.
    ///
    /// Returns false if the loop has ended: then nobody will see it.
    @discardableResult
    func post(_ command: Command) -> Bool {
        if case .cancel(let transfer) = command {
            transfer.isCancelled.store(true, ordering: .releasing)
        }
        let (isAccepted, wakes) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.commands.append(command)
            return (true, state.commands.count == 1)
        }
        if wakes {
            wake()
        }
        return isAccepted
    }

    /// Loop: everything that was queued.
    func take() -> [Command] {
        state.withLock { state in
            guard !state.commands.isEmpty else { return [] }
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Loop: it is over.
    ///
    /// Returns what nobody has taken, and whom to tell.
    func close() -> (commands: [Command], waiters: [CheckedContinuation<Void, Never>]) {
        state.withLock { state in
            state.isClosed = true
            let rest = (state.commands, state.shutdownWaiters)
            state.commands = []
            state.shutdownWaiters = []
            return rest
        }
    }

    /// Asks the loop to end, and waits until it has.
    func shutDown() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                guard !state.isClosed else { return true }
                state.shutdownWaiters.append(continuation)
                return false
            }
            if isClosed {
                continuation.resume()
            } else {
                post(.shutDown)
            }
        }
    }

    private func wake() {
        var one: UInt64 = 1
        // It can only fail with EAGAIN, when the counter is full: then the loop wakes anyway.
        _ = write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Loop: makes the descriptor silent again; called before `take`, so that no command is missed.
    func acknowledgeWake() {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, MemoryLayout<UInt64>.size)
    }

    private func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }
}
