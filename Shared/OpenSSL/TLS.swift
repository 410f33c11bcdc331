import COpenSSL
import Errors

/// What OpenSSL refused.
package struct TLSError: DescribedError, Sendable {
    /// What was to be done, and why it failed.
    package let description: String

    static func last(_ what: String) -> TLSError {
        var buffer = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_get_error(), &buffer, buffer.count)
        let reason = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return TLSError(description: "\(what): \(reason)")
    }
}

/// The certificate and settings of a TLS server: TLS 1.2 and 1.3, HTTP/1.1 by ALPN.
package final class TLSContext: @unchecked Sendable {
    // Unchecked, because OpenSSL counts the references of a context under its own lock, and it is not changed after
    // init.
    fileprivate let context: OpaquePointer

    /// Loads certificate chain and key from PEM files.
    /// - Throws: ``TLSError`` when they cannot be read or do not fit together.
    package init(certificatePath: String, keyPath: String) throws(TLSError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .last("a TLS context could not be made") }
        self.context = context
        copenssl_configure_server(context)
        guard SSL_CTX_use_certificate_chain_file(context, certificatePath) == 1 else {
            throw .last("the certificate \(certificatePath) could not be loaded")
        }
        guard SSL_CTX_use_PrivateKey_file(context, keyPath, SSL_FILETYPE_PEM) == 1 else {
            throw .last("the key \(keyPath) could not be loaded or is not the certificate's")
        }
    }

    deinit {
        SSL_CTX_free(context)
    }
}

/// TLS over one socket, which stays the caller's.
///
/// Not to be used by two threads at once.
package final class TLSSession {
    /// What a read or write came to.
    package enum Outcome {
        /// So many bytes.
        case bytes(Int)
        /// The peer has ended the session.
        case end
        /// The socket must become ready first.
        case wouldBlock
        /// The session is broken.
        case failed
    }

    private let session: OpaquePointer

    /// Begins a session as the server; the handshake happens with the first reads.
    /// - Returns: nil when memory has run out.
    package init?(descriptor: Int32, context: TLSContext) {
        guard let session = SSL_new(context.context) else { return nil }
        self.session = session
        SSL_set_fd(session, descriptor)
        SSL_set_accept_state(session)
    }

    deinit {
        SSL_free(session)
    }

    /// Reads what is there.
    package func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Outcome {
        ERR_clear_error()
        return outcome(of: SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count)))
    }

    /// Writes what fits.
    package func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        ERR_clear_error()
        let outcome = outcome(of: SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)))
        if case .end = outcome { return .failed }
        return outcome
    }

    /// Says that nothing more will be sent.
    package func closeSending() {
        ERR_clear_error()
        SSL_shutdown(session)
    }

    private func outcome(of count: Int32) -> Outcome {
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        default: return .failed
        }
    }
}
