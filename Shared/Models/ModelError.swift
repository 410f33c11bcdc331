import Errors

/// Why a model call failed.
///
/// `description` and `debugDescription` are safe to log: what a provider said is kept apart in `providerDetail`,
/// because providers quote prompts and parts of keys in their errors.
package struct ModelError: DescribedError, Sendable, Equatable, CustomDebugStringConvertible,
    CustomReflectable
{
    /// What kind of failure it was.
    package enum Code: String, Sendable, CaseIterable {
        /// No connection to the provider; nothing was sent.
        case connectFailed
        /// The time for the call, or for silence in it, passed.
        case timedOut
        /// The task was cancelled.
        case cancelled
        /// The provider does not accept the key (401, 403).
        case unauthorized
        /// The provider refuses the request (other 4xx).
        case invalidRequest
        /// The conversation is longer than what the model takes.
        case contextTooLong
        /// Too many requests or tokens (429).
        case rateLimited
        /// The provider fails or is overloaded (5xx, 408, 409).
        case unavailable
        /// The answer ended before it was complete.
        case incomplete
        /// The answer is not what the protocol says.
        case malformedResponse
        /// The answer passes a limit.
        case responseTooLarge
        /// The profile cannot be used as it is.
        case configuration
        /// This process makes as many calls as it may; nothing was sent.
        case overloaded
        /// The client was shut down.
        case shutDown
    }

    /// Bytes of a provider's own words that are kept.
    package static let providerDetailBytesMax = 500

    /// What kind of failure it was.
    package let code: Code
    /// What went wrong and what to do; safe to log.
    package let message: String
    /// The HTTP status, if there was one.
    package let status: Int?
    /// How long the provider asks to wait.
    package let retryAfter: Duration?
    /// The beginning of what the provider said, for the tenant's own eyes; may quote a prompt.
    ///
    /// Never log it.
    package let providerDetail: String?

    /// Makes an error; `message` must not hold text of a user or of a provider.
    package init(
        code: Code,
        message: String,
        status: Int? = nil,
        retryAfter: Duration? = nil,
        providerDetail: String? = nil
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
        self.providerDetail = providerDetail.map {
            String(decoding: $0.utf8.prefix(Self.providerDetailBytesMax), as: UTF8.self)
        }
    }

    /// Whether the same call may succeed if it is made again later.
    package var isRetriable: Bool {
        switch code {
        case .connectFailed, .timedOut, .rateLimited, .unavailable, .incomplete, .malformedResponse, .overloaded: true
        case .cancelled, .unauthorized, .invalidRequest, .contextTooLong, .responseTooLarge, .configuration, .shutDown:
            false
        }
    }

    /// The code and the message.
    package var description: String {
        "ModelError.\(code.rawValue): \(message)" + (status.map { " (HTTP \($0))" } ?? "")
    }

    /// The same as `description`.
    package var debugDescription: String { description }

    /// Shows what `description` shows, so that `dump` does not print the provider's words either.
    package var customMirror: Mirror {
        Mirror(self, children: ["description": description])
    }
}
