import Dispatch
import Glibc
import Synchronization

/// Turns signals of the process into a stream.
///
/// A handler writes the signal's number into a pipe and a dispatch source reads it. Ignoring the signal instead would
/// be passed on to child processes, which then could not be ended with it; handlers are not.
package enum ProcessSignals {
    /// The end that the handler writes to; -1 until the first stream is made.
    private static let pipeEnd = Atomic<Int32>(-1)
    private static let isPipeOpen = openPipe()
    private static let listeners = Mutex<[Int: Listener]>([:])

    private struct Listener: Sendable {
        let signals: Set<Int32>
        let continuation: AsyncStream<Int32>.Continuation
    }

    /// Signals as they arrive, from now on; their usual effect is switched off for good.
    package static func stream(of signals: Set<Int32>) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(8))
        let listener = Listener(signals: signals, continuation: continuation)
        precondition(isPipeOpen, "no file descriptors are left for the pipe that signals come through")
        let id = listeners.withLock { listeners in
            let id = (listeners.keys.max() ?? 0) + 1
            listeners[id] = listener
            return id
        }
        continuation.onTermination = { _ in
            listeners.withLock { _ = $0.removeValue(forKey: id) }
        }
        for number in signals {
            install(number)
        }
        return stream
    }

    /// Makes writes to closed connections fail with `EPIPE` in place of ending the process.
    package static func surviveBrokenPipes() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        action.sa_flags = SA_RESTART | SA_ONSTACK
        sigaction(SIGPIPE, &action, nil)
    }

    private static func install(_ number: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let savedError = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(ProcessSignals.pipeEnd.load(ordering: .relaxed), &byte, 1)
            errno = savedError
        }
        action.sa_flags = SA_RESTART | SA_ONSTACK
        sigaction(number, &action, nil)
    }

    /// Opens the pipe and reads from it for the rest of the process's life.
    private static func openPipe() -> Bool {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return false }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let readEnd = ends[0]
        let source = DispatchSource.makeReadSource(fileDescriptor: readEnd)
        source.setEventHandler {
            // The handler holds the source, which would end with its last reference.
            withExtendedLifetime(source) {}
            var byte: UInt8 = 0
            while read(readEnd, &byte, 1) == 1 {
                let number = Int32(byte)
                let waiting = listeners.withLock { $0.values.filter { $0.signals.contains(number) } }
                for listener in waiting {
                    listener.continuation.yield(number)
                }
            }
        }
        source.activate()
        pipeEnd.store(ends[1], ordering: .releasing)
        return true
    }
}
