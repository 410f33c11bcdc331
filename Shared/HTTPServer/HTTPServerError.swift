import Errors

/// Why a server could not start.
package struct HTTPServerError: DescribedError, Sendable {
    /// What could not be done.
    package enum Code: String, Sendable {
        /// The configuration contradicts itself.
        case configuration
        /// The address to listen on is not known.
        case address
        /// The address or port is taken, or may not be used.
        case listening
        /// No socket is to be had.
        case socket
        /// The certificate or its key cannot be used.
        case certificate
    }

    /// What could not be done.
    package let code: Code
    /// What failed, and what to do.
    package let description: String

    /// Whether the same start can succeed later.
    package var isRetriable: Bool { code == .listening || code == .socket }
}

/// Why a body could not be read, or an answer not be sent.
package enum HTTPConnectionError: DescribedError, Sendable, Equatable {
    /// The peer has gone, or the connection was ended.
    case closed
    /// The body is larger than the caller takes.
    case bodyTooLarge(bytesMax: Int)

    /// What happened.
    package var description: String {
        switch self {
        case .closed: "the client has gone or the connection was ended: there is nobody to answer"
        case .bodyTooLarge(let bytesMax): "the body is larger than \(bytesMax) bytes: send a smaller one"
        }
    }

    /// Whether trying again on the same connection can help.
    package var isRetriable: Bool { false }
}

extension HTTPConnectionError: HTTPErrorConvertible {
    /// A body that did not come is the client's fault (400), as is one that is too large (413).
    package var response: HTTPResponse {
        switch self {
        case .closed: .problem(status: 400, detail: "The request ended before its body was complete.")
        case .bodyTooLarge(let bytesMax): .problem(status: 413, detail: "The body is larger than \(bytesMax) bytes.")
        }
    }
}
