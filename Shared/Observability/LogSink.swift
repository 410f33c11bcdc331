import Glibc
import Synchronization

/// Where log lines go.
///
/// A sink is called from any thread, and takes a whole line (with its newline) at a time.
package protocol LogSink: Sendable {
    /// Takes one line.
    func write(_ line: [UInt8])
}

/// Writes lines to a file descriptor, each with one `write(2)` call.
///
/// Lines are no longer than `PIPE_BUF`, so that lines of several threads do not mix on a pipe either. A line that
/// cannot be written (the reader is gone, the disk is full) is dropped and counted: logging never stops the work.
package final class FileDescriptorSink: LogSink {
    /// The process's standard error.
    package static let standardError = FileDescriptorSink(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let dropped = Atomic<UInt64>(0)

    /// Makes a sink over a descriptor, which stays the caller's to close.
    package init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// How many lines could not be written.
    package var droppedCount: UInt64 {
        dropped.load(ordering: .relaxed)
    }

    /// Writes the line or drops it.
    package func write(_ line: [UInt8]) {
        let isWritten = line.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&poller, 1, 100) <= 0 { return false }
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
        if !isWritten {
            dropped.add(1, ordering: .relaxed)
        }
    }
}

/// Keeps lines in memory, for tests that look at what was logged.
package final class MemorySink: LogSink {
    private let storage = Mutex<[String]>([])

    /// Makes an empty sink.
    package init() {}

    /// The lines so far, without their newlines.
    package var lines: [String] {
        storage.withLock { $0 }
    }

    /// Keeps the line.
    package func write(_ line: [UInt8]) {
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        storage.withLock { $0.append(text) }
    }
}

/// Takes lines and forgets them.
struct NullSink: LogSink {
    func write(_ line: [UInt8]) {}
}
