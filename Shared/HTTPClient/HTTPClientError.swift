import Errors

/// Why a request could not be done.
///
/// Neither `message` nor `description` ever holds a path, a query, a header value or a body: those may be secrets or
/// the words of a user. The origin (`https://host:port`) is configuration and may be named.
package struct HTTPClientError: DescribedError, Sendable, Hashable {
    /// What kind of failure it was.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// No connection within the connect timeout, or it was refused, or the name did not resolve. Nothing was sent.
        case connectFailed
        /// The total or the idle timeout passed.
        case timedOut
        /// The connection broke before the response was complete.
        case connectionLost
        /// The body is longer than the limit for collected bodies.
        case bodyTooLarge
        /// The header block is longer than the limits.
        case headersTooLarge
        /// The task was cancelled, or the stream was dropped.
        case cancelled
        /// The TLS handshake or the check of the certificate failed.
        case tls
        /// The URL is not an `http` or `https` URL, or names a user.
        case badURL
        /// A method, header name or header value that cannot be sent.
        case badRequest
        /// The peer does not speak HTTP, or redirected too often.
        case protocolError
        /// More transfers are under way than the configuration allows.
        case overloaded
        /// The client was shut down.
        case shutDown
    }

    /// What kind of failure it was.
    package var code: Code
    /// What went wrong, with which origin, and what to do; safe to log.
    package var message: String

    /// Whether the same request may succeed if it is sent again later.
    package var isRetriable: Bool {
        switch code {
        case .connectFailed, .timedOut, .connectionLost, .overloaded: true
        case .bodyTooLarge, .headersTooLarge, .cancelled, .tls, .badURL, .badRequest, .protocolError, .shutDown: false
        }
    }

    /// The code and the message.
    package var description: String { "HTTPClientError.\(code.rawValue): \(message)" }

    /// Makes an error; `message` must not hold anything secret.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
