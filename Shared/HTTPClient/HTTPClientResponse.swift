/// The status and the header fields of a response.
package struct HTTPClientResponseHead: Sendable, Hashable {
    /// The status code, 200…599.
    package var status: Int
    /// The header fields.
    package var headers: HTTPClientHeaders

    /// A head.
    package init(status: Int, headers: HTTPClientHeaders = [:]) {
        self.status = status
        self.headers = headers
    }
}

/// A whole response.
package struct HTTPClientResponse: Sendable, Hashable {
    /// The status code, 200…599.
    package var status: Int
    /// The header fields.
    package var headers: HTTPClientHeaders
    /// The body, complete.
    package var body: [UInt8]

    /// A response.
    package init(status: Int, headers: HTTPClientHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// A response whose body is read while it arrives.
///
/// Dropping the stream without reading it to the end aborts the exchange and closes its connection.
package struct HTTPClientStream: Sendable {
    /// The status code, 200…599.
    package let status: Int
    /// The header fields.
    package let headers: HTTPClientHeaders
    /// The body in pieces as they arrive; for one reader.
    package let body: HTTPClientBody

    /// Says that nothing more will be read although the body may not have ended.
    ///
    /// If it ends within a second, its connection is used again; if not, the exchange is aborted.
    package func release() {
        body.lease.release()
    }

    /// Aborts the exchange; the reader of the body gets `cancelled`.
    package func cancel() {
        body.lease.cancel()
    }
}

/// The body of a streamed response: pieces as they arrived, never empty.
///
/// Throws if it ends before it is complete.
///
/// When the reader is slow, the socket is not read and the peer has to wait.
package struct HTTPClientBody: AsyncSequence, Sendable {
    /// A piece of the body.
    package typealias Element = [UInt8]
    /// What can end it early.
    package typealias Failure = HTTPClientError

    let lease: TransferLease

    /// Reads the pieces.
    package struct Iterator: AsyncIteratorProtocol {
        let lease: TransferLease

        /// What has arrived since the last call, or nil at the end; throws if the body was cut or the task was
        /// cancelled.
        package mutating func next() async throws(HTTPClientError) -> [UInt8]? {
            try await lease.read()
        }

        /// What has arrived since the last call, or nil at the end; throws if the body was cut or the task was
        /// cancelled.
        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(HTTPClientError) -> [UInt8]? {
            try await lease.read()
        }
    }

    /// The reader; a body has one.
    package func makeAsyncIterator() -> Iterator {
        Iterator(lease: lease)
    }
}
