import Errors

/// Why the harness could not do what a test asked of it.
package struct TestKitError: DescribedError {
    /// What kind of failure it is.
    package enum Code: Sendable {
        /// A server or a tool that the tests need is not on this machine.
        case missingProgram
        /// A process could not be started, or ended at once.
        case startFailed
        /// Something did not happen in time.
        case timeout
        /// A call on a socket failed.
        case socket
        /// A helper program failed.
        case commandFailed
        /// A process did not end as it must when it is asked to.
        case badExit
    }

    /// What kind of failure it is.
    package let code: Code
    /// What went wrong and what to do.
    package let message: String

    /// Whether trying again may help: false, because a test must fail where the trouble is.
    package var isRetriable: Bool { false }

    /// The code and the message.
    package var description: String { "\(code): \(message)" }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
