import CSystem
import Glibc

/// Wakes a thread that waits: an eventfd, which librdkafka's queues and our own code may both signal.
///
/// A signal that comes while nobody waits is kept; several become one.
final class Wakeup: Sendable {
    /// The descriptor; stays open as long as this object lives.
    let descriptor: Int32

    init() throws {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else {
            throw BusError(.refused, "the system gives no eventfd (errno \(errno)); raise its limit of open files")
        }
    }

    deinit {
        close(descriptor)
    }

    /// Wakes the waiting thread, now or at its next wait.
    func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Waits for a signal for at most this long and takes all signals away.
    func wait(milliseconds: Int) {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if poll(&poller, 1, Int32(clamping: max(0, milliseconds))) > 0 {
            var count: UInt64 = 0
            _ = read(descriptor, &count, 8)
        }
    }
}
