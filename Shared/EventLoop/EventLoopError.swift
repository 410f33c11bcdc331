import Errors
import Glibc

/// What the kernel refused to an event loop.
package struct EventLoopError: DescribedError, Sendable, Hashable {
    /// What could not be done.
    package enum Code: String, Sendable, Hashable {
        /// No epoll or eventfd descriptor is to be had.
        case descriptors
        /// No thread is to be had.
        case thread
        /// The descriptor cannot be watched: closed, watched already, or a plain file.
        case registration
    }

    /// What could not be done.
    package let code: Code
    /// The `errno` of the call that failed.
    package let systemError: Int32

    /// Whether the same call can succeed later: only when the process or the system had run out of something.
    package var isRetriable: Bool {
        [EMFILE, ENFILE, ENOMEM, ENOSPC, EAGAIN].contains(systemError)
    }

    /// What went wrong, the system's reason, and what to do.
    package var description: String {
        let reason = String(cString: strerror(systemError))
        return switch code {
        case .descriptors:
            "no event loop can be made (\(reason)): raise the limit of open files (ulimit -n)"
        case .thread:
            "no thread can be started for an event loop (\(reason)): raise the limit of processes (ulimit -u)"
        case .registration:
            "a descriptor cannot be watched (\(reason)): it must be an open socket or pipe, registered once"
        }
    }
}
