import EventLoop

/// Tasks of the application that wait for something on a connection, such as room in its output.
///
/// Confined to the loop's thread but for ``wait(unless:)``. A task may be woken without reason: it looks again and, if
/// need be, waits again. That keeps one list enough for several tasks and for cancellation.
final class LoopWaiters: @unchecked Sendable {
    // Unchecked, because the list is touched by the loop's thread alone.

    /// One wait; touched by the loop's thread alone.
    private final class Ticket: @unchecked Sendable {
        var isCancelled = false
    }

    private let loop: EpollLoop
    private var waiting: [UnsafeContinuation<Void, Never>] = []

    init(loop: EpollLoop) {
        self.loop = loop
    }

    /// Whether no task waits.
    var isEmpty: Bool { waiting.isEmpty }

    /// Wakes every task that waits.
    func wakeAll() {
        if waiting.isEmpty { return }
        let woken = waiting
        waiting = []
        for continuation in woken { continuation.resume() }
    }

    /// Waits for the next ``wakeAll()``, or until the task is cancelled.
    /// - Parameter isReady: Asked on the loop's thread; when it says yes there is no wait.
    func wait(unless isReady: @escaping @Sendable () -> Bool) async {
        let ticket = Ticket()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let park = { @Sendable in
                    if ticket.isCancelled || isReady() {
                        continuation.resume()
                    } else {
                        self.waiting.append(continuation)
                    }
                }
                if loop.isOnLoop {
                    park()
                } else if !loop.execute(park) {
                    // The loop has ended, and everything on it.
                    continuation.resume()
                }
            }
        } onCancel: {
            loop.execute {
                ticket.isCancelled = true
                self.wakeAll()
            }
        }
    }
}
