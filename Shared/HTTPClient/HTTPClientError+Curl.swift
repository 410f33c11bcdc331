import CCurl

extension HTTPClientError {
    /// What a result of libcurl means.
    ///
    /// Its error buffer is not used: it can quote what the peer sent.
    init(_ result: CURLcode, of transfer: Transfer) {
        let code: Code
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY,
            CURLE_OPERATION_TIMEDOUT, CURLE_INTERFACE_FAILED:
            // The only timeout that libcurl itself watches is the one for connecting.
            code = .connectFailed
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            code = .connectionLost
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_SHUTDOWN_FAILED, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_USE_SSL_FAILED:
            code = .tls
        case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED:
            code = .badURL
        default:
            code = .protocolError
        }
        let reason = String(cString: curl_easy_strerror(result))
        self.init(code: code, message: "\(transfer.request.origin): \(reason) (libcurl \(result.rawValue))")
    }

    static func cancelled(_ transfer: Transfer) -> HTTPClientError {
        HTTPClientError(code: .cancelled, message: "the request to \(transfer.request.origin) was cancelled")
    }

    static func timedOut(_ transfer: Transfer, _ limit: String) -> HTTPClientError {
        HTTPClientError(code: .timedOut, message: "the request to \(transfer.request.origin) timed out: \(limit)")
    }

    static var shutDown: HTTPClientError {
        HTTPClientError(code: .shutDown, message: "the HTTP client was shut down")
    }
}
