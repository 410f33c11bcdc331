import Synchronization

/// One exchange, from the call until its result was handed over.
///
/// `@unchecked Sendable`: it is made by the caller and from `TransferMailbox.post` on only its loop's thread touches
/// the `var`s; what the caller's task shares with the loop afterwards is `channel` (a mutex) and `isCancelled` (an
/// atomic).
final class Transfer: @unchecked Sendable {
    /// Where the result goes.
    ///
    /// A continuation is resumed once, by the loop.
    enum Delivery {
        case collect(CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>)
        case stream(CheckedContinuation<Result<HTTPClientResponseHead, HTTPClientError>, Never>)
        case delivered
    }

    typealias Reader = CheckedContinuation<BodyStateMachine.ReadAction, Never>

    struct Channel {
        var machine: BodyStateMachine
        var reader: Reader?
    }

    let request: HTTPClientRequest
    let configuration: HTTPClientPool.Configuration
    let isCancelled = Atomic<Bool>(false)
    let channel: Mutex<Channel>

    var delivery = Delivery.delivered
    var parser: ResponseHeadParser
    var body: [UInt8] = []
    /// Why a callback stopped the transfer; takes precedence over what libcurl makes of that.
    var failure: HTTPClientError?
    /// When the whole exchange must be over, in nanoseconds of the monotonic clock.
    var deadline: UInt64 = .max
    /// The idle limit in nanoseconds, or nil.
    var idleLimit: UInt64?
    /// When the last byte arrived; before the first one, when the request had its connection.
    var lastActivity: UInt64 = 0
    /// Whether the request has had a connection: until then it waits for others, and its peer is not silent.
    var hasConnection = false
    var isPaused = false
    /// The reader was released: what still comes is dropped.
    var isDiscarding = false
    var handle: EasyHandle?

    init(request: HTTPClientRequest, configuration: HTTPClientPool.Configuration) {
        self.request = request
        self.configuration = configuration
        self.parser = ResponseHeadParser(
            bytesMax: configuration.headerBytesMax,
            countMax: configuration.headerCountMax,
            followsRedirects: request.followsRedirects
        )
        self.channel = Mutex(
            Channel(machine: BodyStateMachine(bufferBytesMax: configuration.streamBufferBytesMax), reader: nil)
        )
    }

    // MARK: The loop's side

    /// Notes when the exchange has to be over.
    func startClock(now: UInt64) {
        var limit = request.timeout ?? configuration.timeout
        if let deadline = request.deadline {
            limit = min(limit, ContinuousClock.now.duration(to: deadline))
        }
        self.deadline = now &+ limit.clampedNanoseconds
        idleLimit = request.idleTimeout?.clampedNanoseconds
        lastActivity = now
    }

    /// The next moment at which a limit may have passed.
    var nextCheck: UInt64 {
        guard let idleLimit, !isPaused else { return deadline }
        return min(deadline, lastActivity &+ idleLimit)
    }

    /// Which limit has passed, in words; nil when none has.
    func passedLimit(now: UInt64) -> String? {
        if now >= deadline { return "the time for the whole exchange" }
        guard now >= nextCheck else { return nil }
        if hasConnection { return "the time without a byte" }
        // It is looked at again when the limit would pass if the connection came now, so never too late.
        lastActivity = now
        return nil
    }

    /// Takes a header line; false stops the transfer.
    func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        switch parser.receive(line) {
        case .none: break
        case .complete: deliverHead()
        case .tooLarge:
            failure = HTTPClientError(
                code: .headersTooLarge,
                message: "the response of \(request.origin) has more than \(configuration.headerBytesMax) bytes or "
                    + "\(configuration.headerCountMax) lines of headers"
            )
            return false
        }
        return true
    }

    enum BodyAction {
        case taken
        case pause
        case stop
    }

    /// Takes a piece of the body.
    func receiveBody(_ bytes: UnsafeRawBufferPointer) -> BodyAction {
        if parser.finish() == .complete {
            deliverHead()
        }
        guard !isDiscarding else { return .taken }
        if case .collect = delivery {
            guard body.count + bytes.count <= configuration.collectedBodyBytesMax else {
                failure = HTTPClientError(
                    code: .bodyTooLarge,
                    message: "the response of \(request.origin) is longer than "
                        + "\(configuration.collectedBodyBytesMax) bytes; stream it or raise the limit"
                )
                return .stop
            }
            body.append(contentsOf: bytes)
            return .taken
        }
        let (action, reader): (BodyStateMachine.ReceiveAction, Reader?) = channel.withLock { channel in
            let action = channel.machine.received(bytes)
            guard case .deliver = action else { return (action, nil) }
            return (action, channel.reader.take())
        }
        switch action {
        case .kept: return .taken
        case .pause:
            isPaused = true
            return .pause
        case .deliver(let bytes):
            reader?.resume(returning: .deliver(bytes, resumes: false))
            return .taken
        }
    }

    /// Hands over the end of the exchange: `error`, or success if it is nil.
    func finish(_ error: HTTPClientError?) {
        var error = error
        if error == nil, !parser.isComplete, parser.finish() != .complete {
            error = HTTPClientError(code: .protocolError, message: "\(request.origin) sent no response head")
        }
        switch delivery {
        case .collect(let continuation):
            delivery = .delivered
            if let error {
                continuation.resume(returning: .failure(error))
            } else {
                let head = parser.head
                let response = HTTPClientResponse(status: head.status, headers: head.headers, body: body)
                continuation.resume(returning: .success(response))
            }
        case .stream(let continuation):
            delivery = .delivered
            continuation.resume(returning: error.map { .failure($0) } ?? .success(parser.head))
            endBody(error)
        case .delivered:
            endBody(error)
        }
    }

    private func deliverHead() {
        guard case .stream(let continuation) = delivery else { return }
        delivery = .delivered
        continuation.resume(returning: .success(parser.head))
    }

    private func endBody(_ error: HTTPClientError?) {
        let (action, reader) = channel.withLock { channel in
            (channel.machine.ended(error), channel.reader.take())
        }
        if let action {
            reader?.resume(returning: action)
        }
    }
}

/// The reader's hold on a streamed exchange; letting go of it aborts the exchange.
final class TransferLease: Sendable {
    private let transfer: Transfer
    private let mailbox: TransferMailbox
    private let isReleased = Atomic<Bool>(false)

    init(transfer: Transfer, mailbox: TransferMailbox) {
        self.transfer = transfer
        self.mailbox = mailbox
    }

    deinit {
        if !isReleased.load(ordering: .acquiring) {
            mailbox.post(.cancel(transfer))
        }
    }

    func release() {
        isReleased.store(true, ordering: .releasing)
        mailbox.post(.release(transfer))
    }

    func cancel() {
        mailbox.post(.cancel(transfer))
    }

    func read() async throws(HTTPClientError) -> [UInt8]? {
        let action = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let action = transfer.channel.withLock { channel in
                    let action = channel.machine.read()
                    if action == .wait {
                        channel.reader = continuation
                    }
                    return action
                }
                if action != .wait {
                    continuation.resume(returning: action)
                }
            }
        } onCancel: {
            mailbox.post(.cancel(transfer))
        }
        switch action {
        case .deliver(let bytes, let resumes):
            if resumes {
                mailbox.post(.resume(transfer))
            }
            return bytes
        case .wait, .end:
            return nil
        case .fail(let error):
            throw error
        }
    }
}

extension Duration {
    /// Nanoseconds from 0 up to about 146 years, which no deadline needs to pass.
    var clampedNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < Int64.max / 2_000_000_000 else { return UInt64(Int64.max / 2) }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
