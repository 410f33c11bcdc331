import CCurl
import Glibc
import Synchronization

/// An HTTP client with a pool of connections that are used again.
///
/// One thread of its own runs every exchange (libcurl's multi interface over epoll), so no thread of Swift's pool ever
/// blocks. Cancelling the calling task aborts the exchange and closes its connection. A request on a connection that
/// the peer has closed meanwhile is sent once more on a new one, if not a byte of the response has come.
///
/// ```swift
/// let client = try HTTPClientPool()
/// let response = try await client.send(HTTPClientRequest(url: "http://127.0.0.1:8010/livez"))
/// let stream = try await client.stream(HTTPClientRequest(method: "POST", url: url, body: bytes))
/// for try await piece in stream.body { … }
/// await client.shutDown()
/// ```
package final class HTTPClientPool: Sendable {
    /// What the client was made with.
    package let configuration: Configuration
    private let mailbox: TransferMailbox

    /// libcurl asks for this once in a process, before any thread uses it.
    private static let initialization = curl_global_init(Int(CURL_GLOBAL_ALL))

    /// Starts the client's thread.
    ///
    /// - Throws: `overloaded` if the process may not open more files or threads.
    package init(_ configuration: Configuration = Configuration()) throws(HTTPClientError) {
        precondition(configuration.transfersMax > 0 && configuration.streamBufferBytesMax > 0, "limits are positive")
        guard Self.initialization == CURLE_OK else {
            throw HTTPClientError(code: .overloaded, message: "libcurl could not be initialised")
        }
        self.configuration = configuration
        self.mailbox = try TransferMailbox()
        try startThread(TransferLoop(mailbox: mailbox, configuration: configuration))
    }

    deinit {
        mailbox.post(.shutDown)
    }

    /// Sends the request and collects the body of the response, whatever its status.
    ///
    /// - Throws: `HTTPClientError`; `bodyTooLarge` if the body passes `collectedBodyBytesMax`.
    package func send(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse {
        try request.validate()
        let transfer = Transfer(request: request, configuration: configuration)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.delivery = .collect(continuation)
                start(transfer)
            }
        } onCancel: {
            mailbox.post(.cancel(transfer))
        }
        return try result.get()
    }

    /// Sends the request and returns when the head of the response has come; its body is read as it arrives.
    ///
    /// - Throws: `HTTPClientError`, also later from the body.
    package func stream(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientStream {
        try request.validate()
        let transfer = Transfer(request: request, configuration: configuration)
        let lease = TransferLease(transfer: transfer, mailbox: mailbox)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.delivery = .stream(continuation)
                start(transfer)
            }
        } onCancel: {
            lease.cancel()
        }
        let head = try result.get()
        return HTTPClientStream(status: head.status, headers: head.headers, body: HTTPClientBody(lease: lease))
    }

    /// Ends the client: exchanges under way fail with `shutDown`, connections are closed, the thread ends.
    package func shutDown() async {
        await mailbox.shutDown()
    }

    private func start(_ transfer: Transfer) {
        if !mailbox.post(.start(transfer)) {
            transfer.finish(.shutDown)
        }
    }
}

/// Runs the loop on a detached thread that holds it until it ends.
private func startThread(_ loop: sending TransferLoop) throws(HTTPClientError) {
    let context = Unmanaged.passRetained(loop).toOpaque()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let result = pthread_create(
        &thread,
        &attributes,
        { context in
            guard let context else { return nil }
            let waiters = Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
            // The loop is gone by now, and with it every connection.
            for waiter in waiters {
                waiter.resume()
            }
            return nil
        },
        context
    )
    guard result == 0 else {
        Unmanaged<TransferLoop>.fromOpaque(context).release()
        throw HTTPClientError(code: .overloaded, message: "no thread for the HTTP client (error \(result))")
    }
}
